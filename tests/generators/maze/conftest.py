from dataclasses import replace

import pytest

from generators.maze.square import SquareMaze
from vtb.core.frames import FramePlan
from vtb.core.generator import Sampler
from vtb.core.types import Prediction, Sample
from vtb.media.video import encode

MAZE = SquareMaze()
PLAN = FramePlan.of(17, 16)


def maze_sample(size=9, index=0, *, canvas=None, cell=16, seed=0, config=None, **style) -> Sample:
    """A drawn square maze; `canvas` is the side of a square one and overrides `cell`."""
    style = MAZE.Style(cell=cell, canvas=(canvas, canvas) if canvas else None, **style)
    config = MAZE.Config(rows=size, cols=size, **(config or {}))
    instance = Sampler(MAZE, config, style, seed).draw(index, 0)
    drawn = MAZE.render(instance, style, PLAN)
    puzzle, solution = drawn.puzzle.rgb(), drawn.solution.rgb()
    return Sample("maze", instance, {}, MAZE.answer(instance), puzzle, solution)


def with_video(sample: Sample, **options) -> Sample:
    """The sample with its encoded solution clip of 17 frames."""
    style = MAZE.Style.model_validate(sample.instance.style)
    frames = MAZE.render(sample.instance, style, PLAN).frames
    height, width = sample.puzzle.shape[:2]
    clip = encode(frames, num_frames=17, height=height, width=width, fps=16, **options)
    return replace(sample, video=clip)


def check_image(sample: Sample, picture, **options):
    return MAZE.check(sample, Prediction(sample.id, "image", content=picture), **options)


@pytest.fixture(scope="session")
def maze():
    return maze_sample


@pytest.fixture(scope="session")
def filmed():
    return with_video


@pytest.fixture(scope="session")
def judged():
    return check_image
