"""What a recipe trains, loaded and prepared: a LoRA, a whole transformer or a VAE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from vtb.models.lora.layers import extract_lora
from vtb.models.wan.load import load_pipeline
from vtb.train.finish import write_final, write_final_checkpoint
from vtb.train.fit import Trainee
from vtb.train.flow.objective import WanObjective
from vtb.train.flow.schedule import TIMESTEP_DTYPES, NoiseSchedule
from vtb.train.flow.wan_task import EncodedClips, WanTask
from vtb.train.latents.read import CachedClips
from vtb.train.latents.session import VideoSession, clips_of, encoded_clips
from vtb.train.launch.estimate import num_recomputed
from vtb.train.launch.workload import transformer_workload
from vtb.train.loop.loop import Loop, Observer
from vtb.train.loop.step_log import StepLog
from vtb.train.vae_task import VaeObjective, VaeTask
from vtb.train.validation.checks import is_measured, needs_empty_prompt
from vtb.train.validation.clips import encode_empty_prompt
from vtb.train.validation.observers import Validation
from vtb.train.weights import FullWeights, LoraWeights


def load_trainee(session: VideoSession) -> Trainee:
    """Encodes what is missing, then loads the model onto the device and adds what is trained.

    On a CPU everything is float32. On a GPU frozen weights are bfloat16, and whole models are
    trained in float32 with bfloat16 arithmetic.
    """
    if session.recipe.train.target == "vae":
        return VaeTrainee.load(session)
    return TransformerTrainee.load(session)


def encode_all(session: VideoSession) -> tuple[CachedClips, CachedClips | None]:
    """The clips to train on and those held out, if any are measured, encoded."""
    recipe, variant = session.recipe, session.checkpoint.variant
    clips = encoded_clips(session, "train")
    if not is_measured(recipe, variant):
        return clips, None
    return clips, encoded_clips(session, "validation", recipe.validation.samples)


@dataclass(frozen=True, slots=True)
class TransformerTrainee:
    """A transformer, or the LoRA on it, trained by flow matching."""

    session: VideoSession
    task: WanTask
    dit: Any
    schedule: NoiseSchedule
    held_out: EncodedClips | None
    empty_context: Tensor | None

    @classmethod
    def load(cls, session: VideoSession) -> Self:
        """Encoders come and go before the transformer is loaded."""
        recipe, variant = session.recipe, session.checkpoint.variant
        clips, held_out = encode_all(session)
        empty_context = None
        if needs_empty_prompt(recipe, variant):
            directory = session.checkpoint.directory
            empty_context = encode_empty_prompt(directory, session.device, session.run.log)
        return cls.prepare(session, clips, held_out, empty_context)

    @classmethod
    def prepare(
        cls,
        session: VideoSession,
        clips: EncodedClips,
        held_out: EncodedClips | None = None,
        empty_context: Tensor | None = None,
    ) -> Self:
        """Loads the transformer and adds what is trained on these clips."""
        recipe = session.recipe
        free_gib = session.free_memory_gib()
        dit = _load_transformer(session)
        weights = (
            FullWeights(dit)
            if recipe.train.target == "full"
            else LoraWeights(dit, recipe.lora, recipe.train.seed)
        )
        if recipe.train.base_precision == "fp8":
            from vtb.models.wan.fast.fp8 import quantize_base

            quantize_base(dit)
        schedule = noise_schedule(session)
        task = WanTask(_objective(session, dit, free_gib), weights, recipe, clips, schedule)
        return cls(session, task, dit, schedule, held_out, empty_context)

    def observers(self, loop: Loop, log: StepLog) -> Sequence[Observer]:
        """Held-out loss, and clips sampled and judged, as the recipe says."""
        session = self.session
        if self.held_out is None:
            return ()
        return Validation(
            recipe=session.recipe,
            run=session.run,
            accelerator=session.accelerator,
            task=self.task,
            predict=self.task.module.predict,
            dtype=self.task.module.dtype,
            average=loop.average,
            log=log,
            clips=self.held_out,
            dataset=session.dataset,
            checkpoint=session.checkpoint,
            schedule=self.schedule,
            stop=session.stop,
            stop_at=session.arguments.stop_at,
            beat=session.dog.beat,
            whole=loop.engine.whole,
            empty_context=self.empty_context,
        ).observers()

    def write_final(self, step: int) -> None:
        """The LoRA's files, or a checkpoint directory with the new transformer."""
        session = self.session
        if session.recipe.train.target == "lora":
            write_final(session.run, session.recipe, extract_lora(self.dit), step)
            return
        part = session.checkpoint.transformers[session.arguments.expert or ""]
        write_final_checkpoint(
            session.run, session.recipe, session.checkpoint, part, self.dit.state_dict(), step
        )


@dataclass(frozen=True, slots=True)
class VaeTrainee:
    """A VAE, trained to reconstruct clips."""

    session: VideoSession
    task: VaeTask
    vae: Any

    @classmethod
    def load(cls, session: VideoSession) -> Self:
        """Reads clips as they are; nothing is encoded."""
        pipe: Any = load_pipeline(
            session.checkpoint.directory,
            device=str(session.device),
            dtype=torch.float32,
            parts=("vae",),
            log=session.run.log,
        )
        weights = FullWeights(pipe.vae.model)
        objective = VaeObjective(pipe.vae, session.recipe.vae)
        if _is_recorded(session):
            recipe = session.recipe
            objective.record(recipe.train.micro_batch, recipe.data.num_frames, recipe.vae.crop)
        task = VaeTask(
            objective,
            weights,
            session.recipe,
            clips_of(session, "train"),
            grid=session.checkpoint.variant.size_multiple,
        )
        return cls(session, task, pipe.vae)

    def observers(self, loop: Loop, log: StepLog) -> Sequence[Observer]:
        """None: the training loss is what counts."""
        return ()

    def write_final(self, step: int) -> None:
        """A checkpoint directory with the new VAE."""
        session = self.session
        part = session.checkpoint.part("vae")
        weights = self.vae.model.state_dict()
        write_final_checkpoint(session.run, session.recipe, session.checkpoint, part, weights, step)


def _is_recorded(session: VideoSession) -> bool:
    """Whether every micro-batch has the same shape and is a step of its own."""
    train, world = session.recipe.train, session.accelerator.num_processes
    is_possible = session.device.type == "cuda" and world == 1 and session.recipe.vae.crop > 0
    return is_possible and train.compile and train.batch == train.micro_batch


def noise_schedule(session: VideoSession) -> NoiseSchedule:
    """The schedule of a recipe, cut to what the expert is used for unless it says otherwise."""
    train, boundary = session.recipe.train, session.checkpoint.variant.boundary
    sigma_range = (0.0, 1.0)
    if boundary is not None and train.timestep_range == "expert":
        is_high = session.arguments.expert == "high"
        sigma_range = (boundary, 1.0) if is_high else (0.0, boundary)
    return NoiseSchedule.shifted(
        train.shift,
        weighting=train.loss_weighting,
        dtype=TIMESTEP_DTYPES[train.timestep_dtype],
        sigma_range=sigma_range,
    )


def _load_transformer(session: VideoSession) -> Any:
    is_exact = session.device.type == "cpu" or session.recipe.train.target == "full"
    pipe: Any = load_pipeline(
        session.checkpoint.directory,
        device=str(session.device),
        dtype=torch.float32 if is_exact else torch.bfloat16,
        parts=("dit",),
        expert=session.arguments.expert,
        log=session.run.log,
    )
    return pipe.dit


def _objective(session: VideoSession, dit: Any, free_gib: float) -> WanObjective:
    train, expert = session.recipe.train, session.arguments.expert
    world = session.accelerator.num_processes
    work = transformer_workload(session.recipe, session.checkpoint, expert, world)
    return WanObjective(
        dit,
        train,
        num_recomputed=num_recomputed(train.activation_checkpointing, work, free_gib),
        compile_blocks=work.is_compiled and session.device.type == "cuda",
    )
