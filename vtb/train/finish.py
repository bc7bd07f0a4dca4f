"""The result of a run: files for other programs and a model card."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vtb.core.files import atomic_directory, atomic_write_json, link_missing, read_json
from vtb.models.families import MARKER, Part, derived_marker
from vtb.models.lora.file import Lora, write_lora
from vtb.models.lora.keys import LoraFormat
from vtb.models.wan.checkpoint import WanCheckpoint
from vtb.models.wan.save import write_part
from vtb.recipe.schema import VideoRecipe
from vtb.run.rundir import RunDirectory
from vtb.train.card import card

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


# A transformer is shipped in the precision it is used in; a VAE as published.
DTYPES: Mapping[str, torch.dtype] = {"dit": torch.bfloat16}


def write_final(run: RunDirectory, recipe: VideoRecipe, lora: Lora, step: int) -> None:
    """Writes `final/`: the LoRA in bfloat16 in each layout of the recipe, and README.md.

    An older `final/` of the same run is replaced; its weights are in a checkpoint too.
    """
    targets = {"target_modules": ",".join(recipe.lora.target_modules)}
    described = replace(lora, metadata=_metadata(run.state(), recipe, step) | targets)
    files = "\n".join(
        f"- `{FILE_NAMES[layout]}`: for {READERS[layout]}" for layout in recipe.save.formats
    )
    readme = card(
        run,
        recipe,
        step,
        title=f"LoRA of rank {recipe.lora.rank} on `{recipe.model.family}`",
        body=files,
        tags="lora, text-to-video, image-to-video",
    )
    shutil.rmtree(run.final, ignore_errors=True)
    with atomic_directory(run.final) as temporary:
        for layout in recipe.save.formats:
            write_lora(temporary / FILE_NAMES[layout], described, layout=layout)
        (temporary / "README.md").write_text(readme, encoding="utf-8")


def write_final_checkpoint(
    run: RunDirectory,
    recipe: VideoRecipe,
    base: WanCheckpoint,
    part: Part,
    weights: Mapping[str, Tensor],
    step: int,
) -> None:
    """Writes `final/`: a checkpoint directory like `base` in which one part is new, and README.md.

    A transformer is stored in bfloat16, a VAE in float32. The other files are hard links to those
    of the base, or copies where there cannot be links. An older `final/` is replaced.
    """
    readme = card(
        run,
        recipe,
        step,
        title=f"`{recipe.model.family}` with a trained {part.name}",
        body="A whole checkpoint: `vtb infer video --model` and `vtb train video --model` take "
        f"this directory. New are\n{_listing(part)}.",
        tags="text-to-video, image-to-video",
    )
    metadata = _metadata(run.state(), recipe, step)
    dtype = DTYPES.get(part.architecture, torch.float32)
    shutil.rmtree(run.final, ignore_errors=True)
    with atomic_directory(run.final) as temporary:
        write_part(temporary, part, weights, dtype=dtype, metadata=metadata)
        (temporary / "README.md").write_text(readme, encoding="utf-8")
        if (base.directory / MARKER).is_file():
            marker = derived_marker(read_json(base.directory / MARKER), run=run.state()["id"])
            atomic_write_json(temporary / MARKER, marker)
        link_missing(base.directory, temporary)


def _listing(part: Part) -> str:
    return ", ".join(f"`{file}`" for file in part.files)


def _metadata(state: Mapping[str, Any], recipe: VideoRecipe, step: int) -> dict[str, str]:
    values = {
        "base_family": recipe.model.family,
        "expert": recipe.model.expert,
        "base_fingerprint": state["settings"]["model.fingerprint"],
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
    return {key: str(value) for key, value in values.items() if value is not None}
