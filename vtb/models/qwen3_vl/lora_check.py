"""Whether a PEFT adapter belongs to a Qwen3-VL checkpoint."""

from __future__ import annotations

from pathlib import Path

from vtb.core.errors import UnreadableError
from vtb.models.families import LoraReport
from vtb.models.qwen3_vl.adapter import adapter_file, read_adapter
from vtb.models.qwen3_vl.checkpoint import weight_files
from vtb.models.structure import Shapes, read_shapes
from vtb.models.wan.lora_file import Lora


def check_lora(directory: Path, file: Path) -> LoraReport:
    """How many of an adapter's layers fit the model, which do not, and which are zero.

    `file` is `adapter_model.safetensors` or the directory that holds it. Of the model only the
    headers are read.
    """
    path = adapter_file(file)
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


def require_adapter(directory: Path, file: Path) -> Lora:
    """The adapter; raises UnreadableError unless each of its layers fits the model and changes it.

    A layer that changes nothing stands for a training that never reached it.
    """
    report = check_lora(directory, file)
    wrong = [*report.unmatched, *report.zero]
    if wrong:
        raise UnreadableError(
            f"`{report.file}` does not fit `{directory}`",
            fact=f"{len(report.unmatched)} layers match nothing and {len(report.zero)} change "
            f"nothing, such as `{wrong[0]}`",
            hint=f"vtb models check {directory} --lora {report.file}",
        )
    return read_adapter(report.file)


def _layers(directory: Path) -> Shapes:
    shapes = read_shapes(directory / file for file in weight_files(directory))
    return {name.removesuffix(".weight"): shape for name, shape in shapes.items()}
