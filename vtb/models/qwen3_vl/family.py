"""Qwen3-VL as `vtb models` sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vtb.core.errors import UsageError
from vtb.models.families import LoraReport, Merged, ModelFamily, Part
from vtb.models.qwen3_vl import checkpoint
from vtb.models.structure import Shapes, structure_hash


class Qwen3VLFamily(ModelFamily):
    """The dense Qwen3-VL models of all sizes; `config.json` says which."""

    name = checkpoint.FAMILY
    command = "vlm"
    presets = ("tiny", "mini")

    def write(self, directory: Path, preset: str, seed: int) -> int:
        from vtb.models.qwen3_vl.tiny import write_checkpoint

        return write_checkpoint(directory, preset, seed)

    def fit(self, directory: Path) -> int:
        return checkpoint.fit(directory)

    def parts(self, directory: Path) -> tuple[Part, ...]:
        return (
            Part("config", (checkpoint.CONFIG, checkpoint.GENERATION)),
            self._model(directory),
            Part("processor", checkpoint.processor_files(directory)),
        )

    def expected_shapes(self, part: Part) -> Shapes:
        from vtb.models.qwen3_vl.architecture import shapes_of

        return shapes_of(part.arguments)

    def check_lora(self, directory: Path, file: Path, expert: str | None = None) -> LoraReport:
        from vtb.models.qwen3_vl.lora_check import check_lora

        _refuse(expert)
        return check_lora(directory, file)

    def merge_loras(
        self,
        files: Sequence[Path],
        weights: Sequence[float],
        directory: Path,
        out: Path,
        *,
        expert: str | None = None,
        force: bool = False,
    ) -> Merged:
        from vtb.models.qwen3_vl.lora_merge import merge

        _refuse(expert)
        return merge(files, weights, directory, out, force=force)

    def _model(self, directory: Path) -> Part:
        files = checkpoint.weight_files(directory)
        if not (directory / checkpoint.CONFIG).is_file():
            return Part("model", files)  # nothing is known of its tensors
        part = Part("model", files, arguments=checkpoint.read_config(directory))
        return replace(part, structure_hash=structure_hash(self.expected_shapes(part)))


def _refuse(expert: str | None) -> None:
    if expert is not None:
        raise UsageError(f"{checkpoint.FAMILY} has no experts", hint="leave --expert out")


QWEN3_VL = Qwen3VLFamily()
