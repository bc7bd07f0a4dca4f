"""Names and shapes of the tensors in checkpoint files, read without their data."""

from __future__ import annotations

import hashlib
import json
import math
import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from vtb.core.errors import UnreadableError

Shapes: TypeAlias = dict[str, tuple[int, ...]]
MAX_HEADER_BYTES = 100_000_000  # the safetensors format's own limit


def structure_hash(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """md5 over names and shapes, as hex; diffsynth recognises models by this value.

    Two strings per tensor, `name:dim0_dim1…` and `name`, sorted and joined by commas.
    """
    named = (f"{name}:{'_'.join(map(str, shape))}" for name, shape in shapes.items())
    text = ",".join(sorted([*shapes, *named]))
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def differing(shapes: Shapes, others: Shapes) -> list[str]:
    """Names of the tensors that only one of two models has, or in another shape."""
    return sorted({name for name, _ in shapes.items() ^ others.items()})


def parameter_count(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Number of elements of all tensors together."""
    return sum(math.prod(shape) for shape in shapes.values())


def read_shapes(files: Iterable[Path]) -> Shapes:
    """Shapes of all tensors in the shards of one model, by name.

    safetensors: the header only, and the file's length must agree with it. `.pth`: the state dict
    is mapped, not read (imports torch). Raises UnreadableError naming the file.
    """
    shapes: Shapes = {}
    for file in files:
        read = _safetensors_shapes if file.suffix == ".safetensors" else _state_dict_shapes
        shapes.update(read(file))
    return shapes


def _safetensors_shapes(file: Path) -> Shapes:
    try:
        header, data_bytes = _safetensors_header(file)
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        end = max((entry["data_offsets"][1] for entry in tensors.values()), default=0)
        shapes = {name: tuple(entry["shape"]) for name, entry in tensors.items()}
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise _unreadable(file, "no safetensors header") from error
    if end != data_bytes:
        raise _unreadable(file, f"{data_bytes} bytes of data, the header says {end}")
    return shapes


def _safetensors_header(file: Path) -> tuple[dict[str, Any], int]:
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > MAX_HEADER_BYTES:
            raise ValueError("header too long")
        header = json.loads(stream.read(length))
    return header, file.stat().st_size - 8 - length


def _state_dict_shapes(file: Path) -> Shapes:
    import torch

    try:
        state = torch.load(file, map_location="cpu", mmap=True, weights_only=True)
        return {name: tuple(tensor.shape) for name, tensor in state.items()}
    except (OSError, RuntimeError, ValueError, AttributeError, pickle.UnpicklingError) as error:
        raise _unreadable(file, "no PyTorch state dict of plain tensors") from error


def _unreadable(file: Path, fact: str) -> UnreadableError:
    return UnreadableError(
        f"`{file}` cannot be read", fact=fact, hint="copy or download this file again"
    )
