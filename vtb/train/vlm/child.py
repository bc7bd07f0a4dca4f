"""The command line of a process that trains, or tries, a vision-language model; no torch."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, TypeAlias, get_args

from vtb.train.launch.protocol import device_of
from vtb.train.vlm.job import VlmJob

MODULE = "vtb.train.vlm"
Stage: TypeAlias = Literal["preflight", "train", "finish"]
Device: TypeAlias = Literal["cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class VlmChildArguments:
    """What a process is told besides the recipe and the questions in its run directory.

    Paths are absolute; training follows a schedule of `steps` and stops at `stop_at`.
    """

    stage: Stage
    run: Path
    data: Path
    model: Path
    device: Device
    steps: int
    stop_at: int

    @classmethod
    def of(cls, job: VlmJob, stage: Stage) -> Self:
        """Those of a job."""
        return cls(
            stage,
            job.run.path,
            job.dataset.path,
            job.model,
            device_of(job),
            job.steps,
            job.stop_at,
        )

    def module_words(self) -> tuple[str, ...]:
        """Name of the module to run, and its arguments."""
        options: dict[str, object] = {
            "--data": self.data,
            "--model": self.model,
            "--device": self.device,
            "--steps": self.steps,
            "--stop-at": self.stop_at,
        }
        words = (str(word) for option in options.items() for word in option)
        return (MODULE, self.stage, str(self.run), *words)

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Self:
        """Reads the arguments of `module_words`; exits with 2 at others."""
        parser = ArgumentParser(prog=f"python -m {MODULE}", allow_abbrev=False)
        parser.add_argument("stage", choices=get_args(Stage))
        parser.add_argument("run", type=Path)
        parser.add_argument("--data", type=Path, required=True)
        parser.add_argument("--model", type=Path, required=True)
        parser.add_argument("--device", choices=get_args(Device), required=True)
        parser.add_argument("--steps", type=int, required=True)
        parser.add_argument("--stop-at", type=int, required=True)
        return cls(**vars(parser.parse_args(arguments)))
