"""Samples of every registered generator; a new one is covered as soon as it is registered."""

import json
from functools import cache
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from vtb.core import registry
from vtb.core.frames import FramePlan
from vtb.core.generator import Sampler
from vtb.core.types import Sample
from vtb.media.video import encode, read_frames

PLAN = FramePlan.of(17, 16)
MORE_INDICES = 8


def pytest_generate_tests(metafunc):
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", registry.names())
    if "index" in metafunc.fixturenames:
        more = [pytest.param(index, marks=pytest.mark.slow) for index in range(1, MORE_INDICES)]
        metafunc.parametrize("index", [0, *more])


@pytest.fixture(scope="session")
def arc_folder(tmp_path_factory) -> Path:
    """Thirty small tasks in ARC's public format."""
    folder = tmp_path_factory.mktemp("arc")
    for number in range(30):
        grids = [
            [
                [(row * 2 + col + number * (pair + 1)) % 10 for col in range(3 + number % 3)]
                for row in range(3 + pair)
            ]
            for pair in range(3)
        ]
        pairs = [{"input": grid, "output": [row[::-1] for row in grid]} for grid in grids]
        task = {"train": pairs[:2], "test": pairs[2:]}
        (folder / f"{number:08x}.json").write_text(json.dumps(task))
    return folder


@pytest.fixture(scope="session")
def config_of(arc_folder):
    """The default configuration of a generator, with an input where it needs one."""

    def build(name):
        generator = registry.load(name)
        needs_input = "input" in generator.Config.model_fields
        return generator.Config(**({"input": str(arc_folder)} if needs_input else {}))

    return build


@pytest.fixture(scope="session")
def draw(config_of):
    """The Instance of a plan index, in the generator's default or another named style."""

    @cache
    def instance(name, index, seed=0, style=None):
        generator = registry.load(name)
        look = generator.Style(**(generator.styles()[style] if style else {}))
        return Sampler(generator, config_of(name), look, seed).draw(index, 0)

    return instance


@pytest.fixture(scope="session")
def sample(draw):
    """A drawn Sample with its clip of 17 frames."""

    @cache
    def drawn(name, index, seed=0, style=None):
        generator = registry.load(name)
        instance = draw(name, index, seed, style)
        rendering = generator.render(instance, generator.Style.model_validate(instance.style), PLAN)
        height, width = rendering.puzzle.pixels.shape[:2]
        clip = encode(rendering.frames, num_frames=17, height=height, width=width, fps=16)
        puzzle, solution = rendering.puzzle.rgb(), rendering.solution.rgb()
        answer = generator.answer(instance)
        return Sample(f"{name}-{index}", instance, {}, answer, puzzle, solution, clip)

    return drawn


def coded(picture, crf):
    height, width = picture.shape[:2]
    data = encode([picture] * 3, num_frames=3, height=height, width=width, fps=8, crf=crf)
    return read_frames(data)[-1]


def scaled(picture, factor):
    height, width = (round(side * factor) for side in picture.shape[:2])
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return cv2.resize(picture, (width, height), interpolation=method)


def shifted(picture, down, right):
    return np.roll(picture, (down, right), (0, 1))


def noisy(picture, sigma):
    noise = np.random.default_rng(0).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).round().astype(np.uint8)


def jpeg(picture, quality=85):
    file = BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


# What happens to a picture on its way through models and codecs without changing its meaning.
HARMS = {
    "png": lambda p: p,
    "crf 18": lambda p: coded(p, 18),
    "crf 23": lambda p: coded(p, 23),
    "half size": lambda p: scaled(p, 0.5),
    "one and a half": lambda p: scaled(p, 1.5),
    "shift": lambda p: shifted(p, 1, -1),
    "noise": lambda p: noisy(p, 4),
    "blur": lambda p: cv2.GaussianBlur(p, (0, 0), 1),
    "jpeg": jpeg,
}


@pytest.fixture(scope="session")
def harms():
    return HARMS
