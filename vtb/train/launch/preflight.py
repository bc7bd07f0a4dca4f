"""What of a request is wrong, or otherwise than the user may think, before anything starts."""

from __future__ import annotations

from collections.abc import Iterator

from vtb.core.errors import UsageError
from vtb.run.plan import Check
from vtb.train.launch.adapter import start_checks
from vtb.train.launch.job import VideoJob
from vtb.train.launch.workload import trainable_parameters


def geometry_checks(job: VideoJob) -> Iterator[Check]:
    """Whether the model can make clips of the recipe's size and length."""
    data = job.recipe.data
    try:
        job.checkpoint.variant.check_geometry(data.num_frames, data.height, data.width)
    except UsageError as error:
        yield Check("error", "geometry", str(error), error.hint)


def recipe_checks(job: VideoJob) -> Iterator[Check]:
    """Whether the values of the recipe go together."""
    train, strategy = job.recipe.train, job.recipe.dist.strategy
    try:
        trainable_parameters(job.recipe, job.checkpoint, job.expert)
    except UsageError as error:
        yield Check("error", "target_modules", error.message, error.hint)
    if job.recipe.lora.init_from and train.target != "lora":
        message = f"train.target = {train.target} trains no LoRA to go on from"
        yield Check("error", "init_from", message, "leave lora.init_from out")
    else:
        yield from start_checks(job.recipe.lora, job.checkpoint, job.expert)
    if train.base_precision == "fp8" and train.forward == "reference":
        message = "diffsynth's own forward knows no fp8"
        yield Check("error", "fp8", message, "-s train.forward=fast")
    if train.base_precision == "fp8" and train.target != "lora":
        message = "fp8 weights are frozen, and only a LoRA leaves them so"
        yield Check("error", "fp8", message, "-s train.base_precision=bf16")
    if train.i2v_prob < 1 and train.target != "vae":
        yield from _conditioning_checks(job)
    if job.is_cache_only and train.target == "vae":
        message = "a VAE is trained on the clips as they are: nothing is to be encoded"
        yield Check("error", "cache", message, "leave --cache-only out")
    if strategy != "ddp":
        yield from _zero_checks(job)


def _conditioning_checks(job: VideoJob) -> Iterator[Check]:
    variant = job.checkpoint.variant
    if not variant.transformers[0].arguments["fuse_vae_embedding_in_latents"]:
        share = "each sample's" if variant.takes_image else "no"
        message = f"train.i2v_prob has no effect: {variant.family} is given {share} first frame"
        yield Check("warning", "i2v_prob", message)


def _zero_checks(job: VideoJob) -> Iterator[Check]:
    train, strategy, world = job.recipe.train, job.recipe.dist.strategy, job.cluster.world
    if train.target != "lora":
        yield Check("error", "strategy", f"{strategy} trains a LoRA only", "-s dist.strategy=ddp")
    if train.base_precision == "fp8":
        message = f"{strategy} would turn fp8 weights into bf16"
        yield Check("error", "strategy", message, "-s dist.strategy=ddp")
    if train.ema:
        message = f"{strategy} has no whole float32 weights to average"
        yield Check("error", "strategy", message, "-s train.ema=0, or -s dist.strategy=ddp")
    if strategy == "zero3" and job.gpus and train.forward == "fast" and train.compile:
        message = "blocks whose weights are gathered when needed cannot be compiled"
        yield Check("error", "strategy", message, "-s train.compile=false")
    if strategy == "zero3" and world & (world - 1):
        message = f"zero3 cuts weights into equal parts, and {world} is no power of two"
        yield Check("error", "strategy", message, "use 2, 4, 8, … devices")
