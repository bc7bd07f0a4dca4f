"""Answers that earn something from the maze verifier without solving the maze."""

import cv2
import numpy as np
import pytest

from vtb.core import registry
from vtb.core.frames import FramePlan
from vtb.core.generator import Sampler
from vtb.core.types import Prediction, Sample


def make(name, index):
    generator = registry.load(name)
    style = generator.Style()
    instance = Sampler(generator, generator.Config(), style, 0).draw(index, 0)
    drawn = generator.render(instance, style, FramePlan.of(17, 16))
    answer = generator.answer(instance)
    return Sample("x", instance, {}, answer, drawn.puzzle.rgb(), drawn.solution.rgb())


def flooded(sample):
    """A thin red line along every corridor."""
    generator = registry.load(sample.instance.generator)
    sketch = generator.sketch(sample.instance, sample.puzzle)
    graph = generator.graph(sample.instance)
    picture = sample.puzzle.copy()
    for cell, neighbours in enumerate(graph.neighbours):
        for other in neighbours:
            track = np.rint(sketch.track(cell, other)).astype(np.int32)
            width = max(2, sketch.scene.cell_px // 4)
            cv2.polylines(picture, [track], False, (220, 30, 30), width)
    return picture


@pytest.mark.parametrize("name", ["maze-square", "maze-hexagon", "maze-labyrinth"])
def test_flooding_every_corridor_earns_nearly_nothing(name):
    generator = registry.load(name)
    scores = []
    for index in range(20):
        sample = make(name, index)
        prediction = Prediction("x", "image", content=flooded(sample))
        scores.append(generator.check(sample, prediction).score)
    assert np.mean(scores) < 0.02
