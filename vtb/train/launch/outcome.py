"""What an invocation of `vtb train` came to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtb.core.files import read_json_lines
from vtb.run.plan import CacheNeed
from vtb.train.launch.job import VideoJob
from vtb.train.launch.protocol import Job


@dataclass(frozen=True, slots=True)
class Outcome:
    """State of a run after an invocation, which took `seconds` and began at `resumed_from`.

    `first_loss` and `last_loss` are those of the whole run; `is_early` when it ended itself before
    its last step.
    """

    run: str
    out: Path
    steps: int
    seconds: float
    samples_per_second: float
    first_loss: float | None
    last_loss: float | None
    checkpoint: Path
    final: Path
    resumed_from: int
    is_new: bool
    is_early: bool

    @classmethod
    def of(cls, job: Job, first: int, seconds: float) -> Outcome:
        """Reads it from the run directory."""
        run = job.run
        last = max(run.steps())
        events = read_json_lines(run.events)
        losses = [event["loss"] for event in events if event.get("loss") is not None]
        samples = (last - first) * job.resolved.recipe.train.batch
        return cls(
            run=run.state()["id"],
            out=run.path,
            steps=last,
            seconds=seconds,
            samples_per_second=samples / seconds if seconds else 0.0,
            first_loss=losses[0] if losses else None,
            last_loss=losses[-1] if losses else None,
            checkpoint=run.checkpoint(last),
            final=run.final,
            resumed_from=first,
            is_new=bool(seconds),
            is_early=run.is_finished,
        )

    def payload(self) -> dict[str, Any]:
        """The outcome as JSON, with the keys of `vtb.train/1`."""
        return {
            "run": self.run,
            "out": str(self.out),
            "status": "done",
            "steps": self.steps,
            "seconds": self.seconds,
            "samples_per_second": self.samples_per_second,
            "loss": {"first": self.first_loss, "last": self.last_loss},
            "checkpoint": str(self.checkpoint),
            "final": str(self.final),
            "resumed_from": self.resumed_from,
        }


@dataclass(frozen=True, slots=True)
class Cached:
    """State of the cache after samples were encoded and nothing was trained.

    Of the `samples` there are, `encoded` were made by this invocation, in `num_bytes`.
    """

    out: Path
    directory: Path
    samples: int
    encoded: int
    num_bytes: int
    seconds: float

    @classmethod
    def of(cls, job: VideoJob, before: CacheNeed, num_bytes: int, seconds: float) -> Cached:
        """That of a job whose cache needed `before` and is filled now."""
        samples = before.hits + before.missing
        directory = Path(before.directory)
        return cls(job.run.path, directory, samples, before.missing, num_bytes, seconds)

    def payload(self) -> dict[str, Any]:
        """The outcome as JSON, with the keys of `vtb.train/1`; there is no run yet."""
        return {
            "run": None,
            "out": str(self.out),
            "status": "cached",
            "steps": 0,
            "seconds": self.seconds,
            "samples_per_second": self.encoded / self.seconds if self.seconds else 0.0,
            "loss": {"first": None, "last": None},
            "checkpoint": None,
            "final": None,
            "resumed_from": 0,
            "cache": {
                "directory": str(self.directory),
                "samples": self.samples,
                "encoded": self.encoded,
                "bytes": self.num_bytes,
            },
        }
