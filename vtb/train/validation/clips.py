"""Clips sampled from the model in training, judged by the verifiers of their puzzles."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor

from vtb.core.files import atomic_write
from vtb.data.names import sample_file
from vtb.data.store import Dataset
from vtb.infer.fill import sample_seed
from vtb.media.fit import Fit, Size
from vtb.media.video import encode
from vtb.models.wan.context import padded
from vtb.models.wan.load import load_pipeline
from vtb.models.wan.sample import Conditions, Predictor, decode, denoise
from vtb.recipe.schema import VideoRecipe
from vtb.run.rundir import RunDirectory
from vtb.train.flow.batch import Draw, collate
from vtb.train.flow.schedule import NoiseSchedule
from vtb.train.latents.encode import PromptEncoder, encoder_dtype
from vtb.train.loop.batching import by_shape
from vtb.train.loop.stopping import StopRequest
from vtb.train.validation.sharing import any_process, rounds
from vtb.train.validation.verdicts import Row, judged, summary

if TYPE_CHECKING:
    from vtb.train.flow.wan_task import EncodedClips

VERDICTS = "verdicts.jsonl"


@dataclass(frozen=True, slots=True)
class SampledClips:
    """Makes a clip of each held-out sample and has it judged, shared by all processes.

    The noise is that of `vtb infer video` for the same seed. `beat` is called after each batch of
    clips, `empty_context` (n, text dim) is the encoded empty prompt, needed for guidance.
    """

    recipe: VideoRecipe
    run: RunDirectory
    dataset: Dataset
    model: Path
    clips: EncodedClips
    predict: Predictor
    dtype: torch.dtype
    schedule: NoiseSchedule
    accelerator: Accelerator
    stop: StopRequest
    beat: Callable[[], None]
    empty_context: Tensor | None = None

    def __call__(self, step: int) -> dict[str, Any] | None:
        """Score and pass rate, over all and by task; None when a stop was asked for meanwhile.

        Clips and verdicts are in `previews/step-000250/`.
        """
        latents = self._denoised()
        if latents is None:
            return None
        directory = self.run.previews / self.run.checkpoint(step).name
        directory.mkdir(parents=True, exist_ok=True)
        own = self._judged(directory, latents)
        rows: list[Row] = gather_object(own)
        rows.sort(key=lambda row: row["sample_id"])
        if self.accelerator.is_main_process:
            lines = "".join(json.dumps(row) + "\n" for row in rows)
            atomic_write(directory / VERDICTS, lines)
        return summary(rows)

    def _denoised(self) -> dict[int, Tensor] | None:
        """This process's latents on the CPU, by the numbers of their clips."""
        table, found = self.recipe.validation, dict[int, Tensor]()
        micro_batch = self.recipe.train.micro_batch
        for items in rounds(by_shape(self.clips.sizes), micro_batch, self.accelerator):
            if any_process(self.accelerator, self.stop.signal is not None):
                return None
            noise, conditions = self._inputs([item.number for item in items])
            latents = denoise(
                self.predict,
                noise,
                conditions,
                steps=table.steps,
                shift=self.recipe.train.shift,
                dtype=self.dtype,
                cfg=table.cfg,
                negative_context=self._negative_context(),
            ).cpu()
            found |= {i.number: z for i, z in zip(items, latents, strict=True) if i.counts}
            self.beat()
        return found

    def _inputs(self, numbers: list[int]) -> tuple[Tensor, Conditions]:
        unused = Draw(0, self.schedule.first, is_image_conditioned=True)
        samples = [(self.clips.read(number), unused) for number in numbers]
        batch = collate(samples, self.schedule)
        batch = batch.map(lambda tensor: tensor.to(self.accelerator.device))
        is_given = self.recipe.train.i2v_prob > 0
        noise = [self._noise(number, batch.latents.shape[1:]) for number in numbers]
        return torch.stack(noise).to(self.accelerator.device), Conditions(
            batch.context, batch.first_frame if is_given else None, batch.image_condition
        )

    def _noise(self, number: int, shape: Sequence[int]) -> Tensor:
        """That of `vtb infer` with the same seed."""
        seed = sample_seed(self.recipe.validation.seed, self.clips.ids[number])
        return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))

    def _negative_context(self) -> Tensor | None:
        empty = self.empty_context
        if empty is None:
            return None
        return padded([empty]).to(self.accelerator.device)

    def _judged(self, directory: Path, latents: Mapping[int, Tensor]) -> list[Row]:
        device, fps = self.accelerator.device, self.recipe.data.fps
        dtype = encoder_dtype(device.type)
        torch.cuda.empty_cache()
        pipe: Any = load_pipeline(
            self.model, device=str(device), dtype=dtype, parts=("vae",), log=self.run.log
        )
        rows: list[Row] = []
        for number, clip_latents in latents.items():
            [frames] = decode(pipe.vae, clip_latents[None].to(device, dtype))
            sample = self.dataset.sample(self.clips.ids[number])
            assert sample.puzzle is not None
            size, inner = Size(*sample.puzzle.shape[:2]), Size(*frames.shape[1:3])
            frames = Fit.of(size, inner, multiple=1, mode="pad").undo(frames)
            count, height, width = frames.shape[:3]
            clip = encode(frames, num_frames=count, height=height, width=width, fps=fps)
            atomic_write(sample_file(directory, sample.id, ".mp4"), clip)
            rows.append(judged(sample, clip))
            self.beat()
        del pipe
        torch.cuda.empty_cache()
        return rows


def encode_empty_prompt(model: Path, device: torch.device, log: Path) -> Tensor:
    """The empty prompt's true tokens on the CPU, (n, text dim); loads the text encoder for it."""
    dtype = encoder_dtype(device.type)
    pipe = load_pipeline(model, device=str(device), dtype=dtype, parts=("text_encoder",), log=log)
    return PromptEncoder(pipe).encode("")
