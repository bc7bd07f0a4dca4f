"""Speed of planning, drawing, filming and judging puzzles, one process.

    python benchmarks/puzzles.py [FAMILY ...]

Prints one row per job: the median of the repeats, the reference figure and the ratio, and the
geometric mean of every family's images and videos. Reference figures are VideoThinkBench's own
generators, one process on two CPU cores, start-up excluded for neither: samples per second with
the same pictures on the same canvas. Its square mazes have clips of 119 frames, ours of 121, the
next count of the form 4n+1; others 97. Where it was not measured for a task, the mean of the
tasks measured stands in (marked ~).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from math import prod
from statistics import median
from typing import Any

import cv2

from vtb.core import registry
from vtb.core.frames import FramePlan
from vtb.core.generator import Generator, Sampler
from vtb.core.types import Prediction, Rendering, Sample
from vtb.media.image import encode_png
from vtb.media.video import encode

REPEATS = 5
# Samples per second of the reference: images, and where measured videos.
IMAGES = {
    "maze-square": 50.9,
    "maze-hexagon": 36.5,
    "maze-labyrinth": 35.7,
    "eyeballing-midpoint": 70,
    "eyeballing-incenter": 72,
    "eyeballing-parallel": 71,
    "eyeballing-ray-reflect": 66,
    "eyeballing-parallelogram": 81,
    "eyeballing-right-triangle": 7.3,
    "visual-color-grid": 8.3,
}
OTHER_IMAGES = {"eyeballing": 72, "visual": 8.3}
VIDEOS = {
    "maze-square": 2.1,
    "maze-hexagon": 2.1,
    "maze-labyrinth": 2.0,
    "eyeballing-midpoint": 3.9,
}
OTHER_VIDEOS = {"eyeballing": 3.9}
VERIFY = {"maze": 1 / 0.070, "eyeballing": 1 / 0.010, "visual": 1 / 0.010}
# Beyond the reference: it has no such task.
OURS_ALONE = {"eyeballing-ray", "eyeballing-fermat-point"}
MINOR = {"visual-sudoku", "visual-jigsaw", "visual-mirror", "visual-rects", "visual-circle-count"}


@dataclass(frozen=True)
class Job:
    """A step to repeat `batch` times in each of the repeats; `reference` is in calls/s."""

    name: str
    step: Callable[[], object]
    batch: int
    reference: float
    is_estimate: bool = False

    def per_second(self) -> float:
        """Median rate in calls per second, after a warm-up call."""
        self.step()
        rates: list[float] = []
        for _ in range(REPEATS):
            start = time.perf_counter()
            for _ in range(self.batch):
                self.step()
            rates.append(self.batch / (time.perf_counter() - start))
        return median(rates)


@dataclass(frozen=True)
class Easel:
    """New puzzles of one generator, on canvases of 512 px."""

    generator: Generator[Any, Any]
    sampler: Sampler[Any, Any]
    style: Any
    indices: count[int]

    @classmethod
    def of(cls, name: str, **style: Any) -> Easel:
        """The easel of a registered generator, with style settings besides the default."""
        generator = registry.load(name)
        look = generator.Style(**style)
        return cls(generator, Sampler(generator, generator.Config(), look, 0), look, count())

    def render(self, plan: FramePlan) -> Rendering:
        """The next puzzle's drawing, its PNGs encoded."""
        instance = self.sampler.draw(next(self.indices), 0)
        rendering = self.generator.render(instance, self.style, plan)
        for picture in (rendering.puzzle, rendering.solution, *rendering.extra.values()):
            encode_png(picture)
        return rendering

    def film(self, plan: FramePlan, preset: str) -> None:
        """The next puzzle's drawing and clip."""
        rendering = self.render(plan)
        height, width = rendering.puzzle.pixels.shape[:2]
        encode(
            rendering.frames,
            num_frames=plan.num_frames,
            height=height,
            width=width,
            fps=plan.fps,
            preset=preset,
        )

    def judged(self) -> Callable[[], object]:
        """A step that judges one true picture."""
        instance = self.sampler.draw(0, 0)
        rendering = self.generator.render(instance, self.style, FramePlan.of(17, 16))
        puzzle, solution = rendering.puzzle.rgb(), rendering.solution.rgb()
        sample = Sample("bench", instance, {}, "", puzzle=puzzle, solution=solution)
        prediction = Prediction("bench", "image", content=solution)
        return lambda: self.generator.check(sample, prediction)


def names(family: str) -> list[str]:
    """The generators of a family that the reference has too."""
    known = [name for name in registry.names() if name.startswith(family + "-")]
    return [name for name in known if name not in OURS_ALONE | MINOR]


def image_jobs(family: str) -> Iterator[Job]:
    """Drawing puzzle, solution and what else a row holds, on 512 px."""
    plan = FramePlan.of(17, 16)
    for name in names(family):
        canvas = {"canvas": (512, 512)} if family == "maze" else {}
        easel = Easel.of(name, **canvas)
        known = IMAGES.get(name)
        reference = known or OTHER_IMAGES[family]
        yield Job(f"{name} images", lambda e=easel: e.render(plan), 40, reference, known is None)


def video_jobs(family: str, preset: str) -> Iterator[Job]:
    """Drawing and filming at an x264 preset."""
    for name in names(family):
        is_square = name == "maze-square"
        canvas = {"canvas": (512, 512)} if family == "maze" and not is_square else {}
        easel, plan = Easel.of(name, **canvas), FramePlan.of(121 if is_square else 97, 16)
        known = VIDEOS.get(name)
        reference = known or OTHER_VIDEOS[family]
        title = f"{name} video, {preset}"
        step = lambda e=easel, p=plan: e.film(p, preset)  # noqa: E731  a job is a closure
        yield Job(title, step, 3, reference, known is None)


def run(title: str, jobs: Iterator[Job]) -> None:
    """Measures the jobs of one family and prints a row each and their geometric mean."""
    ratios: list[float] = []
    for job in jobs:
        rate = job.per_second()
        ratios.append(rate / job.reference)
        mark = "~" if job.is_estimate else " "
        row = f"{rate:>9.1f} {mark}{job.reference:>7.1f} {ratios[-1]:>6.1f}x"
        print(f"{job.name:<44} {row}", flush=True)
    if len(ratios) > 1:
        mean = prod(ratios) ** (1 / len(ratios))
        print(f"{title:<44} {'':>18} {mean:>6.1f}x  geometric mean, least {min(ratios):.1f}x\n")


def main(families: list[str]) -> None:
    """Measures every job on one core and prints the table."""
    cv2.setNumThreads(1)
    print(f"{'job':<44} {'ours /s':>9} {'ref /s':>8} {'ratio':>7}")
    maze = Easel.of("maze-square")
    indices = count()
    plan_step = Job(
        "plan 9x9 mazes, fingerprints included",
        lambda: maze.sampler.draw(next(indices), 0),
        1000,
        2000,
    )
    run("planning", iter([plan_step]))
    for family in families:
        run(f"{family} images", image_jobs(family))
        if family == "maze":
            run("maze videos", video_jobs(family, "superfast"))
        if family == "eyeballing":
            run("eyeballing videos, fastest", video_jobs(family, "ultrafast"))
            run("eyeballing videos, as shipped", video_jobs(family, "superfast"))
        checks = (
            Job(f"{name} verify", Easel.of(name).judged(), 20, VERIFY[family])
            for name in names(family)
        )
        run(f"{family} verification", checks)


if __name__ == "__main__":
    main(sys.argv[1:] or ["maze", "eyeballing", "visual"])
