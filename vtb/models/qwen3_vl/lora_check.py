"""Whether a PEFT adapter belongs to a Qwen3-VL checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vtb.core.errors import UnreadableError
from vtb.core.files import read_json
from vtb.models.families import LoraReport
from vtb.models.identity import weights_fingerprint
from vtb.models.lora.file import Lora
from vtb.models.qwen3_vl.adapter import ADAPTER_CONFIG, adapter_file, read_adapter
from vtb.models.qwen3_vl.checkpoint import weight_files
from vtb.models.structure import Shapes, read_shapes


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
        warnings=tuple(base_warnings(directory, path)),
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


def base_warnings(directory: Path, file: Path) -> Iterator[str]:
    """Says when an adapter was made on other weights; they may be the same in other shards.

    Its configuration has the path of its base, of which nothing is known once it is gone.
    """
    recorded = read_json(file.with_name(ADAPTER_CONFIG)).get("base_model_name_or_path")
    if recorded is None:
        return
    made_on = _weights(Path(recorded))
    if not all(path.is_file() for path in made_on):
        return
    if weights_fingerprint(made_on) != weights_fingerprint(_weights(directory)):
        yield f"`{file}` was made on other weights, those of `{recorded}`"


def _layers(directory: Path) -> Shapes:
    shapes = read_shapes(_weights(directory))
    return {name.removesuffix(".weight"): shape for name, shape in shapes.items()}


def _weights(directory: Path) -> list[Path]:
    return [directory / file for file in weight_files(directory)]
