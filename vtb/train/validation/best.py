"""The weights that did best on held-out samples; imports no torch."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from vtb.core.files import atomic_directory, atomic_write_json, read_json
from vtb.run.rundir import RunDirectory

if TYPE_CHECKING:
    from vtb.train.loop.checkpoint import HasWeights

RECORD = "best.json"
# What decides, in this order: a later figure counts only where those before it are equal.
CLIP_FIGURES = ("validation_pass_rate", "validation_score")
LOSS = "validation_loss"


@dataclass(frozen=True, slots=True)
class Best:
    """A measurement by step."""

    step: int
    figures: Mapping[str, float]

    @property
    def merit(self) -> tuple[float, ...]:
        """Greater is better."""
        if LOSS in self.figures:
            return (-self.figures[LOSS],)
        return tuple(self.figures[name] for name in CLIP_FIGURES)

    @property
    def directory(self) -> str:
        """Name of the directory of its weights, among the checkpoints."""
        return f"best-{self.step:06d}"

    def __str__(self) -> str:
        words = (f"{name.removeprefix('validation_')} {v:.4g}" for name, v in self.figures.items())
        return f"step {self.step} ({', '.join(words).replace('_', ' ')})"


def read_best(run: RunDirectory) -> Best | None:
    """The best measurement so far; its weights are in `checkpoints/best-000250/`."""
    found = [Best(**read_json(path)) for path in run.checkpoints.glob(f"best-*/{RECORD}")]
    return max(found, key=lambda best: best.merit, default=None)


class BestWeights:
    """Keeps the weights of the best measurement so far, which come every so many steps.

    They survive the removal of old checkpoints. All state is on the disk, so that a resumed run
    goes on as an uninterrupted one.
    """

    def __init__(self, run: RunDirectory, owner: HasWeights, *, every: int, patience: int) -> None:
        self._run, self._owner = run, owner
        self._every, self._patience = every, patience

    def is_better(self, event: Mapping[str, float | None]) -> bool:
        """Whether a measurement is the best so far.

        One without the figures that decide, because nothing could be scored, is not.
        """
        best, figures = read_best(self._run), _figures(event)
        return bool(figures) and (best is None or Best(0, figures).merit > best.merit)

    def keep(self, step: int, event: Mapping[str, float | None]) -> None:
        """Writes the present weights down, and removes those that were kept before."""
        best = Best(step, _figures(event))
        target = self._run.checkpoints / best.directory
        older = [path for path in self._run.checkpoints.glob("best-*") if path != target]
        shutil.rmtree(target, ignore_errors=True)
        with atomic_directory(target) as temporary:
            self._owner.write_weights(temporary, step)
            atomic_write_json(temporary / RECORD, asdict(best))
        for path in older:
            shutil.rmtree(path)

    def is_at_end(self, step: int) -> bool:
        """Whether `patience` measurements came without a better one; 0 is without end."""
        best = read_best(self._run)
        without = 0 if best is None else (step - best.step) // self._every
        return 0 < self._patience <= without


def _figures(event: Mapping[str, float | None]) -> dict[str, float]:
    names = (LOSS,) if LOSS in event else CLIP_FIGURES
    values = {name: value for name in names if (value := event.get(name)) is not None}
    return values if len(values) == len(names) else {}
