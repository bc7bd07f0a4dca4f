"""The command line of a training process; imports no torch."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self


@dataclass(frozen=True, slots=True)
class ChildArguments:
    """What a training process is told besides the recipe in its run directory.

    The run's own records are redacted, so nothing that matters is read back from them. Paths are
    absolute; the process follows a schedule of `steps` and stops at `stop_at`.
    """

    run: Path
    data: Path
    model: Path
    device: Literal["cpu", "cuda"]
    steps: int
    stop_at: int

    def argv(self) -> tuple[str, ...]:
        """The whole command, `parse`'s arguments after its first three words."""
        options = {
            "--data": self.data,
            "--model": self.model,
            "--device": self.device,
            "--steps": self.steps,
            "--stop-at": self.stop_at,
        }
        words = (str(word) for option in options.items() for word in option)
        return (sys.executable, "-m", "vtb.train.video", str(self.run), *words)

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Self:
        """Reads the arguments of `argv`; exits with 2 at others."""
        parser = ArgumentParser(prog="python -m vtb.train.video", allow_abbrev=False)
        parser.add_argument("run", type=Path)
        parser.add_argument("--data", type=Path, required=True)
        parser.add_argument("--model", type=Path, required=True)
        parser.add_argument("--device", choices=("cpu", "cuda"), required=True)
        parser.add_argument("--steps", type=int, required=True)
        parser.add_argument("--stop-at", type=int, required=True)
        return cls(**vars(parser.parse_args(arguments)))
