"""Qwen3-VL as `vtb models` sees it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vtb.models.families import LoraReport, ModelFamily, Part
from vtb.models.qwen3_vl import checkpoint
from vtb.models.structure import Shapes, structure_hash


class Qwen3VLFamily(ModelFamily):
    """The dense Qwen3-VL models of all sizes; `config.json` says which."""

    name = checkpoint.FAMILY
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

    def check_lora(self, directory: Path, file: Path) -> LoraReport:
        from vtb.models.qwen3_vl.lora_check import check_lora

        return check_lora(directory, file)

    def _model(self, directory: Path) -> Part:
        files = checkpoint.weight_files(directory)
        if not (directory / checkpoint.CONFIG).is_file():
            return Part("model", files)  # nothing is known of its tensors
        part = Part("model", files, arguments=checkpoint.read_config(directory))
        return replace(part, structure_hash=structure_hash(self.expected_shapes(part)))


QWEN3_VL = Qwen3VLFamily()
