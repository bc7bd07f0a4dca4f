"""What each kind of recipe may say; every default is here.

Recipes hold no paths and nothing about the machine: flags do, and a run directory records both.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from vtb.core.config import Config

Positive = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class ModelTable(Config):
    """The base model."""

    family: str = Field(default="wan2.2-ti2v-5b", description="Name of a model family.")
    expert: Literal["high", "low", "both"] | None = Field(
        default=None,
        description="Which of the two transformers of an A14B model; both: one after the other.",
    )


class VideoDataTable(Config):
    """How a clip of the data set becomes a clip of the model."""

    height: Positive = Field(default=480, description="Height in px; see `fit`.")
    width: Positive = Field(default=832, description="Width in px; see `fit`.")
    num_frames: Positive = Field(default=81, description="Frames per clip, 4n+1.")
    fps: float = Field(
        default=16, gt=0, description="Playback rate that the clips are meant for, Hz."
    )
    frame_plan: Literal["uniform", "prefix"] = Field(
        default="uniform",
        description="Frames of a longer clip: spread evenly over all of it, or the first.",
    )
    fit: Literal["exact", "pad", "native"] = Field(
        default="exact",
        description="A clip of another size: an error, scaled to fit and padded, or left as it is. "
        "If native, `height` and `width` are the largest that occur, and a batch has clips of one "
        "size.",
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
    init_from: str = Field(
        default="", description="LoRA file of this rank and these layers to go on from; none: zero."
    )


class TrainTable(Config):
    """Optimization. A step is one update of the optimizer."""

    seed: int = Field(default=42, description="Root of every random stream of the run.")
    epochs: Positive = Field(default=1, description="Length of the run in passes over the data.")
    steps: int = Field(default=0, ge=0, description="Length of the run; 0: `epochs` decides.")
    batch: Positive = Field(
        default=1, description="Samples per step on all devices together; gradients are averaged."
    )
    micro_batch: Positive = Field(default=1, description="Samples on one device at once.")
    lr: float = Field(default=1e-4, gt=0, description="Peak learning rate.")
    warmup_steps: int = Field(default=50, ge=0, description="Steps of linear rise from zero.")
    scheduler: Literal["constant", "linear", "cosine"] = Field(
        default="constant", description="After the warm-up: the peak, or a fall to zero at the end."
    )
    weight_decay: float = Field(default=0.01, ge=0, description="Decoupled, as in AdamW.")
    grad_clip: float = Field(
        default=1.0, ge=0, description="Largest global gradient norm; 0: no limit."
    )


class DiffusionTrainTable(TrainTable):
    """Optimization of a transformer that takes noise away."""

    ema: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Decay per step of the averaged weights that are shipped; 0: the last weights.",
    )
    timestep_dtype: Literal["bf16", "fp32"] = Field(
        default="bf16", description="Precision of the timestep; diffsynth rounds it to bf16."
    )
    forward: Literal["fast", "reference"] = Field(
        default="fast", description="Ours, or diffsynth's own forward, to compare with."
    )
    activation_checkpointing: Literal["auto", "none", "full"] | Fraction = Field(
        default="auto",
        description="Share of the blocks recomputed in the backward pass to save memory; auto: as "
        "few as fit.",
    )


class VideoTrainTable(DiffusionTrainTable):
    """Optimization and the flow-matching objective."""

    target: Literal["lora", "full", "vae"] = Field(
        default="lora",
        description="What is trained: an adapter, the whole transformer, or the VAE.",
    )
    shift: float = Field(default=5.0, gt=0, description="Shift of the noise schedule.")
    loss_weighting: Literal["bell", "bell_per_expert", "none"] = Field(
        default="bell",
        description="Weight of a timestep: diffsynth's bell curve, the same with mean 1 over the "
        "expert's timesteps, or 1.",
    )
    timestep_range: Literal["expert", "full"] = Field(
        default="expert",
        description="Timesteps that an expert is trained on: those it is used for, or all.",
    )
    i2v_prob: Fraction = Field(default=1.0, description="Share of samples given their first frame.")
    compile: bool = Field(
        default=True,
        description="Compile the blocks of the fast forward; record the steps of a VAE on crops as "
        "CUDA graphs. Ignored on a CPU.",
    )
    base_precision: Literal["bf16", "fp8"] = Field(
        default="bf16", description="Frozen linear layers; fp8 needs the fast forward and a GPU."
    )


class VaeTable(Config):
    """The loss of a VAE (`train.target = "vae"`) beside the mean error of its pixels."""

    kl_weight: float = Field(
        default=1e-3,
        ge=0,
        description="Of the mean divergence, nats per latent value, from a standard normal.",
    )
    crop: int = Field(
        default=0,
        ge=0,
        description="Side of the square cut from each clip at random in each epoch, px; 0: whole "
        "clips.",
    )


class CacheTable(Config):
    """Encoded clips and prompts, kept between runs."""

    dtype: Literal["bf16", "fp32"] = Field(default="bf16", description="As stored.")


class ValidationTable(Config):
    """What is measured on held-out samples while training; 0 turns a measurement off."""

    loss_every: int = Field(default=0, ge=0, description="Steps between losses on fixed noise.")
    every: int = Field(default=0, ge=0, description="Steps between sampled and scored clips.")
    samples: Positive = Field(default=8, description="Held-out samples used for either.")
    steps: Positive = Field(default=20, description="Denoising steps of a sampled clip.")
    cfg: float = Field(default=1.0, ge=1, description="Guidance scale of a sampled clip.")
    seed: int = Field(default=0, description="Of the fixed noise and of the sampled clips.")
    patience: int = Field(
        default=0, ge=0, description="Stop after so many measurements without a better one."
    )


class LogTable(Config):
    """Where the log of steps goes besides events.jsonl."""

    trackers: tuple[Literal["tensorboard", "wandb", "trackio"], ...] = Field(
        default=(), description="Each needs its package."
    )


class DistTable(Config):
    """How several devices share the work."""

    strategy: Literal["ddp", "zero2", "zero3"] = Field(
        default="ddp",
        description="Whole model on each device, or DeepSpeed: optimizer and gradients sharded, "
        "weights too.",
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
    """Training of a video model: `vtb train video`."""

    kind: Literal["video"]
    model: ModelTable = ModelTable()
    data: VideoDataTable = VideoDataTable()
    lora: LoraTable = LoraTable()
    train: VideoTrainTable = VideoTrainTable()
    vae: VaeTable = VaeTable()
    cache: CacheTable = CacheTable()
    validation: ValidationTable = ValidationTable()
    save: SaveTable = SaveTable()
    log: LogTable = LogTable()
    dist: DistTable = DistTable()
