"""Writing a part of a Wan checkpoint in the published layout."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from vtb.models.families import Part


def write_part(
    directory: Path,
    part: Part,
    weights: Mapping[str, Tensor],
    *,
    dtype: torch.dtype,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Writes the files of one model below `directory`, its tensors on the CPU in `dtype`.

    A transformer comes in shards with an index, whose headers hold the `metadata`; other models
    are a state dict in one file, which has no place for it.
    """
    stored = {
        name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in weights.items()
    }
    if part.architecture == "dit":
        _write_shards(directory, part.files, stored, {"format": "pt", **(metadata or {})})
    else:
        torch.save(stored, directory / part.files[0])


def _write_shards(
    directory: Path,
    files: Sequence[str],
    weights: Mapping[str, Tensor],
    metadata: Mapping[str, str],
) -> None:
    folder = (directory / files[0]).parent
    folder.mkdir(exist_ok=True)
    names = list(weights)
    per_file = math.ceil(len(names) / len(files))
    weight_map: dict[str, str] = {}
    for i, file in enumerate(files):
        shard = {name: weights[name] for name in names[i * per_file : (i + 1) * per_file]}
        save_file(shard, directory / file, metadata=dict(metadata))
        weight_map |= dict.fromkeys(shard, Path(file).name)
    size = sum(weight.nbytes for weight in weights.values())
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    path = folder / "diffusion_pytorch_model.safetensors.index.json"
    path.write_text(json.dumps(index, indent=2) + "\n")
