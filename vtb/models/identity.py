"""What identifies the weights a prediction was made with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

BLOCKS, BLOCK_BYTES = 64, 1 << 16


def weights_fingerprint(files: Iterable[Path]) -> str:
    """A hash of names, sizes and 64 evenly spread blocks of 64 KiB of each file, as 32 hex digits.

    Reading the tens of GB of a model for every run would take minutes. The first block holds a
    safetensors header; the others tell a fine-tuned model or a merged LoRA from its base.
    """
    digest = hashlib.blake2b(digest_size=16)
    for path in files:
        size = path.stat().st_size
        digest.update(f"{path.name}/{size}/".encode())
        with path.open("rb") as file:
            for block in range(BLOCKS):
                file.seek(max(0, size - BLOCK_BYTES) * block // (BLOCKS - 1))
                digest.update(file.read(BLOCK_BYTES))
    return digest.hexdigest()
