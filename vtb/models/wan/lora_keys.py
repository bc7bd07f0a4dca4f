"""Tensor names in LoRA files: three layouts to write, all usual ones to read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

LoraFormat = Literal["comfyui", "diffsynth", "diffusers"]
Role = Literal["down", "up", "alpha"]

PREFIXES = ("diffusion_model.", "transformer.", "base_model.model.", "pipe.dit.")
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
ORIGINAL = {theirs: ours for ours, theirs in DIFFUSERS.items()}


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
        return f"transformer.{_renamed(module, DIFFUSERS)}.{leaf}"
    return f"{module}.{leaf.replace('.weight', '.default.weight')}"


def _module(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return _renamed(name, ORIGINAL)


def _renamed(module: str, table: Mapping[str, str]) -> str:
    head, separator, layer = _split_block(module)
    return head + separator + table.get(layer, layer)


def _split_block(module: str) -> tuple[str, str, str]:
    match = re.fullmatch(r"(blocks\.\d+)(\.)(.+)", module)
    return (match[1], match[2], match[3]) if match else (module, "", "")
