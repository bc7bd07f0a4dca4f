"""Weights in safetensors shards, one tensor at a time: models are larger than memory."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from vtb.core.errors import UnreadableError
from vtb.models.lora.file import Lora
from vtb.run.progress import Advance

# Adding to 8-bit weights would lose most of the update.
MERGEABLE = (torch.float32, torch.bfloat16, torch.float16)


def changes(shard: Path, loras: Iterable[tuple[Lora, float]]) -> bool:
    """Whether one of the LoRAs has an update for a weight in this shard."""
    updated = {f"{module}.weight" for lora, _ in loras for module in lora.pairs}
    return bool(updated) and not updated.isdisjoint(_offsets(shard))


def merge_shard(
    source: Path, target: Path, loras: Sequence[tuple[Lora, float]], advance: Advance
) -> None:
    """Copies a shard and overwrites the tensors that LoRAs, each times its weight, change.

    Header, dtypes and all other bytes stay; sums are taken in float32. Raises UnreadableError
    for quantised weights.
    """
    shutil.copyfile(source, target)
    with safe_open(source, framework="pt") as weights, target.open("r+b") as file:
        for name, offset in _offsets(source).items():
            module = name.removesuffix(".weight")
            added = [(lora.pairs[module], w) for lora, w in loras if module in lora.pairs]
            if not added:
                continue
            base: Tensor = weights.get_tensor(name)
            if base.dtype not in MERGEABLE:
                raise UnreadableError(
                    f"`{source}` is quantised",
                    fact=f"`{name}` is {base.dtype}",
                    hint="merge into the unquantised model, or apply the LoRA with --lora",
                )
            merged = base.float()
            for pair, weight in added:
                merged = merged + weight * pair.product()
            file.seek(offset)
            file.write(merged.to(base.dtype).contiguous().view(torch.uint8).numpy().data)
            advance(len(added))


def paired_weights(
    base: Iterable[Path], other: Iterable[Path]
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Each tensor of a model with that of the same name in another, whatever their shards."""
    with ExitStack() as stack:
        handles: list[Any] = [stack.enter_context(safe_open(p, framework="pt")) for p in other]
        holder = {name: handle for handle in handles for name in handle.keys()}  # noqa: SIM118
        for path in base:
            with safe_open(path, framework="pt") as file:
                for name in list(file.keys()):
                    yield name, file.get_tensor(name), holder[name].get_tensor(name)


def _offsets(file: Path) -> dict[str, int]:
    """Where the data of each tensor begins, in bytes from the start of a safetensors file."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header: dict[str, Any] = json.loads(stream.read(length))
    header.pop("__metadata__", None)
    return {name: 8 + length + entry["data_offsets"][0] for name, entry in header.items()}
