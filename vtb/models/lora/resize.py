"""LoRAs of another rank, and sums of several: `vtb models lora resize`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vtb.core.errors import UnreadableError
from vtb.models.lora.file import Lora, LoraPair
from vtb.models.lora.svd import Approximation, truncate
from vtb.run.progress import progress

# What two LoRAs must agree in, where both say it, for their sum to mean anything.
SHARED_METADATA = ("base_family", "expert")


@dataclass(frozen=True, slots=True)
class Reduced:
    """A LoRA that approximates an update.

    `energies` is the share of each layer's squared norm that is left, `energy` that of all layers
    together, both in [0, 1].
    """

    lora: Lora
    energies: Mapping[str, float]
    energy: float

    @classmethod
    def whole(cls, lora: Lora) -> Reduced:
        """The LoRA itself, with nothing lost."""
        return cls(lora, dict.fromkeys(lora.pairs, 1.0), 1.0)


def concatenate(loras: Sequence[Lora], weights: Sequence[float]) -> Lora:
    """The exact sum of LoRAs, each times its weight; ranks add up, alpha is the rank.

    The metadata in which all agree stays, and the model that any of them names. Raises
    UnreadableError when they are for different families or experts, or layers of the same name
    differ in shape.
    """
    model = {key: _agreed(key, loras) for key in SHARED_METADATA}
    names = dict.fromkeys(name for lora in loras for name in lora.pairs)
    parts = {
        name: [
            (lora.pairs[name], w)
            for lora, w in zip(loras, weights, strict=True)
            if name in lora.pairs
        ]
        for name in names
    }
    first, *others = (lora.metadata for lora in loras)
    common = {k: v for k, v in first.items() if all(m.get(k) == v for m in others)}
    metadata = {**common, **{key: value for key, value in model.items() if value}}
    return Lora({name: _sum(name, pairs) for name, pairs in parts.items()}, metadata)


def resize(lora: Lora, rank: int) -> Reduced:
    """The nearest LoRA whose layers have at most that rank."""
    with progress("resizing", len(lora.pairs)) as advance:
        found: dict[str, Approximation] = {}
        for name, pair in lora.pairs.items():
            found[name] = truncate(pair, rank)
            advance(1)
    return reduced(found, lora)


def _agreed(key: str, loras: Sequence[Lora]) -> str:
    said = sorted({lora.metadata[key] for lora in loras if lora.metadata.get(key)})
    if len(said) > 1:
        raise UnreadableError(
            "the LoRAs belong to different models", fact=f"{key}: {', '.join(said)}"
        )
    return said[0] if said else ""


def _sum(name: str, parts: Sequence[tuple[LoraPair, float]]) -> LoraPair:
    shape = (parts[0][0].up.shape[0], parts[0][0].down.shape[1])
    if not all(pair.fits(shape) for pair, _ in parts):
        raise UnreadableError("the LoRAs belong to different models", fact=f"shapes of `{name}`")
    down: Tensor = torch.cat([pair.down.float() for pair, _ in parts])
    up: Tensor = torch.cat([weight * pair.scale * pair.up.float() for pair, weight in parts], dim=1)
    return LoraPair(down, up, float(len(down)))


def reduced(found: Mapping[str, Approximation], origin: Lora) -> Reduced:
    """The approximations of all layers as one LoRA with the metadata of `origin`."""
    kept = sum(one.kept for one in found.values())
    total = sum(one.total for one in found.values())
    return Reduced(
        replace(origin, pairs={name: one.pair for name, one in found.items()}),
        {name: one.kept / one.total if one.total else 1.0 for name, one in found.items()},
        kept / total if total else 1.0,
    )
