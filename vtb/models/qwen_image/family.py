"""The Qwen-Image families as `vtb models` sees them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vtb.models.families import LoraReport, Merged, ModelFamily, Part
from vtb.models.qwen_image import variants
from vtb.models.qwen_image.checkpoint import fit, open_checkpoint
from vtb.models.structure import Shapes


class QwenImageFamily(ModelFamily):
    """One Qwen-Image variant in its published layout."""

    command = "image"
    presets = ("tiny",)

    def __init__(self, variant: variants.QwenImageVariant) -> None:
        self.name = variant.family
        self._variant = variant

    def write(self, directory: Path, preset: str, seed: int) -> int:
        from vtb.models.qwen_image.tiny import write_checkpoint

        return write_checkpoint(directory, self._variant, preset, seed)

    def fit(self, directory: Path) -> int:
        return fit(directory, self._variant)

    def parts(self, directory: Path) -> tuple[Part, ...]:
        return open_checkpoint(directory, self._variant).parts

    def expected_shapes(self, part: Part) -> Shapes:
        from vtb.models.qwen_image.architecture import shapes_of

        return shapes_of(part)

    def check_lora(self, directory: Path, file: Path, expert: str | None = None) -> LoraReport:
        from vtb.models.lora.check import check_lora

        return check_lora(open_checkpoint(directory, self._variant), file, expert)

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
        from vtb.models.lora.merge import merge

        checkpoint = open_checkpoint(directory, self._variant)
        return merge(files, weights, checkpoint, out, expert=expert, force=force)


BASE = QwenImageFamily(variants.BASE)
EDIT = QwenImageFamily(variants.EDIT)
EDIT_2509 = QwenImageFamily(variants.EDIT_2509)
EDIT_2511 = QwenImageFamily(variants.EDIT_2511)
