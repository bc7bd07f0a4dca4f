"""Speed of maze planning, images, videos and verification, one process.

    python benchmarks/puzzles.py

Prints one row per job: the median of the repeats, the reference figure and the ratio. Reference
figures are VideoThinkBench's, one process on two CPU cores; its clips have 119 frames, ours 121,
the next count of the form 4n+1. Plans have no reference but a goal of 2,000 a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from statistics import median

from generators.maze.square import SquareMaze
from vtb.core.frames import FramePlan
from vtb.core.generator import Sampler
from vtb.core.types import Prediction, Rendering, Sample
from vtb.media.image import encode_png
from vtb.media.video import encode

MAZE = SquareMaze()
IMAGE_STYLE = MAZE.Style(canvas=(512, 512))
VIDEO_STYLE = MAZE.Style(cell=32)
PLAN = FramePlan.of(121, 16)


@dataclass(frozen=True)
class Job:
    """A step to repeat: `batch` calls are timed `repeats` times; `reference` is in calls/s."""

    name: str
    step: Callable[[], object]
    batch: int
    repeats: int
    reference: float

    def per_second(self) -> float:
        """Median rate in calls per second, after a warm-up call."""
        self.step()
        rates: list[float] = []
        for _ in range(self.repeats):
            start = time.perf_counter()
            for _ in range(self.batch):
                self.step()
            rates.append(self.batch / (time.perf_counter() - start))
        return median(rates)


def write_pngs(rendering: Rendering) -> list[bytes]:
    """The three images of a sample: puzzle, solution, ids."""
    pictures = (rendering.puzzle, rendering.solution, rendering.extra["image_vlm"])
    return [encode_png(picture) for picture in pictures]


def jobs() -> list[Job]:
    """Every measured step; each call works on a new puzzle."""
    index = count()
    planner = Sampler(MAZE, MAZE.Config(), VIDEO_STYLE, seed=0)
    image_planner = Sampler(MAZE, MAZE.Config(), IMAGE_STYLE, seed=1)

    def images() -> None:
        write_pngs(MAZE.render(image_planner.draw(next(index), 0), IMAGE_STYLE, PLAN))

    def video() -> None:
        rendering = MAZE.render(planner.draw(next(index), 0), VIDEO_STYLE, PLAN)
        write_pngs(rendering)
        encode(rendering.frames, num_frames=121, height=288, width=288, fps=16)

    instance = image_planner.draw(0, 0)
    rendering = MAZE.render(instance, IMAGE_STYLE, PLAN)
    puzzle, solution = rendering.puzzle.rgb(), rendering.solution.rgb()
    sample = Sample("bench", instance, {}, "", puzzle=puzzle, solution=solution)
    prediction = Prediction("bench", "image", content=solution)
    return [
        Job(
            "plan 9x9 (fingerprints included)", lambda: planner.draw(next(index), 0), 1000, 5, 2000
        ),
        Job("images 9x9, canvas 512, 3 PNG", images, 100, 5, 51),
        Job("video 9x9, 288 px, 121 frames, 3 PNG", video, 10, 5, 2.2),
        Job("verify a 512-px image", lambda: MAZE.check(sample, prediction), 20, 5, 1 / 0.070),
    ]


def main() -> None:
    """Measures every job and prints the table."""
    print(f"{'job':<38} {'ours /s':>9} {'ref /s':>8} {'ratio':>7}")
    for job in jobs():
        rate = job.per_second()
        print(f"{job.name:<38} {rate:>9.1f} {job.reference:>8.1f} {rate / job.reference:>6.1f}x")


if __name__ == "__main__":
    main()
