"""Every listed fault put into the verifier is noticed by one compact suite of cases."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import pytest

from generators.visual import pattern_fills, pattern_scene, pattern_verify
from generators.visual.box import Box
from generators.visual.figures import INK, Disc, Piece, rectangle
from generators.visual.pattern_drawing import Easel
from generators.visual.pattern_style import PatternStyle
from generators.visual.shape_reflect import ShapeReflect
from vtb.core import registry
from vtb.core.answers import wrap
from vtb.core.types import Prediction, Sample
from vtb.media import compare, judge
from vtb.media.video import encode, read_frames

WIDE, SMALL = (512, 512), (256, 256)
CHANGED = "changed_scene"


@dataclass(frozen=True)
class Case:
    name: str
    sample: Sample
    prediction: Prediction
    reasons: tuple[str, ...]

    def holds(self) -> bool:
        generator = registry.load(self.sample.instance.generator)
        return generator.check(self.sample, self.prediction).reason in self.reasons


class Bench:
    """A sample with what can be drawn on it."""

    def __init__(self, sample):
        self.sample, self.puzzle, self.solution = sample, sample.puzzle, sample.solution
        style = PatternStyle.model_validate(sample.instance.style)
        generator = registry.load(sample.instance.generator)
        self.easel = Easel.of(generator, sample.instance.data, style)
        self.everywhere = Box(0, 0, *self.easel.size)
        self.pieces = list(generator.pieces(sample.instance.data, sample.answer))

    def draw(self, pieces):
        return self.easel.draw(pieces, self.everywhere)

    def hidden_in(self, colour):
        """The solution with what is filled in recoloured."""
        return self.draw([replace(p, colour=colour) if p.is_hidden else p for p in self.pieces])

    def recoloured(self, number, colour):
        pieces = [*self.pieces]
        pieces[number] = replace(pieces[number], colour=colour)
        return self.draw(pieces)

    def blend(self, fill, share):
        """`share` of a fill over the solution, or over the question mark for None."""
        other = self.puzzle if fill is None else self.easel.filled(fill, self.puzzle)
        mixed = share * other + (1 - share) * self.solution.astype(float)
        return np.rint(mixed).astype(np.uint8)

    def partly(self, share):
        """The solution from the top down to a share of the changed pixels, the rest untouched."""
        changed = (self.puzzle != self.solution).any(axis=2)
        rows = changed.sum(axis=1).cumsum()
        done = (rows <= share * rows[-1])[:, None, None]
        return np.where(done, self.solution, self.puzzle)


def coded(picture, crf=23):
    height, width = picture.shape[:2]
    clip = encode([picture] * 3, num_frames=3, height=height, width=width, fps=8, crf=crf)
    return read_frames(clip)[-1]


def halved(picture):
    return cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def noisy(picture, sigma):
    noise = np.random.default_rng(0).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).round().astype(np.uint8)


def grid_cases(grid):
    dark = np.clip(grid.solution * 0.95 - 3, 0, 255).astype(np.uint8)
    visible = next(i for i, p in enumerate(grid.pieces) if not p.is_hidden)
    yield "truth", grid.solution, "ok"
    yield "noise", noisy(grid.solution, 4), "ok"
    yield "crf 23, half", halved(coded(grid.solution)), "ok"
    yield "letterbox", cv2.copyMakeBorder(grid.solution, 0, 0, 90, 90, 0, value=0), "ok"
    yield "large shift", np.roll(grid.solution, (-9, 8), (0, 1)), "ok"
    yield "untouched", grid.puzzle, "no_answer"
    yield "slightly darker", dark, "changed_scene"
    yield "erased", grid.draw([p for i, p in enumerate(grid.pieces) if i != visible]), CHANGED
    yield "dot", grid.draw([*grid.pieces, Piece(Disc(0.1, 0.46, 0.012), INK)]), CHANGED
    yield "speck", grid.draw([*grid.pieces, Piece(Disc(0.1, 0.46, 0.002), INK, False, False)]), "ok"


def warm_cases(warm):
    """Warm colours, which hardly show in the red channel, by which scenes are compared."""
    yield "warm", coded(warm.solution), "ok"
    yield "warm and untouched", warm.puzzle, "no_answer"


def offered_cases(offered):
    yield "colour not offered", offered.hidden_in("purple"), "no_answer"


def near_cases(near):
    yield "between two options", near.blend("yellow", 0.5), "ambiguous_answer"
    yield "a bit off", near.blend("yellow", 0.25), "ok"


def wedge_cases(wedge):
    bar = Piece(rectangle(-0.45, 0.44, 0.45, 0.46), INK)
    yield "four fifths", wedge.partly(0.8), "ambiguous_answer"
    yield "nearly all", wedge.partly(0.93), "ok"
    yield "wedge", cv2.GaussianBlur(wedge.solution, (0, 0), 1.5), "ok"
    yield "bar", wedge.draw([*wedge.pieces, bar]), CHANGED
    other = next(i for i, p in enumerate(wedge.pieces) if not p.is_hidden)
    yield "one wedge recoloured", wedge.recoloured(other, "purple"), CHANGED
    mirrored = np.ascontiguousarray(wedge.solution[:160])
    yield "other shape", mirrored, "wrong_size"


def pale_cases(pale):
    yield "little faded", pale.blend(None, 0.25), "ok"
    yield "nearly half faded", pale.blend(None, 0.46), "no_answer"


def size_cases(small):
    smallest = min(
        (i for i, p in enumerate(small.pieces) if not p.is_hidden and isinstance(p.figure, Disc)),
        key=lambda i: small.pieces[i].figure.radius,
    )
    other = "red" if small.pieces[smallest].colour != "red" else "blue"
    yield "small", small.solution, "ok"
    yield "small in another colour", small.hidden_in(other), "no_answer"
    yield "blots beside it", small.draw([*small.pieces, *blots(small)]), "no_answer"
    yield "medium instead", small.easel.filled("medium", small.puzzle), "wrong_answer"
    yield "small piece recoloured", small.recoloured(smallest, other), CHANGED


def blots(small):
    """Dark spots in the hidden place, beside what is filled in."""
    circle = next(p.figure for p in small.pieces if p.is_hidden)
    return [
        Piece(Disc(circle.x + x, circle.y + y, 0.03), INK, has_outline=False)
        for x, y in ((-0.09, 0), (0.09, 0), (0, -0.09), (0, 0.09))
    ]


def tiny_cases(tiny):
    yield "tiny, half", halved(tiny.solution), "ok"
    yield "tiny, crf 23", coded(tiny.solution), "ok"
    yield "tiny, blur", cv2.GaussianBlur(tiny.solution, (0, 0), 1), "ok"
    yield "tiny, shift", np.roll(tiny.solution, (1, -1), (0, 1)), "ok"


def shape_cases(shape):
    upside_down = shape.easel.filled(f"unmirrored {shape.sample.answer}", shape.puzzle)
    yield "shape, crf 23", coded(shape.solution), "ok"
    yield "upside down", upside_down, "wrong_answer"


def least_cases(least):
    yield "least, crf 23, half", halved(coded(least.solution)), "ok"


def nested_cases(nested):
    yield "nested, blur", cv2.GaussianBlur(nested.solution, (0, 0), 1), "ok"


def clip_cases(sample):
    puzzle, solution = sample.puzzle, sample.solution
    for name, clip, reason in (
        ("flash", [puzzle] * 8 + [solution], "no_answer"),
        ("blink", [puzzle] * 5 + [solution] * 3 + [puzzle], "ok"),
        ("undone", [solution] * 8 + [puzzle] * 3, "no_answer"),
    ):
        yield Case(name, sample, Prediction("x", "video", content=np.stack(clip)), (reason,))


def text_cases(sample):
    wrong = next(o for o in sample.instance.data["options"] if o != sample.answer)
    for name, text, reason in (
        ("named", wrap(sample.answer), "ok"),
        ("wrong name", wrap(wrong), "wrong_answer"),
        ("bare", sample.answer, "no_answer"),
        ("two names", wrap(f"{sample.answer}, {wrong}"), "ambiguous_answer"),
    ):
        yield Case(name, sample, Prediction("x", "text", text=text), (reason,))


@pytest.fixture(scope="module")
def suite(pattern):
    def find(task, wanted, canvas=WIDE):
        samples = (pattern(task, index, 4, canvas) for index in range(400))
        return Bench(next(s for s in samples if wanted(s)))

    grid = find("color_grid", lambda s: s.answer == "blue")
    warm = find("color_grid", lambda s: set(hues_of(s)) <= {"red", "yellow", "orange", "green"})
    offered = find(
        "color_grid", lambda s: s.answer == "blue" and "purple" not in s.instance.data["options"]
    )
    near = find(
        "rectangle_height_color",
        lambda s: s.answer == "orange" and "yellow" in s.instance.data["options"],
    )
    wedge = find("color_hexagon", lambda s: s.answer == "red" and "purple" not in hues_of(s))
    pale = find("color_size", lambda s: s.answer == "light blue")
    small = find("size_grid", lambda s: s.answer == "small")
    tiny = find("size_cycle", lambda s: s.answer == "small", SMALL)
    shape = find("shape_reflect", lambda s: s.answer == "star", SMALL)
    least = find("size_cycle", lambda s: s.answer == "small", (224, 224))
    nested = find("color_size", lambda s: s.answer.startswith("light"), SMALL)
    cases = [
        (grid, grid_cases(grid)),
        (warm, warm_cases(warm)),
        (offered, offered_cases(offered)),
        (near, near_cases(near)),
        (wedge, wedge_cases(wedge)),
        (pale, pale_cases(pale)),
        (small, size_cases(small)),
        (tiny, tiny_cases(tiny)),
        (shape, shape_cases(shape)),
        (least, least_cases(least)),
        (nested, nested_cases(nested)),
    ]
    pictures = [
        Case(name, bench.sample, image(picture), (reason,) if isinstance(reason, str) else reason)
        for bench, named in cases
        for name, picture, reason in named
    ]
    return [*pictures, *clip_cases(tiny.sample), *text_cases(grid.sample)]


def hues_of(sample):
    return sample.instance.data["pattern"]["colours"]


def image(picture):
    return Prediction("x", "image", content=np.ascontiguousarray(picture))


def nothing(value: Any) -> Callable[..., Any]:
    return lambda *_args, **_kwargs: value


def region_mean(reading, values, _name):
    return float(values[reading.fills.region].mean())


def figure_mean(reading, values, name):
    return float(values[reading.fills.named[name].figure].mean())


MUTANTS: dict[str, tuple[Any, str, Any]] = {
    "any ratio": (pattern_verify, "MAX_RATIO", 1.2),
    "strict ratio": (pattern_verify, "MAX_RATIO", 0.1),
    "any distance": (pattern_verify, "MAX_DISTANCE", 999),
    "strict distance": (pattern_verify, "MAX_DISTANCE", 4),
    "blank ignored": (pattern_fills.Reading, "distance_from_blank", nothing(999.0)),
    "parts ignored": (pattern_verify, "MAX_FOREIGN_SHARE", 1),
    "every pixel counts": (pattern_verify, "MAX_FOREIGN_SHARE", 0),
    "colours blur": (pattern_fills, "CLEARLY", 99),
    "region only": (pattern_fills.Reading, "_mean", region_mean),
    "figure only": (pattern_fills.Reading, "_mean", figure_mean),
    "compared in full": (pattern_fills, "COMPARED_SIDE", 1024),
    "no rivals": (ShapeReflect, "rivals", nothing(())),
    "no shift search": (pattern_verify, "SURE_SCORE", -2.0),
    "any scene": (pattern_scene.Change, "is_large", property(nothing(False))),
    "cells ignored": (pattern_scene, "CHANGED_LEVEL", 255),
    "touchy cells": (pattern_scene, "CHANGED_LEVEL", 3),
    "huge cells": (pattern_scene, "CELL_SHARE", 1 / 8),
    "tiny cells": (pattern_scene, "CELL_SHARE", 1 / 512),
    "whole cells only": (pattern_scene, "MIN_JUDGED_SHARE", 1.01),
    "mean ignored": (pattern_scene, "MAX_MEAN_DIFFERENCE", 99),
    "touchy mean": (pattern_scene, "MAX_MEAN_DIFFERENCE", 0.3),
    "edges judged": (pattern_scene, "_edges", lambda puzzle: np.zeros(puzzle.shape[:2], bool)),
    "all is edge": (pattern_scene, "EDGE_LEVEL", -1),
    "any alignment": (compare, "MIN_SCENE_SCORE", -2),
    "perfect alignment": (compare, "MIN_SCENE_SCORE", 0.9999),
    "no letterbox": (compare, "_fits", lambda _size, target: [target]),
    "last frame": (judge, "final_state", lambda frames: frames[-1]),
    "first frames": (judge, "final_state", lambda frames: frames[0]),
}


def first_failure(suite):
    """The name of the first case that does not hold."""
    for case in suite:
        try:
            if not case.holds():
                return case.name
        except (AttributeError, cv2.error, ValueError):
            return case.name
    return None


def test_the_suite_holds(suite):
    assert [case.name for case in suite if not case.holds()] == []


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_killed(name, suite, monkeypatch):
    owner, attribute, value = MUTANTS[name]
    monkeypatch.setattr(owner, attribute, value)
    assert first_failure(suite) is not None
