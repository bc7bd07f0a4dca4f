"""Tensor names in LoRA files: three layouts to write, all usual ones to read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from vtb.models.lora.names import Naming

LoraFormat = Literal["comfyui", "diffsynth", "diffusers"]
Layout = LoraFormat | Literal["peft", "kohya"]
Role = Literal["down", "up", "alpha"]

# In the order in which programs put them before each other, outermost first.
PREFIXES = ("base_model.model.", "pipe.dit.", "diffusion_model.", "transformer.")
KOHYA_PREFIX = "lora_unet_"
ROLES: Mapping[str, Role] = {"lora_A": "down", "lora_down": "down", "lora_B": "up", "lora_up": "up"}
# peft puts the adapter's name, mostly `default`, before `weight`.
WEIGHT = re.compile(r"(?P<module>.+)\.(?P<role>lora_A|lora_B|lora_down|lora_up)(\.\w+)?\.weight")


def parse_key(key: str, naming: Naming) -> tuple[str, Role] | None:
    """The module's original name and what the tensor is; None when it is no LoRA tensor."""
    if key.endswith(".alpha"):
        return _module(key.removesuffix(".alpha"), naming), "alpha"
    match = WEIGHT.fullmatch(key)
    return (_module(match["module"], naming), ROLES[match["role"]]) if match else None


def format_key(module: str, role: Role, layout: LoraFormat, naming: Naming) -> str:
    """The name under which a layout stores one tensor of a module."""
    leaf = {"down": "lora_A.weight", "up": "lora_B.weight", "alpha": "alpha"}[role]
    if layout == "comfyui":
        return f"diffusion_model.{module}.{leaf}"
    if layout == "diffusers":
        return f"transformer.{naming.in_diffusers(module)}.{leaf}"
    return f"{module}.{leaf.replace('.weight', '.default.weight')}"


def recognise_layout(keys: Iterable[str], naming: Naming) -> Layout:
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
    match = WEIGHT.fullmatch(first)
    is_renamed = match is not None and naming.original(match["module"]) != match["module"]
    return "diffusers" if is_renamed else "diffsynth"


def _module(name: str, naming: Naming) -> str:
    if name.startswith(KOHYA_PREFIX):
        return naming.from_kohya(name.removeprefix(KOHYA_PREFIX))
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return naming.original(name)
