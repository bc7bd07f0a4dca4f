"""Every listed fault put into the verifier is noticed by one compact suite of cases."""

import json
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pytest

from generators.arc import cells, verify
from generators.arc.config import ArcStyle
from generators.arc.corruptions import Easel
from generators.arc.placement import placements
from generators.arc.task import ArcTask
from vtb.core.answers import wrap
from vtb.core.types import Prediction, Sample
from vtb.media import judge
from vtb.media.video import encode, read_frames

ARC = ArcTask()
PALETTE = ArcStyle().palette


@dataclass(frozen=True)
class Case:
    name: str
    sample: Sample
    content: Any
    reason: str
    score: float | None = None

    def holds(self) -> bool:
        kind = "text" if isinstance(self.content, str) else "image"
        if kind == "text":
            prediction = Prediction("own", kind, text=self.content)
        else:
            kind = kind if self.content.ndim == 3 else "video"
            content = np.ascontiguousarray(self.content)
            prediction = Prediction("own", kind, content=content)
        verdict = ARC.check(self.sample, prediction)
        as_scored = self.score is None or verdict.score == pytest.approx(self.score)
        return as_scored and verdict.reason == self.reason


def coded(picture):
    height, width = picture.shape[:2]
    data = encode([picture] * 3, num_frames=3, height=height, width=width, fps=8, crf=23)
    return read_frames(data)[-1]


def half(picture):
    return cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def filled(truth, box, colour):
    picture = truth.solution.copy()
    picture[box.window] = colour
    return picture


@pytest.fixture
def suite(puzzle, sample):
    data = puzzle([((6, 6), (6, 6))] * 3)
    for col, number in enumerate((7, 2, 1)):
        data["test_output"][3][col] = number
    data["test_input"] = [
        [(v + (r < 3)) % 10 for v in row] for r, row in enumerate(data["test_output"])
    ]
    truth = sample(data, cell=16)
    layout = placements(data, ArcStyle(cell=16))
    orange, red, blue = (layout.box(layout.answer, 3, col) for col in range(3))
    striped = filled(truth, orange, PALETTE[2])
    striped[orange.top : orange.bottom : 2, orange.left : orange.right] = PALETTE[4]
    near = json.loads(json.dumps(data["test_output"]))
    near[5][5] = (near[5][5] + 1) % 10
    wide = truth.solution.copy()
    wide[layout.answer.bbox.grown(3).window] = (0, 0, 255)
    wide[layout.answer.bbox.window] = truth.solution[layout.answer.bbox.window]
    speck = truth.solution.copy()
    speck[2:6, 2:8] = (255, 0, 0)
    blot = truth.solution.copy()
    blot[2:22, 2:42] = (255, 0, 0)
    easel = Easel.of(truth)
    tiny = sample(puzzle([((20, 20), (20, 20))] * 3), cell=6)
    large = sample(puzzle([((9, 9), (9, 9))] * 3))
    arrow = placements(large.instance.data, ArcStyle()).arrows[1]
    late = np.stack([truth.puzzle] * 4 + [truth.solution])
    clip = np.stack([truth.puzzle] * 8 + [truth.solution] * 5)
    partial = 0.5 * (35 / 36 - 0.5)
    return [
        Case("truth", truth, truth.solution, "ok", 1),
        Case("tiny truth", tiny, half(coded(tiny.solution)), "ok", 1),
        Case("tiny shifted", tiny, np.roll(tiny.solution, (4, 4), (0, 1)), "ok", 1),
        Case("untouched", truth, truth.puzzle, "no_answer", 0),
        Case("one wrong", truth, easel.filled(near), "wrong_answer", partial),
        Case("one wrong in text", truth, wrap(json.dumps(near)), "wrong_answer", partial),
        Case("copied", truth, easel.filled(data["test_input"]), "wrong_answer", 0),
        Case("recoloured", truth, easel.recoloured(truth.solution, 1), "changed_scene", 0),
        Case("stripes", truth, striped, "wrong_answer"),
        Case("dark", truth, filled(truth, blue, (0, 0, 150)), "wrong_answer"),
        Case("between", truth, filled(truth, red, (255, 58, 0)), "wrong_answer"),
        Case("slop", truth, wide, "ok", 1),
        Case("speck", truth, speck, "ok", 1),
        Case("blot", truth, blot, "changed_scene", 0),
        Case("no arrow", large, filled(large, arrow, 245), "changed_scene", 0),
        Case("late", truth, late, "no_answer", 0),
        Case("clip", truth, clip, "ok", 1),
    ]


def moved(data, style):
    """A layout whose cells have another size than those drawn."""
    layout = placements(data, style)
    boxes = [p._replace(bbox=p.bbox._replace(left=p.bbox.left + 3, right=p.bbox.right + 3))
             for p in layout.placements]  # fmt: skip
    return layout._replace(placements=boxes)


MUTANTS = {
    "whole cells": (cells, "RIM", 0),
    "no limit of distance": (cells, "MAX_DISTANCE", 1000),
    "no second colour": (cells, "MAX_DISTANCE_RATIO", 1),
    "exact colours only": (cells, "MAX_DISTANCE", 1),
    "uneven cells": (cells, "MAX_SPREAD", 1000),
    "even cells only": (cells, "MAX_SPREAD", 0),
    "full partial score": (verify, "PARTIAL", 1),
    "no accuracy": (verify, "cell_accuracy", lambda a, b: 0.0),
    "no search for the place": (verify, "SURE_SCENE_SCORE", 0.01),
    "any cells elsewhere": (verify, "_changed_cells", lambda grids, data: [np.zeros((1, 1), bool)]),
    "no arrows": (verify, "MAX_ARROW_CHANGE", 1),
    "no paint": (verify, "MIN_PAINTED", 1),
    "any paint": (verify, "MIN_PAINTED", 0),
    "no bleeding": (verify, "BLEED_PX", 0),
    "nothing is empty": (verify, "EMPTY", -9),
    "misplaced grids": (verify, "placements", moved),
    "last frame": (judge, "MIN_FINAL_FRAMES", 1),
    "first frame": (judge, "final_state", lambda frames: frames[0]),
    "median of all": (judge, "FINAL_SHARE", 1),
}


def failures(suite):
    return [case.name for case in suite if not case.holds()]


def test_the_suite_holds(suite):
    assert failures(suite) == []


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_killed(name, suite, monkeypatch):
    monkeypatch.setattr(*MUTANTS[name])
    assert failures(suite)
