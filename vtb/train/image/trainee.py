"""A LoRA on a Qwen-Image transformer, loaded and prepared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import torch

from vtb.models.lora.layers import extract_lora
from vtb.models.qwen_image.checkpoint import QwenImageCheckpoint
from vtb.models.qwen_image.load import load_pipeline
from vtb.recipe.image import ImageRecipe
from vtb.train.flow.schedule import TIMESTEP_DTYPES, NoiseSchedule
from vtb.train.image.build import build_missing
from vtb.train.image.cache import PictureCache
from vtb.train.image.finish import write_final
from vtb.train.image.job import pictures_of
from vtb.train.image.objective import QwenImageObjective
from vtb.train.image.read import CachedPictures
from vtb.train.image.task import QwenImageTask
from vtb.train.image.workload import picture_workload
from vtb.train.launch.estimate import num_recomputed
from vtb.train.loop.loop import Loop, Observer
from vtb.train.loop.step_log import StepLog
from vtb.train.session import Report, Session
from vtb.train.weights import LoraWeights

ImageSession: TypeAlias = Session[ImageRecipe, QwenImageCheckpoint]
# In training, diffsynth's shift of the schedule is that of no particular size.
MU = 0.8


@dataclass(frozen=True, slots=True)
class ImageTrainee:
    """A LoRA, trained by flow matching."""

    session: ImageSession
    task: QwenImageTask
    dit: Any

    @classmethod
    def load(cls, session: ImageSession) -> Self:
        """Encoders come and go before the transformer is loaded.

        On a CPU everything is float32, on a GPU the frozen weights are bfloat16.
        """
        recipe, pictures = session.recipe, _encoded(session)
        free_gib = session.free_memory_gib()
        pipe: Any = load_pipeline(
            session.checkpoint.directory,
            device=str(session.device),
            dtype=torch.float32 if session.device.type == "cpu" else torch.bfloat16,
            parts=("dit",),
            log=session.run.log,
        )
        weights = LoraWeights(pipe.dit, recipe.lora, recipe.train.seed)
        schedule = NoiseSchedule.exponential(
            MU,
            weighting=recipe.train.loss_weighting,
            dtype=TIMESTEP_DTYPES[recipe.train.timestep_dtype],
        )
        objective = _objective(session, pipe.dit, pictures, free_gib)
        task = QwenImageTask(objective, weights, recipe, pictures, schedule)
        return cls(session, task, pipe.dit)

    def observers(self, loop: Loop, log: StepLog) -> Sequence[Observer]:
        """None: the training loss is what counts."""
        return ()

    def write_final(self, step: int) -> None:
        """The LoRA's files."""
        session = self.session
        variant = session.checkpoint.variant
        write_final(session.run, session.recipe, variant, extract_lora(self.dit), step)


def _encoded(session: ImageSession) -> CachedPictures:
    source = pictures_of(session.dataset, session.recipe, session.checkpoint)
    cache = PictureCache.of(
        source,
        session.checkpoint,
        dtype=session.recipe.cache.dtype,
        root=session.arguments.cache,
    )

    def build(report: Report) -> None:
        build_missing(
            cache,
            source,
            device=str(session.device),
            rank=session.accelerator.process_index,
            world_size=session.accelerator.num_processes,
            on_progress=report,
            log=session.run.log,
        )

    session.fill(cache, build)
    return CachedPictures(cache)


def _objective(
    session: ImageSession, dit: Any, pictures: CachedPictures, free_gib: float
) -> QwenImageObjective:
    train = session.recipe.train
    work = picture_workload(session.recipe, session.checkpoint, pictures.shapes)
    return QwenImageObjective(
        dit,
        train,
        zero_cond_t=session.checkpoint.variant.zero_cond_t,
        num_recomputed=num_recomputed(train.activation_checkpointing, work, free_gib),
        compile_blocks=work.is_compiled and session.device.type == "cuda",
    )
