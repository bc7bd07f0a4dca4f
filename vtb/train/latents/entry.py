"""One file of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from vtb.core.errors import UnreadableError
from vtb.core.files import atomic_write
from vtb.train.latents.keys import FORMAT_VERSION

DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}


def write_entry(
    path: Path, tensors: Mapping[str, Tensor], *, dtype: str, metadata: Mapping[str, str | int]
) -> None:
    """Writes tensors as `bf16` or `fp32`, all of them or nothing; DiskError when it is full."""
    stored = {name: tensor.to(DTYPES[dtype]).contiguous() for name, tensor in tensors.items()}
    texts = {name: str(value) for name, value in metadata.items()}
    atomic_write(path, save(stored, {**texts, "format_version": str(FORMAT_VERSION)}))


def read_entry(path: Path) -> dict[str, Tensor]:
    """The tensors of a file; raises UnreadableError naming the file."""
    try:
        # Not `load_file`, which maps the file: other threads would wait for it twice as long.
        return load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise UnreadableError(
            f"`{path}` cannot be read",
            fact=str(error),
            hint="repeat the command: what the cache lacks is encoded again",
        ) from error
