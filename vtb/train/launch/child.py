"""The command line of a training process; imports no torch."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

MODULE = "vtb.train"


@dataclass(frozen=True, slots=True)
class ChildArguments:
    """What a training process is told besides the recipe in its run directory.

    The run's own records are redacted, so nothing that matters is read back from them. Paths are
    absolute; the process follows a schedule of `steps` and stops at `stop_at`.
    """

    run: Path
    data: Path
    model: Path
    cache: Path
    device: Literal["cpu", "cuda"]
    steps: int
    stop_at: int
    expert: Literal["high", "low"] | None = None
    is_cache_only: bool = False

    def module_words(self, module: str = MODULE) -> tuple[str, ...]:
        """Name of the module that trains, and its arguments."""
        options: dict[str, object] = {
            "--data": self.data,
            "--model": self.model,
            "--cache": self.cache,
            "--device": self.device,
            "--steps": self.steps,
            "--stop-at": self.stop_at,
        }
        if self.expert:
            options["--expert"] = self.expert
        words = [str(word) for option in options.items() for word in option]
        if self.is_cache_only:
            words.append("--cache-only")
        return (module, str(self.run), *words)

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Self:
        """Reads the arguments of `module_words`; exits with 2 at others."""
        parser = ArgumentParser(prog=f"python -m {MODULE}", allow_abbrev=False)
        parser.add_argument("run", type=Path)
        parser.add_argument("--data", type=Path, required=True)
        parser.add_argument("--model", type=Path, required=True)
        parser.add_argument("--cache", type=Path, required=True)
        parser.add_argument("--device", choices=("cpu", "cuda"), required=True)
        parser.add_argument("--steps", type=int, required=True)
        parser.add_argument("--stop-at", type=int, required=True)
        parser.add_argument("--expert", choices=("high", "low"))
        parser.add_argument("--cache-only", dest="is_cache_only", action="store_true")
        return cls(**vars(parser.parse_args(arguments)))
