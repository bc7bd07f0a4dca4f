"""The result of a LoRA run: its files for other programs and a model card."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vtb.core.files import atomic_directory, read_json_lines
from vtb.models.wan.lora_file import Lora, write_lora
from vtb.models.wan.lora_keys import LoraFormat
from vtb.recipe.schema import VideoRecipe
from vtb.run.rundir import RunDirectory

# `pytorch_lora_weights` is the name that diffusers looks for.
FILE_NAMES: Mapping[LoraFormat, str] = {
    "comfyui": "lora.safetensors",
    "diffsynth": "lora-diffsynth.safetensors",
    "diffusers": "pytorch_lora_weights.safetensors",
}
READERS: Mapping[LoraFormat, str] = {
    "comfyui": "vtb, ComfyUI and diffsynth",
    "diffsynth": "scripts of diffsynth",
    "diffusers": "diffusers",
}


def write_final(run: RunDirectory, recipe: VideoRecipe, lora: Lora, step: int) -> None:
    """Writes `final/`: the LoRA in bfloat16 in each layout of the recipe, and README.md.

    An older `final/` of the same run is replaced; its weights are in a checkpoint too.
    """
    state = run.state()
    shutil.rmtree(run.final, ignore_errors=True)
    with atomic_directory(run.final) as temporary:
        described = replace(lora, metadata=_metadata(state, recipe, step))
        for layout in recipe.save.formats:
            write_lora(temporary / FILE_NAMES[layout], described, layout=layout)
        (temporary / "README.md").write_text(_card(run, state, recipe, step), encoding="utf-8")


def _metadata(state: Mapping[str, Any], recipe: VideoRecipe, step: int) -> dict[str, str]:
    values = {
        "base_family": recipe.model.family,
        "base_fingerprint": state["settings"]["model.fingerprint"],
        "target_modules": ",".join(recipe.lora.target_modules),
        "height": recipe.data.height,
        "width": recipe.data.width,
        "num_frames": recipe.data.num_frames,
        "fps": recipe.data.fps,
        "shift": recipe.train.shift,
        "train_split": state["settings"]["data.split"],
        "train_buckets": state["settings"]["data.buckets"],  # [start, stop), see SplitRule
        "run": state["id"],
        "step": step,
        "vtb_version": state["versions"]["vtb-toolkit"],
    }
    return {key: str(value) for key, value in values.items()}


def _card(run: RunDirectory, state: Mapping[str, Any], recipe: VideoRecipe, step: int) -> str:
    losses = [row["loss"] for row in read_json_lines(run.events) if row["loss"] is not None]
    loss = f"{losses[0]:.4f} at the first step, {losses[-1]:.4f} at the last" if losses else "none"
    data_name = Path(state["inputs"]["data"]).name
    data_hash = state["settings"]["data.manifest_hash"]
    files = "\n".join(
        f"- `{FILE_NAMES[layout]}`: for {READERS[layout]}" for layout in recipe.save.formats
    )
    data, train = recipe.data, recipe.train
    return f"""\
---
base_model: {recipe.model.family}
tags: [vtb, lora, text-to-video, image-to-video]
---
# {state["id"]}

LoRA of rank {recipe.lora.rank} on `{recipe.model.family}`, made by `vtb train video`.

{files}

| | |
|---|---|
| recipe | `{state["recipe"]}` |
| data set | `{data_name}`, manifest {data_hash} |
| base weights | fingerprint {state["settings"]["model.fingerprint"]} |
| clips | {data.num_frames} frames of {data.height}x{data.width} px at {data.fps:g} fps |
| steps | {step} of {train.accum} samples, learning rate {train.lr:g} ({train.scheduler}) |
| seed | {train.seed} |
| loss | {loss} |
| versions | {", ".join(f"{name} {number}" for name, number in state["versions"].items())} |
"""
