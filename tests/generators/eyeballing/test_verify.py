"""What marks an option and what does not; every listed fault of the verifier is noticed."""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import pytest

from generators.eyeballing import scene, verify
from generators.eyeballing.corruptions import Easel
from vtb.core import registry
from vtb.core.frames import FramePlan
from vtb.core.generator import Sampler
from vtb.core.types import Prediction, Sample
from vtb.media import compare, judge
from vtb.media.video import encode, read_frames

RED, PALE = (220, 30, 30), (255, 220, 220)


def make(task="circumcenter", index=0, style=None, **config):
    generator = registry.load(f"eyeballing-{task}")
    look = generator.Style(**(style or {}))
    instance = Sampler(generator, generator.Config(**config), look, 0).draw(index, 0)
    drawn = generator.render(instance, look, FramePlan.of(17, 16))
    answer = generator.answer(instance)
    return Sample("x", instance, {}, answer, drawn.puzzle.rgb(), drawn.solution.rgb())


def judged(sample, picture):
    generator = registry.load(sample.instance.generator)
    content = np.ascontiguousarray(picture)
    return generator.check(sample, Prediction(sample.id, "image", content=content))


def coded(picture, crf=23):
    height, width = picture.shape[:2]
    data = encode([picture] * 3, num_frames=3, height=height, width=width, fps=8, crf=crf)
    return read_frames(data)[-1]


def spot_of(sample, label=None):
    wanted = label or sample.answer
    return next(
        (round(c["x"]), round(c["y"]))
        for c in sample.instance.data["candidates"]
        if c["label"] == wanted
    )


def wrong_label(sample):
    return next(
        o["label"] for o in sample.instance.data["candidates"] if o["label"] != sample.answer
    )


def pale(sample, label=None, colour=PALE):
    """Only the fill changes; outline and letter stay dark."""
    picture = sample.puzzle.copy()
    inside = np.zeros(picture.shape[:2], np.uint8)
    cv2.circle(
        inside, spot_of(sample, label), round(0.7 * sample.instance.data["point_radius"]), 1, -1
    )
    picture[(inside == 1) & (picture.min(axis=2) > 200)] = colour
    return picture


def ringed(sample, label=None, radius=1.0, width=3, sweep=360, colour=RED):
    picture = sample.puzzle.copy()
    reach = round(radius * sample.instance.data["point_radius"])
    cv2.ellipse(picture, spot_of(sample, label), (reach, reach), 0, 0, sweep, colour, width)
    return picture


def filled(sample, label=None):
    picture = sample.puzzle.copy()
    reach = round(sample.instance.data["point_radius"])
    cv2.circle(picture, spot_of(sample, label), reach, RED, -1)
    return picture


def markerless():
    """A small puzzle without a distractor, whose tile holds more ink of others."""
    for index in range(60):
        sample = make("reflection", index, canvas=(256, 256))
        picture = sample.solution.copy()
        cv2.circle(picture, spot_of(sample, wrong_label(sample)), 6, (255, 255, 255), -1)
        details = judged(sample, picture).details
        if details["worst_tile"] >= 0.5 and details["ink_recall"] >= 0.9:
            return sample, picture
    raise AssertionError("no such puzzle")


def redrawn(sample):
    """The triangle's strokes 2 px to the right, everything else in place."""
    picture = sample.solution.copy()
    corners = np.array(sample.instance.data["figure"]["corners"], np.int32)
    cv2.polylines(picture, [corners], True, (255, 255, 255), 7)
    cv2.polylines(picture, [corners + np.array([3, 0])], True, (32, 32, 32), 5)
    return picture


def erased_side(sample, first=0.15, last=0.85):
    """The solution without part of one side of the triangle."""
    picture = sample.solution.copy()
    a, b, _ = (np.array(p) for p in sample.instance.data["figure"]["corners"])
    ends = [tuple(int(v) for v in a + (b - a) * t) for t in (first, last)]
    cv2.line(picture, *ends, (255, 255, 255), 11)
    return picture


def scribbled(sample):
    picture = sample.solution.copy()
    for y in range(8, 500, 12):
        cv2.line(picture, (0, y), (511, y), (0, 0, 0), 4)
    return picture


def red_strokes(sample):
    picture = sample.solution.copy()
    corners = np.array(sample.instance.data["figure"]["corners"], np.int32)
    cv2.polylines(picture, [corners], False, RED, 4)
    return picture


def red_patch(sample, side):
    picture = sample.solution.copy()
    picture[:side, :side] = RED
    return picture


def letterless(sample):
    """A marker whose letter is gone still is where it was; one that is gone is not."""
    picture = sample.solution.copy()
    radius = round(sample.instance.data["point_radius"]) + 2
    cv2.circle(picture, spot_of(sample, wrong_label(sample)), radius, (255, 255, 255), -1)
    return picture


@dataclass(frozen=True)
class Case:
    name: str
    sample: Sample
    picture: Any
    reason: str

    def holds(self):
        return judged(self.sample, self.picture).reason == self.reason


def cases():
    tri, small, big = make(), make("midpoint", 3, canvas=(256, 256)), make(canvas=(1024, 1024))
    wrong = wrong_label(tri)
    both = np.minimum(ringed(tri), ringed(tri, wrong))
    weak = np.minimum(ringed(tri), ringed(tri, wrong, sweep=230))
    yield Case("truth", tri, tri.solution, "ok")
    yield Case("truth, coded", tri, coded(tri.solution), "ok")
    yield Case("truth, large", big, coded(big.solution), "ok")
    half = cv2.resize(coded(small.solution), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    yield Case("truth, small", small, half, "ok")
    yield Case("truth, noisy", small, noisy(small.solution, 6), "ok")
    yield Case("shifted", tri, np.roll(tri.solution, (7, -6), (0, 1)), "ok")
    yield Case("letterboxed", tri, cv2.copyMakeBorder(tri.solution, 0, 0, 200, 200, 0), "ok")
    yield Case("pale fill alone", tri, pale(tri), "ok")
    yield Case("faint fill", tri, pale(tri, colour=(255, 236, 236)), "ok")
    yield Case("outline alone", tri, ringed(tri), "ok")
    yield Case("ring around", tri, ringed(tri, radius=1.5), "ok")
    yield Case("red marker", tri, filled(tri), "ok")
    yield Case("most of a ring", tri, ringed(tri, sweep=230), "ok")
    yield Case("small red patch away", tri, red_patch(tri, 40), "ok")
    yield Case("outline, small", small, ringed(small, width=2), "ok")
    yield Case("unsolved", tri, tri.puzzle, "no_answer")
    yield Case("construction alone", tri, unmarked(tri), "no_answer")
    yield Case("a third of a ring", tri, ringed(tri, sweep=120), "no_answer")
    yield Case("hair ring", big, ringed(big, width=1), "no_answer")
    yield Case("distant ring", tri, ringed(tri, radius=2.4, width=2), "no_answer")
    yield Case("yellow fill", tri, pale(tri, colour=(255, 255, 120)), "no_answer")
    yield Case("green ring", tri, ringed(tri, colour=(30, 160, 60)), "no_answer")
    yield Case("wrong", tri, ringed(tri, wrong), "wrong_answer")
    yield Case("wrong, pale", tri, pale(tri, wrong), "wrong_answer")
    yield Case("two", tri, both, "ambiguous_answer")
    yield Case("one and most of another", tri, weak, "ambiguous_answer")
    yield Case("side erased", tri, erased_side(tri), "changed_scene")
    yield Case("piece of a side erased", tri, erased_side(tri, 0.4, 0.62), "changed_scene")
    yield Case("redrawn two pixels off", tri, redrawn(tri), "ok")
    yield Case("marker erased, small", *markerless(), "changed_scene")
    yield Case("magenta ring", tri, ringed(tri, colour=(220, 30, 160)), "no_answer")
    yield Case("marker erased", tri, letterless(tri), "changed_scene")
    yield Case("scribbled", tri, scribbled(tri), "changed_scene")
    yield Case("strokes recoloured", tri, red_strokes(tri), "changed_scene")
    yield Case("large red patch", tri, red_patch(tri, 80), "changed_scene")
    yield Case("grey paper", tri, (tri.solution * 0.6).astype(np.uint8), "changed_scene")
    yield Case("other puzzle", tri, make(index=5).solution, "changed_scene")
    yield Case("other shape", tri, np.full((100, 500, 3), 255, np.uint8), "wrong_size")


def noisy(picture, sigma):
    noise = np.random.default_rng(0).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def unmarked(sample):
    easel = Easel.of(sample, sample.puzzle)
    picture = sample.solution.copy()
    x, y = spot_of(sample)
    reach = round(2 * easel.look.point_radius)
    window = np.s_[y - reach : y + reach, x - reach : x + reach]
    picture[window] = sample.puzzle[window]
    return picture


@pytest.fixture(scope="module")
def suite():
    return list(cases())


def test_the_suite_holds(suite):
    wrong = {c.name: judged(c.sample, c.picture).reason for c in suite if not c.holds()}
    assert wrong == {}


MUTANTS = {
    "marks too strict": (verify, "MIN_MARK", 0.95),
    "marks too lax": (verify, "MIN_MARK", 0.2),
    "two are one": (verify, "AMBIGUOUS_SHARE", 1.1),
    "any gain is red": (verify, "MIN_REDNESS_GAIN", 0),
    "pale is not red": (verify, "MIN_REDNESS_GAIN", 60),
    "ring too narrow": (verify, "RING", (0.9, 1.1)),
    "ring too wide": (verify, "RING", (0.6, 3)),
    "hair is a ring": (verify, "MIN_RIM", 0),
    "rim too thick": (verify, "MIN_RIM", 0.6),
    "any scene": (scene, "is_changed", lambda measures: False),
    "all ink may go": (scene, "MIN_TILE_RECALL", 0),
    "no marker may go": (scene, "MIN_MARKER_RECALL", 0),
    "nothing may go": (scene, "MIN_RECALL", 1.01),
    "any ink may come": (scene, "MAX_NEW_INK", 1),
    "no ink may come": (scene, "MAX_NEW_INK", 0),
    "any red may come": (scene, "MAX_RED_OUTSIDE", 1),
    "no red may come": (scene, "MAX_RED_OUTSIDE", 0),
    "strokes may turn red": (scene, "MAX_RECOLOURED", 2),
    "blur erases": (scene, "FAINT_LEVEL", 0.9),
    "no tolerance": (scene.Scene, "tolerance", property(lambda _: 0)),
    "any place": (verify, "MIN_SCENE_SCORE", -2),
    "no shift": (compare, "MAX_SHIFT", 0.002),
    "any hue": (compare, "MAX_HUE_DEG", 180),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_killed(name, suite, monkeypatch):
    module, attribute, value = MUTANTS[name]
    monkeypatch.setattr(module, attribute, value)
    if attribute == "is_changed":
        monkeypatch.setattr(verify, attribute, value)
    assert not all(case.holds() for case in suite)


def test_clips_are_judged_by_their_final_state(monkeypatch):
    sample = make()
    generator = registry.load(sample.instance.generator)

    def verdict(frames):
        clip = np.stack(frames)
        return generator.check(sample, Prediction("x", "video", content=clip)).reason

    puzzle, solved = sample.puzzle, sample.solution
    assert verdict([puzzle] * 4 + [solved] * 4) == "ok"
    assert verdict([solved] * 4 + [puzzle] * 4) == "no_answer"
    assert verdict([puzzle] * 7 + [solved]) == "no_answer"
    monkeypatch.setattr(judge, "final_state", lambda frames: frames[-1])
    assert verdict([puzzle] * 7 + [solved]) == "ok"


def test_options_of_a_foreign_record_are_enough():
    sample = make()
    data = {**sample.instance.data, "figure": None}
    bare = replace(sample, instance=replace(sample.instance, data=data, style={}))
    assert judged(bare, sample.solution).passed
    assert judged(bare, ringed(sample, wrong_label(sample))).reason == "wrong_answer"


@pytest.mark.parametrize("side", [256, 512, 1024])
def test_pictures_hold_every_colour_of_the_highlight(side):
    sample = make("midpoint", 1, canvas=(side, side), point_radius=14, gap=(0.07, 0.07))
    x, y = spot_of(sample)
    corner = sample.solution[y - round(20 * side / 512), x - round(20 * side / 512)]
    assert len(set(corner.tolist())) == 1  # a shade, not tinted
    assert judged(sample, sample.solution).passed
    window = np.s_[y - side // 32 : y + side // 32, x - side // 32 : x + side // 32]
    for colour in (PALE, (198, 24, 24)):
        assert (sample.solution[window] == colour).all(axis=2).mean() > 0.05
