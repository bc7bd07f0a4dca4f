"""Which linear layers a LoRA adapts, decided from names and shapes alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from vtb.core.errors import UsageError
from vtb.models.structure import Shapes

IN_BLOCK = re.compile(r"(?:transformer_)?blocks\.\d+\.(.+)")


def linear_shapes(shapes: Shapes) -> Shapes:
    """The linear layers among a model's tensors: module name to (out, in) features."""
    return {
        name.removesuffix(".weight"): shape
        for name, shape in shapes.items()
        if name.endswith(".weight") and len(shape) == 2
    }


def select_targets(linears: Iterable[str], target_modules: Sequence[str]) -> list[str]:
    """Names of the layers that end in one of the targets, such as `q` or `ffn.0`.

    Raises UsageError when a target matches no layer, or when there is no target.
    """
    names = list(linears)
    matches = {
        target: [name for name in names if f".{name}".endswith(f".{target}")]
        for target in target_modules
    }
    dead = [target for target, found in matches.items() if not found]
    if dead or not matches:
        endings = sorted({match[1] for match in map(IN_BLOCK.fullmatch, names) if match})
        raise UsageError(
            f"LoRA target `{dead[0]}` matches no layer" if dead else "there is no LoRA target",
            fact=f"{len(names)} linear layers",
            hint="layers of a block: " + ", ".join(endings),
        )
    chosen = {name for found in matches.values() for name in found}
    return [name for name in names if name in chosen]


def lora_parameter_count(linears: Mapping[str, tuple[int, ...]], rank: int) -> int:
    """Trainable parameters of a LoRA of that rank on these (out, in) layers."""
    return sum(rank * (out + inputs) for out, inputs in linears.values())
