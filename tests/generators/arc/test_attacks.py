"""Answers that earn something from the ARC verifier without applying the rule."""

import json

from vtb.core import registry
from vtb.core.frames import FramePlan
from vtb.core.generator import Sampler
from vtb.core.types import Prediction, Sample


def grid(side, row):
    """One row of colour 3 on colour 0."""
    return [[3 * (r == row)] * side for r in range(side)]


def test_a_grid_of_one_colour_earns_nothing(tmp_path):
    pairs = [{"input": grid(6, row), "output": grid(5, row)} for row in range(3)]
    task = {"train": pairs[:2], "test": pairs[2:]}
    (tmp_path / "00000000.json").write_text(json.dumps(task))
    generator = registry.load("arc-agi-2")
    config, style = generator.Config(input=str(tmp_path)), generator.Style()
    instance = Sampler(generator, config, style, 0).draw(0, 0)
    drawn = generator.render(instance, style, FramePlan.of(17, 16))
    answer = generator.answer(instance)
    sample = Sample("x", instance, {}, answer, drawn.puzzle.rgb(), drawn.solution.rgb())
    text = f"<answer>{[[0] * 5] * 5}</answer>"
    assert generator.check(sample, Prediction("x", "text", text=text)).score == 0
