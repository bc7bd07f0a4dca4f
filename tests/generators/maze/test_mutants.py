"""Every listed fault put into the verifier is noticed by one compact suite of cases."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pytest

from generators.maze import graph, scene, square_scene, trace, verify
from generators.maze.square import SquareMaze
from generators.maze.square_scene import instance_layout
from vtb.core import answers
from vtb.core.answers import wrap
from vtb.core.types import Prediction, Reason, Sample
from vtb.media import compare, judge
from vtb.media.video import encode, read_frames

MAZE = SquareMaze()
RED, WHITE = (220, 30, 30), (255, 255, 255)


@dataclass(frozen=True)
class Case:
    name: str
    sample: Sample
    prediction: Prediction
    reason: str
    score: float | None = None

    def holds(self) -> bool:
        verdict = MAZE.check(self.sample, self.prediction)
        as_scored = self.score is None or verdict.score == pytest.approx(self.score, abs=1e-3)
        return as_scored and verdict.reason == self.reason


def coded(picture, crf=23):
    height, width = picture.shape[:2]
    data = encode([picture] * 3, num_frames=3, height=height, width=width, fps=8, crf=crf)
    return read_frames(data)[-1]


def layout_of(sample):
    return instance_layout(sample.instance.data, sample.instance.style)


def halved(picture):
    return cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def recoloured(sample, colour):
    is_path = (sample.solution != sample.puzzle).any(axis=2, keepdims=True)
    return np.where(is_path, np.uint8(colour), sample.solution)


def blot(sample, cell, rows, cols, colour=RED):
    """The solution with a rectangle of (first, last + 1) pixel rows and columns of one block."""
    x, y = layout_of(sample).corner(cell)
    picture = sample.solution.copy()
    picture[y + rows[0] : y + rows[1], x + cols[0] : x + cols[1]] = colour
    return picture


def walls(sample):
    return [i for i, block in enumerate("".join(sample.instance.data["grid"])) if block == "#"]


def picture_cases(mid, big, tiny, thin):
    sketch, path = MAZE.sketch(mid.instance, mid.puzzle), mid.instance.solution
    straight, (side, deep) = straight_cell(path), alley(mid)
    far_wall = walls(big)[60]
    wrong = {name: p.content for name, p in MAZE.corruptions(mid) if p.kind == "image"}
    # Lossy and small truths.
    yield "truth", mid, mid.solution, "ok"
    yield "crf 23, half", tiny, halved(coded(tiny.solution)), "ok"
    yield "blur", tiny, cv2.GaussianBlur(tiny.solution, (0, 0), 1), "ok"
    yield "blur 2", tiny, cv2.GaussianBlur(tiny.solution, (0, 0), 2), "ok"
    yield "shift", tiny, np.roll(tiny.solution, (2, -2), (0, 1)), "ok"
    yield "large shift", big, np.roll(big.solution, (-10, 10), (0, 1)), "ok"
    yield "thin path", thin, thin.solution, "ok"
    yield "letterbox", mid, cv2.copyMakeBorder(mid.solution, 0, 0, 90, 90, 0), "ok"
    yield "orange red", mid, recoloured(mid, (230, 70, 30)), "ok"
    yield "dark red", mid, recoloured(mid, (125, 20, 20)), "ok"
    yield "stray pixel in a wall", tiny, blot(tiny, far_wall, (2, 3), (2, 3)), "ok"
    yield "stray pixel in an alley", tiny, blot(tiny, unused_cell(tiny), (2, 3), (2, 3)), "ok"
    yield "hair in a wall", tiny, blot(tiny, cell_above_wall(tiny), (2, 10), (3, 4)), "ok"
    yield "nick", mid, blot(mid, walls(mid)[0], (9, 12), (9, 12)), "ok"
    yield "slip", mid, blot(mid, side, (-12, 10), (10, 22)), "ok"
    yield "bleed", mid, blot(mid, straight, (-2, 34), (-2, 34)), "ok"
    yield "short stop", mid, shortened(mid, 12), "ok"
    yield "hair gap", big, blot(big, big.instance.solution[4], (11, 13), (11, 13), WHITE), "ok"
    # The scene.
    yield "mirrored", mid, mid.solution[:, ::-1], "changed_scene"
    yield "other shape", mid, mid.solution[:140], "wrong_size"
    yield "all red", mid, wrong["all_red"], "changed_scene"
    yield "removed wall", mid, wrong["removed_wall"], "changed_scene"
    yield "added wall", mid, wrong["added_wall"], "changed_scene"
    yield "erased end", mid, wrong["erased_end"], "changed_scene"
    yield "magenta", mid, recoloured(mid, (220, 30, 150)), "changed_scene"
    # Walls.
    yield "crossing", mid, wrong["crossed_wall"], "touches_wall"
    yield "thin crossing", big, blot(big, far_wall, (0, 24), (11, 13)), "touches_wall"
    yield "blot", big, blot(big, far_wall, (7, 16), (7, 16)), "touches_wall"
    yield "graze", mid, blot(mid, straight, (-4, 36), (-4, 36)), "touches_wall"
    yield "dots", big, dotted(big), "touches_wall"
    yield "outside", big, outside(big), "touches_wall"
    # The path.
    yield "unsolved", mid, mid.puzzle, "no_answer"
    yield "gap", mid, wrong["gap"], "disconnected"
    yield "gap in a cell", mid, blot(mid, straight, (9, 23), (9, 23), WHITE), "disconnected"
    yield "two cells short", mid, sketch.strokes(path[:-2]), "disconnected"
    yield "thread", mid, threaded(mid, straight), "disconnected"
    yield "flood", mid, wrong["flooded"], "not_simple"
    yield "filled path", mid, wrong["flooded_path"], "not_simple"
    yield "branch", mid, wrong["dead_end"], "not_simple"
    yield "ring", mid, wrong["decoy"], "not_simple"
    yield "stub", mid, blot(mid, side, (-12, 22), (10, 22)), "not_simple"
    yield "edge of a cell", mid, blot(mid, deep, (0, 5), (0, 32)), "not_simple"


def straight_cell(path):
    """A cell in which the path does not turn, away from the ends, or None."""
    threes = zip(path[2:], path[3:], path[4:-2], strict=False)
    return next((b for a, b, c in threes if a + c == 2 * b), None)


def alley(sample):
    """Two cells that lead down from the path of a 9x9 maze, or None."""
    path, grid = sample.instance.solution, "".join(sample.instance.data["grid"])
    ways = ((cell + 9, cell + 18) for cell in path[1:-1])
    return next((w for w in ways if all(grid[i] == "." and i not in path for i in w)), None)


def shortened(sample, length_px):
    """The solution without its last piece before the goal."""
    before, goal = sample.instance.solution[-2:]
    layout = layout_of(sample)
    (x, y), (goal_x, goal_y) = layout.corner(before), layout.corner(goal)
    offset = layout.cell - length_px
    picture = sample.solution.copy()
    left, top = x + offset * (goal_x > x), y + offset * (goal_y > y)
    width = length_px if goal_x != x else layout.cell
    height = length_px if goal_y != y else layout.cell
    picture[top : top + height, left : left + width] = WHITE
    return picture


def dotted(sample):
    """The solution with red dots, each of them small, in many walls."""
    picture = sample.solution.copy()
    for cell in walls(sample)[30:70]:
        dot = blot(sample, cell, (9, 14), (9, 14))
        picture[(dot != sample.solution).any(axis=2)] = RED
    return picture


def threaded(sample, cell):
    """The solution, a single pixel wide within one cell."""
    picture = blot(sample, cell, (0, 32), (0, 32), WHITE)
    x, y = layout_of(sample).corner(cell)
    path = sample.instance.solution
    is_across = abs(path[path.index(cell) + 1] - cell) == 1
    thread = np.s_[y + 16, x : x + 32] if is_across else np.s_[y : y + 32, x + 16]
    picture[thread] = RED
    return picture


def unused_cell(sample):
    """The last cell that the path does not use."""
    grid = "".join(sample.instance.data["grid"])
    path = sample.instance.solution
    return max(i for i, block in enumerate(grid) if block == "." and i not in path)


def cell_above_wall(sample):
    """A cell of the path, away from its ends, that has a wall below it."""
    grid, cols = "".join(sample.instance.data["grid"]), sample.instance.data["cols"]
    return next(cell for cell in sample.instance.solution[3:-3] if grid[cell + cols] == "#")


def outside(sample):
    picture = sample.solution.copy()
    picture[:3, 50:57] = RED
    return picture


def one_step(sample):
    """A drawing of one step from the start, which is no progress yet."""
    sketch = MAZE.sketch(sample.instance, sample.puzzle)
    picture = sketch.strokes(sample.instance.solution[:2])
    prediction = Prediction("x", "image", content=np.ascontiguousarray(picture))
    return Case("one step drawn", sample, prediction, "disconnected", 0)


def text_cases(sample, backwards_only):
    path = sample.instance.solution
    steps = len(path) - 1
    text = {
        "ids": (str(path), "ok", 1),
        "reversed ids": (str(path[::-1]), "ok", 1),
        "ends": (str([path[0], path[-1]]), "disconnected", 0),
        "one step": (str(path[:2]), "disconnected", 0.5 / steps),
        "half way": (str(path[: steps // 2 + 1]), "disconnected", 0.5 * (steps // 2) / steps),
        "all ids": (str([*range(81)]), "no_answer", 0),
        "repeat": (str(path[:3] + path[1:]), "not_simple", 1 / steps * 3 / (steps + 3)),
        "last tag": (f"<answer>{path[:3]}</answer><answer>{path}</answer>", "no_answer", 0),
        "two lists": (f"{path} {path[:3]}", "ambiguous_answer", 0),
        "endless": (str(path[:5] + path[3:5] * 60), "no_answer", 0),
        "wall id": (str([*path[:3], 0, *path[3:]]), "touches_wall", 1 / steps * 3 / (steps + 2)),
    }
    for name, (answer, reason, score) in text.items():
        tagged = answer if "<answer>" in answer else wrap(answer)
        yield Case(name, sample, Prediction("x", "text", text=tagged), reason, score)
    yield Case("bare", sample, Prediction("x", "text", text=str(path)), "no_answer", 0)
    answer = wrap(json.dumps(backwards_only.instance.solution[::-1]))
    yield Case("backwards", backwards_only, Prediction("x", "text", text=answer), "wrong_answer")


def clip_cases(sample):
    puzzle, solution = sample.puzzle, sample.solution
    for name, clip, reason in (
        ("flash", [puzzle] * 8 + [solution], "no_answer"),
        ("blink", [puzzle] * 5 + [solution] * 3 + [puzzle], "ok"),
        ("undone", [solution] * 8 + [puzzle] * 3, "no_answer"),
    ):
        yield Case(name, sample, Prediction("x", "video", content=np.stack(clip)), reason)


@pytest.fixture(scope="module")
def suite(maze):
    mids = (maze(9, i, canvas=288) for i in range(50))
    mid = next(m for m in mids if alley(m) and straight_cell(m.instance.solution))
    big, tiny = maze(21, canvas=512), maze(21, 2, canvas=128)
    thin = maze(9, 2, cell=32, path_width=0.15)
    two = maze(9, 1, endpoints="two-colour")
    pictures = [
        Case(name, sample, Prediction("x", "image", content=np.ascontiguousarray(picture)), reason)
        for name, sample, picture, reason in picture_cases(mid, big, tiny, thin)
    ]
    return [*pictures, one_step(mid), *text_cases(mid, two), *clip_cases(two)]


def nothing(value: Any) -> Callable[..., Any]:
    return lambda *_args, **_kwargs: value


def first_tag(text):
    start, end = text.find("<answer>"), text.find("</answer>")
    return (text[start + 8 : end], True) if start >= 0 else (text, False)


MUTANTS: dict[str, tuple[Any, str, Any]] = {
    "redness too strict": (compare, "MIN_REDNESS", 60),
    "redness too lax": (compare, "MIN_REDNESS", 20),
    "red too bright": (compare, "MIN_RED", 150),
    "any hue": (compare, "MAX_HUE_DEG", 60),
    "no hue": (compare, "MAX_HUE_DEG", 5),
    "specks count": (verify, "speck_px", nothing(1)),
    "specks in walls count": (trace, "SPECK_PX", 1),
    "specks eat the path": (compare, "SPECK_PX", 10**6),
    "any scene": (compare, "MIN_SCENE_SCORE", -2),
    "perfect scene": (compare, "MIN_SCENE_SCORE", 0.999),
    "no shift search": (compare, "SURE_SCENE_SCORE", -2),
    "shift of 0.5 %": (compare, "MAX_SHIFT", 0.005),
    "no letterbox": (compare, "_fits", lambda _size, target: [target]),
    "aspect ignored": (compare, "MAX_ASPECT_DIFFERENCE", 9),
    "colours never change": (compare, "CHANGED_LEVEL", 256),
    "any change counts": (compare, "CHANGED_LEVEL", 20),
    "scene check off": (verify, "changed_regions", nothing([])),
    "half a change": (trace, "MAX_CHANGED_SHARE", 1.0),
    "no halo": (trace, "HALO_PX", 0),
    "wall test off": (trace, "wall_hits", lambda _scene, marks: np.zeros_like(marks)),
    "share of a wall off": (trace, "MAX_ELEMENT_SHARE", 1),
    "streaks off": (trace, "MAX_STREAK_SHARE", 9),
    "share of all walls off": (trace, "MAX_WALL_SHARE", 1),
    "every share of walls": (trace, "MAX_WALL_SHARE", 0),
    "inner part off": (trace, "MIN_INNER_SHARE", 2),
    "inner part too strict": (trace, "MIN_INNER_SHARE", 0.8),
    "rim of cells ignored": (trace, "MIN_CELL_SHARE", 2),
    "spurs kept": (trace, "MIN_SPUR_SHARE", 0),
    "branches are spurs": (trace, "MIN_SPUR_SHARE", 3),
    "flood allowed": (verify, "MAX_COVERAGE", 2),
    "thick path is a flood": (verify, "MAX_COVERAGE", 0.2),
    "gaps close": (trace, "GAP_SHARE", 0.6),
    "ends always joined": (trace, "_are_joined", nothing(True)),
    "links always": (verify, "are_linked", nothing(True)),
    "reach of two cells": (square_scene, "END_REACH", 2.6),
    "no reach": (square_scene, "END_REACH", 0.1),
    "little bleed": (scene, "MAX_BLEED_PX", 1),
    "deep bleed": (scene, "MAX_BLEED_PX", 99),
    "either direction": (graph.MazeGraph, "starts", lambda maze: (maze.start, maze.goal)),
    "one direction": (graph.MazeGraph, "starts", lambda maze: (maze.start,)),
    "walls are open": (graph, "_is_wall", nothing(False)),
    "jumps allowed": (graph, "_is_open", nothing(True)),
    "one step is progress": (graph, "MIN_LEGAL_STEPS", 0),
    "no length limit": (graph.MazeGraph, "num_cells", 10**6),
    "junk is free": (
        verify,
        "list_score",
        lambda maze, legal, _: 0.5 * graph.progress(maze, legal),
    ),
    "every path is right": (verify, "path_fault", nothing(Reason.OK)),
    "first tag": (answers, "extract", first_tag),
    "last frame": (judge, "final_state", lambda frames: frames[-1]),
    "first frames": (judge, "final_state", lambda frames: frames[0]),
    "median of all": (judge, "FINAL_SHARE", 1),
}


def first_failure(suite):
    """The name of the first case that does not hold."""
    return next((case.name for case in suite if not case.holds()), None)


@pytest.fixture
def fresh_scenes():
    """Maps that know the constants of this test only."""
    square_scene._square_scene.cache_clear()
    square_scene._blocks.cache_clear()
    yield
    square_scene._square_scene.cache_clear()
    square_scene._blocks.cache_clear()


def test_the_suite_holds(suite):
    assert [case.name for case in suite if not case.holds()] == []


@pytest.mark.usefixtures("fresh_scenes")
@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_killed(name, suite, monkeypatch):
    module, attribute, value = MUTANTS[name]
    monkeypatch.setattr(module, attribute, value)
    assert first_failure(suite) is not None
