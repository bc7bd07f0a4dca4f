"""Answers that fooled the verifier once, and reasonable ones that it refused."""

from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from vtb.core import registry
from vtb.core.frames import FramePlan
from vtb.core.generator import Sampler
from vtb.core.types import Prediction, Sample
from vtb.media.video import encode, read_frames


def make(index=0, style="classic", **config):
    generator = registry.load("eyeballing-midpoint")
    look = generator.Style(**generator.styles()[style])
    instance = Sampler(generator, generator.Config(**config), look, 0).draw(index, 0)
    drawn = generator.render(instance, look, FramePlan.of(17, 16))
    answer = generator.answer(instance)
    return Sample("x", instance, {}, answer, drawn.puzzle.rgb(), drawn.solution.rgb())


def reason(sample, content, kind="image"):
    generator = registry.load(sample.instance.generator)
    return generator.check(sample, Prediction(sample.id, kind, content=content)).reason


def filled(sample, colour):
    """The puzzle with the right marker painted over in one colour."""
    picture = sample.puzzle.copy()
    spot = next(c for c in sample.instance.data["candidates"] if c["label"] == sample.answer)
    radius = round(sample.instance.data["point_radius"])
    cv2.circle(picture, (round(spot["x"]), round(spot["y"])), radius, colour, cv2.FILLED)
    return picture


def with_alpha(picture, alpha):
    file = BytesIO()
    Image.fromarray(np.dstack([picture, alpha])).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ((255, 165, 0), "no_answer"),
        ((255, 230, 0), "no_answer"),
        ((220, 30, 160), "no_answer"),
        ((240, 110, 140), "ok"),
        ((255, 105, 105), "ok"),
        ((198, 24, 24), "ok"),
    ],
)
def test_a_fill_of_another_hue_marks_nothing(colour, expected):
    sample = make()
    assert reason(sample, filled(sample, colour)) == expected


def test_what_is_transparent_is_not_shown():
    sample = make()
    is_drawn = (sample.solution != sample.puzzle).any(axis=2)
    hidden = np.where(is_drawn, 0, 255).astype(np.uint8)
    assert reason(sample, with_alpha(sample.solution, hidden)) != "ok"
    is_ink = (sample.solution < 255).any(axis=2)
    on_nothing = np.where(is_ink[..., None], sample.solution, 0)
    assert reason(sample, with_alpha(on_nothing, is_ink.astype(np.uint8) * 255)) == "ok"


def test_a_clip_that_undoes_its_answer_in_the_last_frames():
    sample = make()
    puzzle, solution = [sample.puzzle] * 36, sample.solution
    undone = np.stack([*puzzle, solution, solution, sample.puzzle, sample.puzzle])
    assert reason(sample, undone, "video") == "no_answer"


def test_the_smallest_markers_survive_a_clip():
    for index in range(12):
        sample = make(index, "paper", canvas=(256, 256), point_radius=9.3)
        frames = [sample.solution] * 3
        clip = encode(frames, num_frames=3, height=256, width=256, fps=8, crf=23)
        assert reason(sample, read_frames(clip)[-1]) == "ok"


def test_three_answers_side_by_side_are_ambiguous():
    sample, others = make(), [make(1).solution, make(2).solution]
    triptych = np.concatenate([others[0], sample.solution, others[1]], axis=1)
    assert reason(sample, triptych) != "ok"
