"""What families of diffusion models share: a checkpoint of parts, and LoRAs on its transformers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from vtb.models.checkpoint import Checkpoint
from vtb.models.families import LoraReport, Merged, ModelFamily, Part


class DiffusionFamily(ModelFamily):
    """A family whose checkpoints are a transformer or two, a text encoder and a VAE."""

    @abstractmethod
    def open(self, directory: Path) -> Checkpoint:
        """The checkpoint in a directory; raises UnreadableError when another family's is there."""

    def parts(self, directory: Path) -> tuple[Part, ...]:
        return self.open(directory).parts

    def check_lora(self, directory: Path, file: Path, expert: str | None = None) -> LoraReport:
        from vtb.models.lora.check import check_lora

        return check_lora(self.open(directory), file, expert)

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

        return merge(files, weights, self.open(directory), out, expert=expert, force=force)
