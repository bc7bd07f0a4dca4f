"""What a recipe of kind `vlm` may say."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field

from vtb.core.config import Config
from vtb.recipe.schema import Fraction, LogTable, Positive, Recipe, TrainTable

# Bits of a model that training may leave as they are.
Frozen = Literal["vision", "aligner"]
BackendName = Literal["ms-swift", "trl"]
# Of a model's answers to a puzzle, the smallest and the largest share that solve it. Neither 0 nor
# 1: then all answers would earn the same.
Mixed = Annotated[float, Field(gt=0, lt=1)]
Band: TypeAlias = tuple[Mixed, Mixed]


def _rising(band: Band) -> Band:
    if band[0] > band[1]:
        raise ValueError("the smaller share comes first")
    return band


class VlmModelTable(Config):
    """The base model."""

    family: str = Field(default="qwen3-vl", description="Name of a model family.")
    dtype: Literal["bf16", "fp32"] = Field(default="bf16", description="Of weights and products.")


class VlmDataTable(Config):
    """How a puzzle becomes a question."""

    tasks: tuple[str, ...] = Field(
        default=(), description="Tasks of the data set to train on; none: all."
    )
    image_max_tokens: Positive = Field(
        default=1024, description="Largest picture, in tokens of 32x32 px; larger ones shrink."
    )
    image_min_tokens: Positive = Field(
        default=4, description="Smallest picture, in tokens of 32x32 px; smaller ones grow."
    )

    media: Literal["image", "video"] = Field(
        default="image", description="What is shown: the puzzle's picture, or its solution's clip."
    )
    video_max_tokens: Annotated[int, Field(ge=4)] = Field(
        default=768, description="Largest two frames of a clip, in tokens of 32x32 px of both."
    )
    video_min_tokens: Positive = Field(
        default=128, description="Smallest two frames of a clip, in tokens of 32x32 px of both."
    )
    fps: float = Field(default=2.0, gt=0, description="Frames of a clip per second, Hz.")
    max_frames: Positive = Field(
        default=32, description="Most frames of a clip; longer ones are refused."
    )


class VlmLoraTable(Config):
    """The adapter."""

    rank: Positive = Field(default=32, description="Inner dimension of the update.")
    alpha: float = Field(
        default_factory=lambda values: 2.0 * values["rank"],
        gt=0,
        description="The update is scaled by alpha / rank; default: twice the rank.",
    )
    dropout: float = Field(default=0.0, ge=0, lt=1, description="Of the adapter's input.")
    target_modules: tuple[str, ...] = Field(
        default=("all-linear",), description="Endings of the adapted layers' names, or all-linear."
    )


class VlmTrainTable(TrainTable):
    """Optimization. For GRPO `batch` and `micro_batch` count completions."""

    method: Literal["sft", "grpo"] = Field(
        default="sft", description="From the right answers, or from rewards for its own."
    )
    backend: BackendName = Field(default="ms-swift", description="The library whose trainer runs.")
    target: Literal["lora", "full"] = Field(
        default="lora", description="What is trained: an adapter, or the model."
    )
    freeze: tuple[Frozen, ...] = Field(
        default=("vision", "aligner"),
        description="Left as it is: the vision tower, the aligner behind it.",
    )
    adam_beta2: float = Field(
        default=0.999, gt=0, lt=1, description="Decay of AdamW's second moment."
    )
    max_length: Positive = Field(
        default=4096, description="Most tokens of a sample, picture and answer included."
    )
    activation_checkpointing: bool = Field(
        default=True, description="Recompute activations in the backward pass to save memory."
    )


class GrpoTable(Config):
    """Group-relative policy optimization (`train.method = "grpo"`)."""

    generations: Annotated[int, Field(ge=2)] = Field(
        default=8, description="Completions of a prompt, compared with each other."
    )
    max_completion: Positive = Field(default=2048, description="Most tokens of a completion.")
    temperature: float = Field(default=1.0, gt=0, description="Of sampling.")
    top_p: float = Field(default=1.0, gt=0, le=1, description="Of sampling.")
    beta: float = Field(
        default=0.0, ge=0, description="Weight of the divergence from the base; 0 keeps no base."
    )
    epsilon: float = Field(default=0.2, gt=0, description="A ratio of probabilities falls to 1-e.")
    epsilon_high: float = Field(default=0.28, gt=0, description="It rises to 1+e.")
    loss_type: Literal["grpo", "dapo", "dr_grpo", "bnpo"] = Field(
        default="dapo", description="How the tokens' losses are averaged."
    )
    scale_rewards: Literal["group", "batch", "none"] = Field(
        default="group", description="Advantages are divided by this standard deviation."
    )
    overlong_filter: bool = Field(
        default=True, description="Completions that were cut off do not count."
    )
    dynamic_sample: bool = Field(
        default=False,
        description="Ask other puzzles in place of those whose completions all earn the same.",
    )
    max_resample_times: Annotated[int, Field(ge=2)] = Field(
        default=3,
        description="Times a step may ask anew for that, the last of them in vain; if there are "
        "still too few, it takes the first completions.",
    )
    completions_keep: Positive = Field(
        default=200, description="Newest steps whose completions stay logged; so does each 50th."
    )


class RewardTable(Config):
    """What a completion earns: the weighted sum of these."""

    correct: float = Field(default=1.0, ge=0, description="Weight of the verifier's score.")
    format: float = Field(default=0.1, ge=0, description="Weight of one readable answer block.")
    compat: float = Field(
        default=0.0, ge=0, description="Weight of VideoThinkBench's reward, which can be gamed."
    )


class PreflightTable(Config):
    """What the base model earns, sampled before GRPO begins; `prompts = 0` skips it."""

    prompts: int = Field(default=16, ge=0, description="Puzzles asked; see also `curriculum.band`.")
    generations: Annotated[int, Field(ge=2)] = Field(default=8, description="Answers to each.")
    max_flat: Fraction = Field(
        default=1.0, description="Groups of equal rewards, of all, from which on training stops."
    )


class CurriculumTable(Config):
    """Which puzzles GRPO trains on."""

    band: Annotated[Band, AfterValidator(_rising)] | None = Field(
        default=None,
        description="Smallest and largest share of right answers of the base model to a puzzle, of "
        "those that `preflight` asks; none: all puzzles, asked or not.",
    )


class RolloutTable(Config):
    """What writes GRPO's completions."""

    engine: Literal["hf", "vllm-colocate"] = Field(
        default="hf", description="The trained model itself, or vLLM beside it on the same GPUs."
    )
    memory: float = Field(
        default=0.4, gt=0, lt=1, description="Share of a GPU's memory that vLLM may take."
    )


class VlmDistTable(Config):
    """How several devices share the work."""

    strategy: Literal["ddp", "zero2", "zero3", "zero2_offload", "zero3_offload"] = Field(
        default="ddp",
        description="Whole model on each device, or DeepSpeed: optimizer and gradients sharded, "
        "weights too, or kept in main memory.",
    )


class VlmSaveTable(Config):
    """Checkpoints of the run."""

    every: Positive = Field(default=50, description="Steps between checkpoints.")
    keep: Positive = Field(default=3, description="Newest checkpoints to keep.")


class VlmRecipe(Recipe):
    """Training of a vision-language model: `vtb train vlm`."""

    kind: Literal["vlm"]
    model: VlmModelTable = VlmModelTable()
    data: VlmDataTable = VlmDataTable()
    lora: VlmLoraTable = VlmLoraTable()
    train: VlmTrainTable = VlmTrainTable()
    grpo: GrpoTable = GrpoTable()
    reward: RewardTable = RewardTable()
    preflight: PreflightTable = PreflightTable()
    curriculum: CurriculumTable = CurriculumTable()
    rollout: RolloutTable = RolloutTable()
    save: VlmSaveTable = VlmSaveTable()
    log: LogTable = LogTable()
    dist: VlmDistTable = VlmDistTable()
