"""The Wan families as `vtb models` sees them."""

from __future__ import annotations

from pathlib import Path

from vtb.models.diffusion_family import DiffusionFamily
from vtb.models.families import Part
from vtb.models.structure import Shapes
from vtb.models.wan import variants
from vtb.models.wan.checkpoint import WanCheckpoint, fit, open_checkpoint


class WanFamily(DiffusionFamily):
    """One Wan variant in its published layout."""

    command = "video"
    presets = ("tiny", "mini")

    def __init__(self, variant: variants.WanVariant) -> None:
        self.name = variant.family
        self._variant = variant

    def write(self, directory: Path, preset: str, seed: int) -> int:
        from vtb.models.wan.tiny import write_checkpoint

        return write_checkpoint(directory, self._variant, preset, seed)

    def fit(self, directory: Path) -> int:
        return fit(directory, self._variant)

    def open(self, directory: Path) -> WanCheckpoint:
        return open_checkpoint(directory, self._variant)

    def expected_shapes(self, part: Part) -> Shapes:
        from vtb.models.wan.architecture import shapes_of

        return shapes_of(part)


TI2V_5B = WanFamily(variants.TI2V_5B)
T2V_A14B = WanFamily(variants.T2V_A14B)
I2V_A14B = WanFamily(variants.I2V_A14B)
