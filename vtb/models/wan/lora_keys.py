"""Tensor names in LoRA files: three layouts to write, all usual ones to read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

LoraFormat = Literal["comfyui", "diffsynth", "diffusers"]
Layout = LoraFormat | Literal["peft", "kohya"]
Role = Literal["down", "up", "alpha"]

# In the order in which programs put them before each other, outermost first.
PREFIXES = ("base_model.model.", "pipe.dit.", "diffusion_model.", "transformer.")
KOHYA_PREFIX = "lora_unet_"
ROLES: Mapping[str, Role] = {"lora_A": "down", "lora_down": "down", "lora_B": "up", "lora_up": "up"}
# peft puts the adapter's name, mostly `default`, before `weight`.
WEIGHT = re.compile(r"(?P<module>.+)\.(?P<role>lora_A|lora_B|lora_down|lora_up)(\.\w+)?\.weight")
# Original name to diffusers' name, within a block.
DIFFUSERS = {
    "ffn.0": "ffn.net.0.proj",
    "ffn.2": "ffn.net.2",
    **{
        f"{ours}.{layer}": f"{theirs}.to_{renamed}"
        for ours, theirs in (("self_attn", "attn1"), ("cross_attn", "attn2"))
        for layer, renamed in (("q", "q"), ("k", "k"), ("v", "v"), ("o", "out.0"))
    },
}
# The same outside of the blocks.
OUTER_DIFFUSERS = {
    "head.head": "proj_out",
    "time_projection.1": "condition_embedder.time_proj",
    **{
        f"{kind}_embedding.{ours}": f"condition_embedder.{kind}_embedder.linear_{theirs}"
        for kind in ("text", "time")
        for ours, theirs in ((0, 1), (2, 2))
    },
}
ORIGINAL = {theirs: ours for ours, theirs in DIFFUSERS.items()}
OUTER_ORIGINAL = {theirs: ours for ours, theirs in OUTER_DIFFUSERS.items()}
# kohya's tools write `_` for `.`; which is which follows from the names of a Wan transformer.
KOHYA = {name.replace(".", "_"): name for name in DIFFUSERS}
OUTER_KOHYA = {name.replace(".", "_"): name for name in OUTER_DIFFUSERS}


def parse_key(key: str) -> tuple[str, Role] | None:
    """The module's original name and what the tensor is; None when it is no LoRA tensor."""
    if key.endswith(".alpha"):
        return _module(key.removesuffix(".alpha")), "alpha"
    match = WEIGHT.fullmatch(key)
    return (_module(match["module"]), ROLES[match["role"]]) if match else None


def format_key(module: str, role: Role, layout: LoraFormat) -> str:
    """The name under which a layout stores one tensor of a module."""
    leaf = {"down": "lora_A.weight", "up": "lora_B.weight", "alpha": "alpha"}[role]
    if layout == "comfyui":
        return f"diffusion_model.{module}.{leaf}"
    if layout == "diffusers":
        return f"transformer.{_renamed(module, DIFFUSERS, OUTER_DIFFUSERS)}.{leaf}"
    return f"{module}.{leaf.replace('.weight', '.default.weight')}"


def recognise_layout(keys: Iterable[str]) -> Layout:
    """The layout that a LoRA file's tensor names follow."""
    first = min(keys, default="")
    marks: tuple[tuple[str, Layout], ...] = (
        (KOHYA_PREFIX, "kohya"),
        ("base_model.model.", "peft"),
        ("diffusion_model.", "comfyui"),
        ("transformer.", "diffusers"),
    )
    for prefix, layout in marks:
        if first.startswith(prefix):
            return layout
    return "diffusers" if ".attn" in first else "diffsynth"


def _module(name: str) -> str:
    if name.startswith(KOHYA_PREFIX):
        return _from_kohya(name.removeprefix(KOHYA_PREFIX))
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return _renamed(name, ORIGINAL, OUTER_ORIGINAL)


def _from_kohya(name: str) -> str:
    match = re.fullmatch(r"blocks_(\d+)_(.+)", name)
    if match is None:
        return OUTER_KOHYA.get(name, name)
    return f"blocks.{match[1]}.{KOHYA.get(match[2], match[2])}"


def _renamed(module: str, inner: Mapping[str, str], outer: Mapping[str, str]) -> str:
    match = re.fullmatch(r"(blocks\.\d+\.)(.+)", module)
    if match is None:
        return outer.get(module, module)
    return match[1] + inner.get(match[2], match[2])
