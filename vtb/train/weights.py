"""What of a model is trained, and how that is written down."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from vtb.core.errors import UnreadableError
from vtb.models.lora.file import read_lora, write_lora
from vtb.models.lora.layers import assign_lora, extract_lora, inject_lora
from vtb.recipe.schema import LoraTable


class Weights(Protocol):
    """The trained part of a model."""

    def write(self, directory: Path, step: int) -> None:
        """Writes it in float32 into a checkpoint."""
        ...

    def read(self, directory: Path) -> None:
        """Restores it exactly."""
        ...


class LoraWeights:
    """An adapter on a frozen transformer, in a file like those of a finished run."""

    FILE = "lora.safetensors"

    def __init__(self, dit: Any, lora: LoraTable, seed: int) -> None:
        """Injects an adapter: that of the recipe's file, or one that changes nothing yet."""
        inject_lora(
            dit,
            rank=lora.rank,
            alpha=lora.alpha,
            target_modules=lora.target_modules,
            seed=seed,
        )
        self._dit = dit
        if lora.init_from:
            assign_lora(dit, read_lora(Path(lora.init_from)))

    def write(self, directory: Path, step: int) -> None:
        """Writes the LoRA in float32 with its step."""
        lora = extract_lora(self._dit, {"step": str(step)})
        write_lora(directory / self.FILE, lora, dtype=torch.float32)

    def read(self, directory: Path) -> None:
        """Restores the LoRA."""
        assign_lora(self._dit, read_lora(directory / self.FILE))


class FullWeights:
    """All of a transformer or VAE, under its own names."""

    FILE = "model.safetensors"

    def __init__(self, model: nn.Module) -> None:
        """Makes the weights trainable, in float32."""
        # Taken before anything wraps the model, so the names stay the published ones.
        self._tensors = model.requires_grad_(True).float().state_dict(keep_vars=True)

    def write(self, directory: Path, step: int) -> None:
        """Writes every tensor in float32."""
        tensors = {name: tensor.detach().contiguous() for name, tensor in self._tensors.items()}
        save_file(tensors, directory / self.FILE, metadata={"step": str(step)})

    def read(self, directory: Path) -> None:
        """Restores every tensor; raises UnreadableError unless the file has exactly these."""
        path = directory / self.FILE
        try:
            stored = load_file(path)
        except (OSError, SafetensorError) as error:
            raise UnreadableError(f"`{path}` is damaged", fact=str(error)) from error
        shapes = {name: tensor.shape for name, tensor in stored.items()}
        if shapes != {name: tensor.shape for name, tensor in self._tensors.items()}:
            raise UnreadableError(f"`{path}` holds another model than the one being trained")
        for name, tensor in self._tensors.items():
            tensor.data.copy_(stored[name])
