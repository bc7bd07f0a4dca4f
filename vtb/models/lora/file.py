"""LoRA files: reading any usual layout, writing ours."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vtb.core.errors import UnreadableError
from vtb.core.files import atomic_path
from vtb.models.lora.keys import (
    Layout,
    LoraFormat,
    Role,
    format_key,
    parse_key,
    recognise_layout,
)
from vtb.models.lora.names import naming_of

# No layer of a diffusion transformer is called so.
LANGUAGE_MODEL = ("model.language_model.", "model.visual.")


@dataclass(frozen=True, slots=True)
class LoraPair:
    """The update of one layer: `alpha / rank * up @ down`; down (rank, in), up (out, rank)."""

    down: Tensor
    up: Tensor
    alpha: float

    @property
    def rank(self) -> int:
        """The inner dimension."""
        return self.down.shape[0]

    @property
    def scale(self) -> float:
        """Factor of the product."""
        return self.alpha / self.rank

    def product(self) -> Tensor:
        """What is added to the layer's weight: float32 (out, in)."""
        return self.scale * (self.up.float() @ self.down.float())

    def fits(self, linear_shape: tuple[int, ...]) -> bool:
        """Whether the update has the (out, in) shape of a layer."""
        return linear_shape == (self.up.shape[0], self.down.shape[1])

    def is_zero(self) -> bool:
        """Whether the update changes nothing."""
        return not (self.up.any() and self.down.any() and self.alpha)


@dataclass(frozen=True, slots=True)
class Lora:
    """Updates by the layer's original name, with the file's metadata, its origin and layout."""

    pairs: Mapping[str, LoraPair]
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    source: str = "LoRA"
    layout: Layout = "comfyui"

    @property
    def ranks(self) -> tuple[int, ...]:
        """The distinct ranks, ascending."""
        return tuple(sorted({pair.rank for pair in self.pairs.values()}))

    @property
    def alphas(self) -> tuple[float, ...]:
        """The distinct alphas, ascending."""
        return tuple(sorted({pair.alpha for pair in self.pairs.values()}))


def stored_dtype(loras: Iterable[Lora]) -> torch.dtype:
    """The dtype that stores them without loss: bfloat16 when all tensors are, else float32."""
    pairs = [pair for lora in loras for pair in lora.pairs.values()]
    stored = {tensor.dtype for pair in pairs for tensor in (pair.down, pair.up)}
    return torch.bfloat16 if stored == {torch.bfloat16} else torch.float32


def read_lora(path: Path) -> Lora:
    """Reads a LoRA file in any layout, on the CPU, in the stored dtype.

    Without an alpha tensor, alpha is the rank. Raises UnreadableError when the file is no
    safetensors file, holds nothing or other tensors too, lacks half of a pair, or is a language
    model's adapter, whose alpha would stand in another file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in list(file.keys())}
            metadata = dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise UnreadableError(f"`{path}` is no safetensors file", fact=str(error)) from error
    naming = naming_of(tensors)
    layers: dict[str, dict[Role, Tensor]] = {}
    for key, tensor in tensors.items():
        parsed = parse_key(key, naming)
        if parsed is None:
            raise UnreadableError(f"`{path}` is no LoRA file", fact=f"it holds `{key}`")
        if parsed[0].startswith(LANGUAGE_MODEL):
            raise UnreadableError(
                f"`{path}` is the adapter of a language model",
                fact=f"it holds `{key}`",
                hint=f"vtb models lora merge {path} --model DIR -o OUT",
            )
        layers.setdefault(parsed[0], {})[parsed[1]] = tensor
    if not layers:
        raise UnreadableError(f"`{path}` is no LoRA file", fact="it holds no tensors")
    pairs = {name: _pair(path, name, roles) for name, roles in layers.items()}
    return Lora(pairs, metadata, str(path), recognise_layout(tensors, naming))


def read_metadata(path: Path) -> Mapping[str, str]:
    """The metadata of a safetensors file; raises UnreadableError when it is none."""
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise UnreadableError(f"`{path}` is no safetensors file", fact=str(error)) from error


def paired(
    path: Path, name: str, down: Tensor | None, up: Tensor | None, alpha: float | None = None
) -> LoraPair:
    """Both matrices of a layer, with the rank as alpha unless there is one.

    Raises UnreadableError, naming the file, for half a pair and for ranks that differ.
    """
    if (
        down is None
        or up is None
        or down.ndim != 2
        or up.shape[1:] != down.shape[:1]
        or not len(down)
    ):
        raise UnreadableError(f"`{path}` is damaged", fact=f"`{name}` has no pair of matrices")
    return LoraPair(down, up, float(down.shape[0]) if alpha is None else alpha)


def _pair(path: Path, name: str, roles: Mapping[Role, Tensor]) -> LoraPair:
    alpha = roles.get("alpha")
    if alpha is not None and alpha.numel() != 1:
        raise UnreadableError(f"`{path}` is damaged", fact=f"alpha of `{name}` is no single number")
    number = None if alpha is None else float(alpha)
    return paired(path, name, roles.get("down"), roles.get("up"), number)


def write_lora(
    path: Path,
    lora: Lora,
    *,
    layout: LoraFormat = "comfyui",
    dtype: torch.dtype = torch.bfloat16,
) -> None:
    """Writes a LoRA file atomically, with `rank`, `alpha` and `format` added to its metadata.

    `comfyui` stores alpha. The other layouts imply alpha = rank, so the scale is multiplied into
    the up matrix; their effect is the same.
    """
    naming = naming_of(lora.pairs)
    tensors: dict[str, Tensor] = {}
    for module, pair in lora.pairs.items():
        explicit = layout == "comfyui"
        up = pair.up.float() if explicit else pair.up.float() * pair.scale
        down_key, up_key, alpha_key = (
            format_key(module, role, layout, naming) for role in ("down", "up", "alpha")
        )
        tensors[down_key] = pair.down.to("cpu", dtype).contiguous()
        tensors[up_key] = up.to("cpu", dtype).contiguous()
        if explicit:
            tensors[alpha_key] = torch.tensor(pair.alpha)
    metadata = {**lora.metadata, **_description(lora, layout)}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata=metadata)
        _sort_metadata(temporary)


def _description(lora: Lora, layout: LoraFormat) -> dict[str, str]:
    alphas = lora.alphas if layout == "comfyui" else lora.ranks
    return {
        "format": layout,
        "rank": ",".join(map(str, lora.ranks)),
        "alpha": ",".join(f"{alpha:g}" for alpha in alphas),
    }


def _sort_metadata(path: Path) -> None:
    # safetensors writes metadata in the order of a hash map, so equal LoRAs would differ in bytes.
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False)
        file.seek(8)
        file.write(text.encode().ljust(length))
