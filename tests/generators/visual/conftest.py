from functools import cache

import pytest

from vtb.core import registry
from vtb.core.frames import FramePlan
from vtb.core.generator import Sampler
from vtb.core.types import Prediction, Sample

PLAN = FramePlan.of(17, 16)
PATTERNS = (
    "color_grid",
    "color_hexagon",
    "color_overlap_squares",
    "color_size",
    "polygon_sides_color",
    "rectangle_height_color",
    "shape_reflect",
    "shape_size_grid",
    "size_cycle",
    "size_grid",
)


def pytest_generate_tests(metafunc):
    if "pattern_task" in metafunc.fixturenames:
        metafunc.parametrize("pattern_task", PATTERNS)


def load(task):
    return registry.load("visual-" + task.replace("_", "-"))


@cache
def draw_pattern(task, index=0, seed=0, canvas=(512, 512), style="classic"):
    """The Instance of a plan index."""
    generator = load(task)
    look = generator.Style(**generator.styles()[style])
    return Sampler(generator, generator.Config(canvas=canvas), look, seed).draw(index, 0)


@cache
def pattern_sample(task, index=0, seed=0, canvas=(512, 512), style="classic") -> Sample:
    """A drawn Sample without video."""
    generator, instance = load(task), draw_pattern(task, index, seed, canvas, style)
    look = generator.Style.model_validate(instance.style)
    drawn = generator.render(instance, look, PLAN)
    puzzle, solution = drawn.puzzle.rgb(), drawn.solution.rgb()
    return Sample(f"{task}-{index}", instance, {}, generator.answer(instance), puzzle, solution)


def check_pattern(sample: Sample, picture, **options):
    generator = load(sample.instance.task)
    return generator.check(sample, Prediction(sample.id, "image", content=picture), **options)


@pytest.fixture(scope="session")
def pattern_generator():
    return load


@pytest.fixture(scope="session")
def pattern_instance():
    return draw_pattern


@pytest.fixture(scope="session")
def pattern():
    return pattern_sample


@pytest.fixture(scope="session")
def pattern_verdict():
    return check_pattern
