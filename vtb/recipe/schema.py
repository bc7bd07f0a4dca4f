"""What each kind of recipe may say; every default is here.

Recipes hold no paths and nothing about the machine: flags do, and a run directory records both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from vtb.core.config import Config

Positive = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class ModelTable(Config):
    """The base model."""

    family: str = Field(default="wan2.2-ti2v-5b", description="Name of a model family.")


class VideoDataTable(Config):
    """How a clip of the data set becomes a clip of the model."""

    height: Positive = Field(default=480, description="Height in px.")
    width: Positive = Field(default=832, description="Width in px.")
    num_frames: Positive = Field(default=81, description="Frames per clip, 4n+1.")
    fps: float = Field(
        default=16, gt=0, description="Playback rate that the clips are meant for, Hz."
    )
    frame_plan: Literal["uniform", "prefix"] = Field(
        default="uniform",
        description="Frames of a longer clip: spread evenly over all of it, or the first.",
    )
    fit: Literal["exact", "pad"] = Field(
        default="exact",
        description="A clip of another size: an error, or scaled to fit and padded.",
    )


class LoraTable(Config):
    """The adapter."""

    rank: Positive = Field(default=32, description="Inner dimension of the update.")
    alpha: float = Field(
        default_factory=lambda values: float(values["rank"]),
        gt=0,
        description="The update is scaled by alpha / rank; default: the rank.",
    )
    target_modules: tuple[str, ...] = Field(
        default=("q", "k", "v", "o", "ffn.0", "ffn.2"),
        description="Endings of the adapted layers' names.",
    )


class TrainTable(Config):
    """Optimization. A step is one update of the optimizer."""

    seed: int = Field(default=42, description="Root of every random stream of the run.")
    epochs: Positive = Field(default=1, description="Length of the run in passes over the data.")
    steps: int = Field(default=0, ge=0, description="Length of the run; 0: `epochs` decides.")
    accum: Positive = Field(
        default=1, description="Samples per step; their gradients are averaged."
    )
    lr: float = Field(default=1e-4, gt=0, description="Peak learning rate.")
    warmup_steps: int = Field(default=50, ge=0, description="Steps of linear rise from zero.")
    scheduler: Literal["constant", "linear", "cosine"] = Field(
        default="constant", description="After the warm-up: the peak, or a fall to zero at the end."
    )
    weight_decay: float = Field(default=0.01, ge=0, description="Decoupled, as in AdamW.")
    grad_clip: float = Field(
        default=1.0, ge=0, description="Largest global gradient norm; 0: no limit."
    )


class VideoTrainTable(TrainTable):
    """Optimization and the flow-matching objective."""

    shift: float = Field(default=5.0, gt=0, description="Shift of the noise schedule.")
    timestep_dtype: Literal["bf16", "fp32"] = Field(
        default="bf16", description="Precision of the timestep; diffsynth rounds it to bf16."
    )
    loss_weighting: Literal["bell", "none"] = Field(
        default="bell", description="Weight of a timestep: diffsynth's bell curve, or 1."
    )
    i2v_prob: Fraction = Field(default=1.0, description="Share of samples given their first frame.")
    activation_checkpointing: Literal["none", "full"] = Field(
        default="full", description="Recompute every block in the backward pass to save memory."
    )


class SaveTable(Config):
    """Checkpoints and the files of the finished run."""

    every: Positive = Field(default=250, description="Steps between checkpoints.")
    keep: Positive = Field(default=3, description="Newest checkpoints to keep.")
    formats: tuple[Literal["comfyui", "diffsynth", "diffusers"], ...] = Field(
        default=("comfyui", "diffsynth"), min_length=1, description="Key layouts of the final LoRA."
    )


class Recipe(Config):
    """What recipes of all kinds share."""

    summary: str = Field(default="", description="One line for `vtb recipe ls`.")


class VideoRecipe(Recipe):
    """LoRA training of a video model: `vtb train video`."""

    kind: Literal["video"]
    model: ModelTable = ModelTable()
    data: VideoDataTable = VideoDataTable()
    lora: LoraTable = LoraTable()
    train: VideoTrainTable = VideoTrainTable()
    save: SaveTable = SaveTable()


KINDS: Mapping[str, type[Recipe]] = {"video": VideoRecipe}
