"""Whether the machine suffices for a job, found before anything starts; imports no torch."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from vtb.core.errors import MissingEnvironmentError
from vtb.recipe.schema import LogTable
from vtb.run.plan import CacheNeed, Check, Estimates
from vtb.run.provenance import versions
from vtb.train.launch.estimate import Workload, memory_gib, num_recomputed
from vtb.train.launch.job import VideoJob
from vtb.train.launch.protocol import Job
from vtb.train.loop.trackers import require_trackers

MEMORY_SHARE = 0.95
# NVIDIA's names of devices of compute capability 8.9 and above: Ada, Hopper, Blackwell.
FP8_NAMES = re.compile(r"\b(L4|L40S?|G?H[128]00|H20|G?B[123]00|RTX (40|50)\d\d|RTX PRO|Ada)\b")

# Models made for a CPU have some millions; the smallest published part has 127 million.
MAX_CPU_PARAMETERS = 100_000_000


def environment_checks(
    job: VideoJob,
    installed: Callable[[str], object] = find_spec,
    torch_version: Callable[[], str] = lambda: versions().get("torch", ""),
) -> Iterator[Check]:
    """Whether packages and devices can do what the recipe asks.

    Of attentions, diffsynth takes what is installed, in the order FlashAttention 3, 2,
    SageAttention.
    """
    flash = installed("flash_attn_interface") or installed("flash_attn")
    if installed("sageattention") and not flash:
        yield lack(
            "attention",
            "sageattention has no backward pass, and diffsynth would use it",
            "pip uninstall sageattention, or install flash-attn beside it",
        )
    if torch_version().startswith("2.9."):
        message = f"torch {torch_version()} has a slow 3-D convolution, and the VAE is made of it"
        yield lack("torch", message, "pip install 'torch!=2.9.*'")
    yield from package_checks(job.recipe.dist.strategy, job.recipe.log, installed)
    if job.recipe.train.base_precision == "fp8":
        yield from _fp8_checks(job)


def package_checks(
    strategy: str, log: LogTable, installed: Callable[[str], object] = find_spec
) -> Iterator[Check]:
    """Whether what any recipe may ask for is installed."""
    if strategy != "ddp" and not installed("deepspeed"):
        yield lack("deepspeed", "deepspeed is not installed", "pip install deepspeed")
    try:
        require_trackers(log.trackers, installed)
    except MissingEnvironmentError as error:
        yield lack("trackers", f"{error.message}: {error.fact}", error.hint)


def _fp8_checks(job: VideoJob) -> Iterator[Check]:
    unable = [gpu.name for gpu in job.gpus if not FP8_NAMES.search(gpu.name)]
    if unable or not job.gpus:
        message = f"{unable[0] if unable else 'a CPU'} does not compute in fp8"
        hint = "-s train.base_precision=bf16, or a GPU of capability 8.9: Ada, Hopper, Blackwell"
        yield lack("fp8", message, hint)


def cpu_checks(job: Job, num_parameters: int, *, is_auto: bool) -> Iterator[Check]:
    """Whether a model of so many parameters is on a CPU that the user did not ask for."""
    if is_auto and not job.gpus and num_parameters > MAX_CPU_PARAMETERS:
        size = f"{num_parameters / 1e9:.1f} billion parameters"
        message = f"no GPU was found: a model of {size} runs on the CPU"
        yield Check("warning", "device", message, "--gpus 0, if that is meant")


def memory_checks(
    job: VideoJob, work: Workload | None, needed_gib: float | None
) -> Iterator[Check]:
    """Whether a step fits the smallest device; the hint is the first change that would fit."""
    if not job.gpus or work is None or needed_gib is None or job.is_cache_only:
        return
    gpu = min(job.gpus, key=lambda gpu: gpu.memory_gib)
    if needed_gib > MEMORY_SHARE * gpu.memory_gib:
        message = f"about {needed_gib:.0f} GiB needed, {gpu.name} has {gpu.memory_gib:.0f}"
        yield lack("memory", message, _fitting(job, work, gpu.memory_gib))


def _fitting(job: VideoJob, work: Workload, available_gib: float) -> str:
    setting, layers = job.recipe.train.activation_checkpointing, work.shape.layers
    recomputed = num_recomputed(setting, work, available_gib)
    changes: list[tuple[str, Workload, int]] = []
    if recomputed < layers:
        changes.append(("-s train.activation_checkpointing=full", work, layers))
    if work.micro_batch > 1:
        small = replace(work, micro_batch=1)
        changes.append(("-s train.micro_batch=1", small, recomputed))
        both = "-s train.micro_batch=1 -s train.activation_checkpointing=full"
        changes.append((both, small, layers))
    if work.frozen_bytes == 2 and all(FP8_NAMES.search(gpu.name) for gpu in job.gpus):
        fp8 = replace(work, frozen_bytes=1)
        changes.append(("-s train.base_precision=fp8", fp8, recomputed))
    fits = (
        flags
        for flags, changed, number in changes
        if memory_gib(changed, number) <= MEMORY_SHARE * available_gib
    )
    return next(fits, "use smaller or shorter clips")


def disk_checks(job: VideoJob, estimates: Estimates, cache: CacheNeed) -> Iterator[Check]:
    """Whether checkpoints and encoded samples find room."""
    # The kept checkpoints, the one being written, and the final files.
    needed = estimates.checkpoint_bytes * (job.recipe.save.keep + 2)
    if not job.is_cache_only:
        hint = "free some space, choose another -o, or keep fewer: -s save.keep=1"
        yield from room_check("checkpoints", needed, job.run.path, hint)
    hint = "free some space, or set VTB_HOME to a larger disk"
    yield from room_check("encoded samples", cache.bytes_to_write, job.cache, hint)


def room_check(what: str, needed: int, path: Path, hint: str) -> Iterator[Check]:
    """Whether so many bytes find room in a directory that need not be there yet."""
    free = shutil.disk_usage(_existing(path)).free
    if needed > free:
        message = f"{what} need {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free"
        yield lack("disk", message, hint)


def lack(name: str, message: str, hint: str) -> Check:
    """An error of this machine, not of the request."""
    return Check("error", name, message, hint, is_environment=True)


def _existing(path: Path) -> Path:
    return next(parent for parent in (path, *path.parents) if parent.exists())
