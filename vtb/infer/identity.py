"""What identifies the weights a prediction was made with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

EDGE_BYTES = 1 << 20


def weights_fingerprint(files: Iterable[Path]) -> str:
    """A hash of names, sizes and the first and last MiB of each file, as 32 hex digits.

    Reading the tens of GB of a model for every run would take minutes; a safetensors header and
    the last tensors tell any two checkpoints apart in practice.
    """
    digest = hashlib.blake2b(digest_size=16)
    for path in files:
        size = path.stat().st_size
        digest.update(f"{path.name}/{size}/".encode())
        with path.open("rb") as file:
            digest.update(file.read(EDGE_BYTES))
            file.seek(max(0, size - EDGE_BYTES))
            digest.update(file.read(EDGE_BYTES))
    return digest.hexdigest()
