"""The Qwen-Image families as `vtb models` sees them."""

from __future__ import annotations

from pathlib import Path

from vtb.models.diffusion_family import DiffusionFamily
from vtb.models.families import Part
from vtb.models.qwen_image import variants
from vtb.models.qwen_image.checkpoint import QwenImageCheckpoint, fit, open_checkpoint
from vtb.models.structure import Shapes


class QwenImageFamily(DiffusionFamily):
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

    def open(self, directory: Path) -> QwenImageCheckpoint:
        return open_checkpoint(directory, self._variant)

    def expected_shapes(self, part: Part) -> Shapes:
        from vtb.models.qwen_image.architecture import shapes_of

        return shapes_of(part)


BASE = QwenImageFamily(variants.BASE)
EDIT = QwenImageFamily(variants.EDIT)
EDIT_2509 = QwenImageFamily(variants.EDIT_2509)
EDIT_2511 = QwenImageFamily(variants.EDIT_2511)
