"""Whether a PEFT adapter belongs to a Qwen3-VL checkpoint."""

from __future__ import annotations

from pathlib import Path

from vtb.models.families import LoraReport
from vtb.models.qwen3_vl.adapter import ADAPTER, read_adapter
from vtb.models.qwen3_vl.checkpoint import weight_files
from vtb.models.structure import Shapes, read_shapes


def check_lora(directory: Path, file: Path) -> LoraReport:
    """How many of an adapter's layers fit the model, which do not, and which are zero.

    `file` is `adapter_model.safetensors` or the directory that holds it. Of the model only the
    headers are read.
    """
    path = file / ADAPTER if file.is_dir() else file
    adapter = read_adapter(path)
    layers = _layers(directory)
    fitting = [name for name, pair in adapter.pairs.items() if pair.fits(layers.get(name, ()))]
    return LoraReport(
        file=path,
        matched=len(fitting),
        unmatched=tuple(name for name in adapter.pairs if name not in fitting),
        zero=tuple(name for name in fitting if adapter.pairs[name].is_zero()),
        faults=(),
        warnings=(),
        layout=adapter.layout,
        ranks=adapter.ranks,
        alphas=adapter.alphas,
        metadata=adapter.metadata,
    )


def _layers(directory: Path) -> Shapes:
    shapes = read_shapes(directory / file for file in weight_files(directory))
    return {name.removesuffix(".weight"): shape for name, shape in shapes.items()}
