"""What runs inside a training process; `ChildArguments` is its command line."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from vtb.core.errors import MissingEnvironmentError, VtbError
from vtb.data.store import open_dataset
from vtb.models.wan.load import load_pipeline
from vtb.models.wan.lora import assign_lora, extract_lora, inject_lora
from vtb.models.wan.lora_file import read_lora, write_lora
from vtb.recipe.load import load
from vtb.recipe.schema import VideoRecipe
from vtb.run.lock import output_lock
from vtb.run.rundir import RunDirectory
from vtb.train.child import ChildArguments
from vtb.train.clips import ClipSource
from vtb.train.encode import WanEncoder
from vtb.train.finish import write_final
from vtb.train.flow_matching import (
    NUM_TIMESTEPS,
    Conditions,
    NoiseSchedule,
    NoisySample,
    flow_matching_loss,
)
from vtb.train.loop import Loop
from vtb.train.randomness import below, normal, shuffled_position, uniform
from vtb.train.stopping import StopRequest

if TYPE_CHECKING:
    from diffsynth.pipelines.wan_video import WanVideoPipeline

# A 480x832x81 clip takes 3 MB encoded and its prompt 4 MB, in bfloat16; this many (3.7 GB) stay in
# memory so that no epoch of a small data set encodes them again.
KEPT_CLIPS = 512
TIMESTEP_DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}


class WanObjective(nn.Module):
    """Maps a noisy sample to its flow-matching loss under a Wan transformer."""

    def __init__(self, pipe: WanVideoPipeline, recipe: VideoRecipe) -> None:
        super().__init__()
        train = recipe.train
        self.dit = pipe.dit
        self._model_fn = pipe.model_fn
        self._schedule = NoiseSchedule.shifted(train.shift, weighting=train.loss_weighting)
        self._timestep_dtype = TIMESTEP_DTYPES[train.timestep_dtype]
        self._recomputes = train.activation_checkpointing == "full"

    def forward(self, sample: NoisySample) -> Tensor:
        """The loss, a float32 scalar."""
        return flow_matching_loss(
            self._predict, sample, self._schedule, timestep_dtype=self._timestep_dtype
        )

    def _predict(
        self, latents: Tensor, timestep: Tensor, context: Tensor, is_image_conditioned: bool
    ) -> Tensor:
        return self._model_fn(
            dit=self.dit,
            latents=latents,
            timestep=timestep,
            context=context,
            fuse_vae_embedding_in_latents=is_image_conditioned,
            use_gradient_checkpointing=self._recomputes,
        )


class VideoTask:
    """LoRA training of a Wan transformer on the clips of a data set."""

    def __init__(self, pipe: WanVideoPipeline, recipe: VideoRecipe, clips: ClipSource) -> None:
        lora = recipe.lora
        inject_lora(
            pipe.dit,
            rank=lora.rank,
            alpha=lora.alpha,
            target_modules=lora.target_modules,
            seed=recipe.train.seed,
        )
        self.module = WanObjective(pipe, recipe)
        self.num_samples = len(clips.ids)
        self._pipe, self._recipe, self._clips = pipe, recipe, clips
        self._encoder = WanEncoder(pipe)
        self._conditions = lru_cache(maxsize=KEPT_CLIPS)(self._encode)

    def sample(self, counter: int) -> NoisySample:
        """The sample consumed at `counter`, on the pipeline's device."""
        seed = self._recipe.train.seed
        conditions = self._conditions(self._number(counter)).to(self._pipe.device)
        noise = normal(conditions.latents.shape, seed, "noise", counter)
        return NoisySample(
            conditions,
            noise.to(self._pipe.device),
            below(NUM_TIMESTEPS, seed, "timestep", counter),
            uniform(seed, "i2v", counter) < self._recipe.train.i2v_prob,
        )

    def describe(self, counter: int) -> str:
        """The sample's id and timestep index."""
        index = below(NUM_TIMESTEPS, self._recipe.train.seed, "timestep", counter)
        return f"{self._clips.ids[self._number(counter)]} at timestep index {index}"

    def write_weights(self, path: Path, step: int) -> None:
        """Writes the LoRA in float32 with its step."""
        lora = extract_lora(self._pipe.dit, {"step": str(step)})
        write_lora(path, lora, dtype=torch.float32)

    def read_weights(self, path: Path) -> None:
        """Restores the LoRA exactly."""
        assign_lora(self._pipe.dit, read_lora(path))

    def _number(self, counter: int) -> int:
        return shuffled_position(counter, self.num_samples, self._recipe.train.seed)

    def _encode(self, number: int) -> Conditions:
        return self._encoder.encode(self._clips.read(number)).to("cpu")


def train(arguments: ChildArguments, stop: StopRequest) -> bool:
    """Trains the recipe in a run directory; returns whether it came to its end.

    Goes on from the newest checkpoint. At the end `final/` is written. On a CPU everything is
    float32, else the frozen weights are bfloat16.
    """
    run = RunDirectory(arguments.run)
    recipe = load(VideoRecipe, str(run.recipe)).recipe
    accelerator = Accelerator(cpu=arguments.device == "cpu", mixed_precision="no")
    if accelerator.device.type != arguments.device:
        raise MissingEnvironmentError(
            "torch sees no GPU", fact=f"torch {torch.__version__}", hint="train with --gpus 0"
        )
    pipe = load_pipeline(
        arguments.model,
        device=str(accelerator.device),
        dtype=torch.float32 if accelerator.device.type == "cpu" else torch.bfloat16,
        log=run.log,
    )
    clips = ClipSource(open_dataset(arguments.data), recipe.data)
    task = VideoTask(pipe, recipe, clips)
    loop = Loop(task, recipe.train, recipe.save, run, accelerator)
    step = loop.run(steps=arguments.steps, stop_at=arguments.stop_at, stop=stop)
    if step < arguments.stop_at:
        return False
    write_final(run, recipe, extract_lora(pipe.dit), step)
    return True


def main() -> None:
    """Trains what the command line says; exits with 128 + signal when stopped."""
    arguments = ChildArguments.parse(sys.argv[1:])
    stop = StopRequest()
    stop.install()
    if arguments.device == "cpu":
        torch.set_num_threads(1)
    try:
        with output_lock(RunDirectory(arguments.run).checkpoints):
            is_complete = train(arguments, stop)
    except VtbError as error:
        lines = (f"error: {error.message}", error.fact, f"hint: {error.hint}" if error.hint else "")
        sys.stderr.write("\n".join(filter(None, lines)) + "\n")
        sys.exit(error.exit_code)
    if not is_complete:
        sys.exit(128 + (stop.signal or 0))


if __name__ == "__main__":
    main()
