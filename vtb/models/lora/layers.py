"""LoRA on a transformer's linear layers: injection for training, application for inference."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from vtb.core.errors import UnreadableError
from vtb.models.lora.file import Lora, LoraPair
from vtb.models.lora.targets import select_targets


class LoRALinear(nn.Module):
    """A frozen linear layer `base` plus the update `scale * B A`.

    A (rank, in) and B (out, rank) are float32 master weights whatever the base's dtype, and are
    cast to the input's dtype to compute. A new layer changes nothing, because B is zero. The base
    may be replaced by another form of the same layer, such as one with fp8 weights.
    """

    def __init__(self, base: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        device = base.weight.device
        self.base: nn.Module = base.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.zeros(rank, base.in_features, device=device))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, rank, device=device))
        self.alpha = alpha

    @property
    def scale(self) -> float:
        """Factor of the update: alpha / rank."""
        return self.alpha / self.lora_A.shape[0]

    def forward(self, x: Tensor) -> Tensor:
        """The base's output plus the update; (..., in) to (..., out)."""
        # B is scaled rather than the product: it is small, and the gradient of the product is then
        # that of the base, which needs no second copy.
        inner = linear(x, self.lora_A.to(x.dtype))
        return self.base(x) + linear(inner, (self.scale * self.lora_B).to(x.dtype))


def inject_lora(
    model: nn.Module, *, rank: int, alpha: float, target_modules: Sequence[str], seed: int
) -> dict[str, LoRALinear]:
    """Replaces the targeted linear layers in place; returns the new ones by original name.

    A is Kaiming-uniform from a stream of (seed, name), B is zero; the rest of the model is frozen.
    Raises UsageError when a target matches nothing.
    """
    model.requires_grad_(False)
    layers: dict[str, LoRALinear] = {}
    for name in select_targets(_linears(model), target_modules):
        layer = _wrap(model, name, rank, alpha)
        digest = hashlib.blake2b(f"lora/{seed}/{name}".encode(), digest_size=7).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest, "big"))
        start = torch.empty(layer.lora_A.shape)
        nn.init.kaiming_uniform_(start, a=math.sqrt(5), generator=generator)
        layer.lora_A.data.copy_(start)
        layers[name] = layer
    return layers


def apply_lora(model: nn.Module, lora: Lora) -> int:
    """Adds a LoRA to a model for inference, unmerged; returns the number of layers changed.

    Raises UnreadableError, and changes nothing, unless every pair fits a layer of the model.
    """
    shapes = {name: tuple(layer.weight.shape) for name, layer in _linears(model).items()}
    require_match(lora, shapes)
    for name, pair in lora.pairs.items():
        assign_pair(_wrap(model, name, pair.rank, pair.alpha).requires_grad_(False), pair)
    return len(lora.pairs)


def unmatched(lora: Lora, linears: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Names of the pairs that fit none of these (out, in) layers."""
    return [
        name
        for name, pair in lora.pairs.items()
        if name not in linears or not pair.fits(linears[name])
    ]


def require_match(lora: Lora, linears: Mapping[str, tuple[int, ...]]) -> None:
    """Raises UnreadableError unless the LoRA has pairs and each fits one of the layers."""
    missing = unmatched(lora, linears)
    if missing or not lora.pairs:
        matched = len(lora.pairs) - len(missing)
        raise UnreadableError(
            f"`{lora.source}` does not fit the model",
            fact=f"{matched} of {len(lora.pairs)} layers match; not: {', '.join(missing[:5])}",
            hint="use it with the model family and size it was trained on",
        )


def lora_layers(model: nn.Module) -> dict[str, LoRALinear]:
    """The LoRA layers of a model by original layer name."""
    return {name: m for name, m in model.named_modules() if isinstance(m, LoRALinear)}


def extract_lora(model: nn.Module, metadata: Mapping[str, str] | None = None) -> Lora:
    """The present weights of a model's LoRA layers, as float32 copies on the CPU."""
    pairs = {
        name: LoraPair(_copy(layer.lora_A), _copy(layer.lora_B), layer.alpha)
        for name, layer in lora_layers(model).items()
    }
    return Lora(pairs, metadata or {})


def assign_lora(model: nn.Module, lora: Lora) -> None:
    """Copies weights into the LoRA layers that a model has, to resume or to start from a file.

    Raises UnreadableError unless names, shapes and ranks are exactly those of the model.
    """
    layers = lora_layers(model)
    ours = {name: (tuple(m.lora_A.shape), tuple(m.lora_B.shape)) for name, m in layers.items()}
    theirs = {name: (tuple(p.down.shape), tuple(p.up.shape)) for name, p in lora.pairs.items()}
    if ours != theirs:
        different = sorted(name for name, _ in ours.items() ^ theirs.items())
        raise UnreadableError(
            f"`{lora.source}` does not fit the LoRA being trained",
            fact=f"layers or ranks differ, such as {', '.join(different[:5])}",
            hint="use the rank and the targets of that file",
        )
    for name, layer in layers.items():
        assign_pair(layer, lora.pairs[name])


def assign_pair(layer: LoRALinear, pair: LoraPair) -> None:
    """Copies one pair, with its alpha, into a layer of the same shapes."""
    layer.lora_A.data.copy_(pair.down)
    layer.lora_B.data.copy_(pair.up)
    layer.alpha = pair.alpha


def _linears(model: nn.Module) -> dict[str, nn.Linear]:
    return {name: m for name, m in model.named_modules() if isinstance(m, nn.Linear)}


def _wrap(model: nn.Module, name: str, rank: int, alpha: float) -> LoRALinear:
    base = model.get_submodule(name)
    assert isinstance(base, nn.Linear)
    layer = LoRALinear(base, rank, alpha)
    model.set_submodule(name, layer)
    return layer


def _copy(weight: Tensor) -> Tensor:
    return weight.detach().to("cpu", torch.float32, copy=True)
