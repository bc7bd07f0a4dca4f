"""Faults put into the geometry of hexagonal mazes and labyrinths are noticed by a few cases."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import pytest

from generators.maze import (
    cell_scene,
    hexagon_layout,
    hexagon_zones,
    labyrinth_layout,
    labyrinth_zones,
    scene,
    verify,
)
from generators.maze.hexagon import HexagonMaze
from generators.maze.labyrinth import LabyrinthMaze
from vtb.core.types import Prediction, Sample

MAZES = {"maze-hexagon": HexagonMaze(), "maze-labyrinth": LabyrinthMaze()}
RED, LIGHT, BLACK = (220, 30, 30), (240, 240, 240), (0, 0, 0)


@dataclass(frozen=True)
class Case:
    name: str
    sample: Sample
    picture: np.ndarray
    reason: str

    def holds(self) -> bool:
        maze = MAZES[self.sample.instance.generator]
        prediction = Prediction("x", "image", content=np.ascontiguousarray(self.picture))
        return maze.check(self.sample, prediction).reason == self.reason


def halved(picture):
    return cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def layout_of(sample):
    maze = MAZES[sample.instance.generator]
    return maze.layout(sample.instance.data, maze.Style.model_validate(sample.instance.style))


def line(sample, points, width=6, on=None):
    picture = np.array(sample.solution if on is None else on)
    cv2.polylines(picture, [np.array(points).round().astype(np.int32)], False, RED, width)
    return picture


def dot(sample, point, radius, colour):
    picture = sample.solution.copy()
    cv2.circle(picture, tuple(round(v) for v in point), radius, colour, -1)
    return picture


def sides(sample, edge):
    """The two corners that a side of a hexagon ends at."""
    layout = layout_of(sample)
    ours, theirs = (np.array(layout.corners(cell, layout.cell)) for cell in edge)
    gaps = np.hypot(*(ours[:, None] - theirs[None]).T)
    return [ours[i] for i in range(6) if gaps.T[i].min() < 1]


def hexagon_cases(cell_maze):
    big = cell_maze("hexagon", 6, canvas=352, config={"min_path": 6})
    more = cell_maze("hexagon", 3, canvas=512, config={"radius": 4})
    thick = cell_maze("hexagon", 1, cell=30, wall_px=11, config={"radius": 4})
    tiny = cell_maze("hexagon", 6, cell=12, config={"min_path": 6})
    pair = cell_maze("hexagon", 1, canvas=256, config={"min_path": 2, "max_path": 2})
    sketch, layout = MAZES["maze-hexagon"].sketch(big.instance, big.puzzle), layout_of(big)
    path, ends = big.instance.solution, [layout.centre(c) for c in big.instance.solution[-2:]]
    shut = next(iter(sketch.passages.values()))
    wall = next(region for region, _ in sketch.walls_beside(path[2]))
    beyond = next(cell for _, cell in sketch.walls_beside(path[2]))
    yield "truth", big, big.solution, "ok"
    yield "tiny truth", tiny, tiny.solution, "ok"
    yield "tiny, half", tiny, halved(tiny.solution), "ok"
    yield "tiny, shifted", tiny, np.roll(tiny.solution, (1, -1), (0, 1)), "ok"
    for sample in (big, more, thick):
        yield "shifted", sample, np.roll(sample.solution, (1, -1), (0, 1)), "ok"
        yield "shifted up", sample, np.roll(sample.solution, (-1, -1), (0, 1)), "ok"
    yield "blurred", big, cv2.GaussianBlur(big.solution, (0, 0), 2), "ok"
    yield "pair", pair, pair.solution, "ok"
    yield "pair, unsolved", pair, pair.puzzle, "no_answer"
    pair_sketch = MAZES["maze-hexagon"].sketch(pair.instance, pair.puzzle)
    flood = pair_sketch.fill(pair.instance.solution, RED, keep_ends=True)
    yield "pair, flooded", pair, flood, "not_simple"
    yield "unsolved", big, big.puzzle, "no_answer"
    yield "removed wall", big, sketch.fill([wall], LIGHT, big.solution), "changed_scene"
    yield (
        "thin crossing",
        big,
        line(big, [layout.centre(path[2]), layout.centre(beyond)], 2),
        ("touches_wall"),
    )
    closed = sketch.fill([shut], BLACK, big.solution)
    closed[(big.solution != big.puzzle).any(axis=2)] = RED
    yield "shut passage", big, closed, "changed_scene"
    yield "erased marker", big, dot(big, ends[1], 14, LIGHT), "changed_scene"
    yield "red marker", big, dot(big, ends[1], 14, RED), "ok"
    short = dot(big, ends[1], round(0.75 * layout.cell), LIGHT)
    short = np.where((big.puzzle != LIGHT).any(axis=2, keepdims=True), big.puzzle, short)
    yield "short stop", big, short, "ok"
    gap = dot(big, ends[0], round(0.6 * layout.cell), LIGHT)
    yield "gap", big, gap, "disconnected"
    yield "outside", big, dot(big, (12, 12), 4, RED), "touches_wall"
    yield "rim of a wall", big, line(big, sides(big, (path[2], beyond)), 3), "touches_wall"


def labyrinth_cases(cell_maze):
    big = cell_maze("labyrinth", 1, canvas=352, config={"min_path": 6})
    dense = cell_maze("labyrinth", 2, cell=18, wall_px=6, config={"rings": 6, "segments": 18})
    wide = cell_maze("labyrinth", 0, canvas=256, config={"segments": 3, "min_path": 4})
    narrow = cell_maze(
        "labyrinth",
        0,
        canvas=256,
        config={"rings": 1, "segments": 12, "max_path": 2, "min_path": 2},
    )
    tiny = cell_maze("labyrinth", 2, cell=12, config={"segments": 6, "min_path": 6})
    sketch, layout = MAZES["maze-labyrinth"].sketch(big.instance, big.puzzle), layout_of(big)
    scenery = MAZES["maze-labyrinth"].scene(big.instance)
    path = big.instance.solution
    yield "truth", big, big.solution, "ok"
    yield "tiny truth", tiny, tiny.solution, "ok"
    yield "tiny, half", tiny, halved(tiny.solution), "ok"
    yield "dense, half", dense, halved(dense.solution), "ok"
    yield "dense, blurred", dense, cv2.GaussianBlur(dense.solution, (0, 0), 2), "ok"
    yield "wide truth", wide, wide.solution, "ok"
    yield "narrow truth", narrow, narrow.solution, "ok"
    yield "narrow, unsolved", narrow, narrow.puzzle, "no_answer"
    yield "shifted", big, np.roll(big.solution, (1, -1), (0, 1)), "ok"
    branch = next(
        (a, b)
        for a in path[1:-1]
        for b in sorted(MAZES["maze-labyrinth"].graph(big.instance).neighbours[a])
        if b not in path and abs(a - b) == layout.segments
    )
    yield "branch outwards", big, line(big, layout.track(*branch), 6), "not_simple"
    stub = layout.track(*branch)
    short = [stub[0], np.array(stub[0]) + 0.62 * (np.array(stub[1]) - stub[0])]
    yield "slip outwards", big, line(big, short, 6), "ok"
    first = len(scenery.is_cell) - 3 - layout.segments * (layout.rings + 1)
    for name, region in (("ring", first + layout.segments), ("outer wall", first + 3 * 8)):
        picture = sketch.fill([region], LIGHT, big.solution)
        yield f"removed {name}", big, picture, "changed_scene"
    opening = next(region for edge, region in sketch.passages.items() if 0 not in edge)
    yield "shut opening", big, sketch.fill([opening], BLACK, big.solution), "changed_scene"
    for cell in (wide.instance.data["start"], wide.instance.data["goal"]):
        centre = layout_of(wide).centre(cell)
        radius = round(layout_of(wide).marker_radius(cell)) + 1
        yield "erased marker", wide, dot(wide, centre, radius, LIGHT), "changed_scene"
    outer = next(edge[1] for edge in sketch.passages if edge[1] - edge[0] == layout.segments)
    ring, segment = layout.place(outer)
    angle = layout.angle(segment + 0.2)
    beside = [layout.at(layout.inner_radius(ring) + r, angle) for r in (-27, 9)]
    yield "beside an opening", big, line(big, beside, 4), "touches_wall"
    behind = next((cell, r, b) for cell in path for r, b in sketch.walls_beside(cell))
    yield "crossing", big, sketch.strokes([behind[0], behind[2]], big.solution), "touches_wall"
    yield "thin crossing", big, line(big, layout.track(behind[0], behind[2]), 2), "touches_wall"


@pytest.fixture(scope="module")
def suite(cell_maze):
    cases = [*hexagon_cases(cell_maze), *labyrinth_cases(cell_maze)]
    return [Case(*case) for case in cases]


def nothing(value: Any) -> Callable[..., Any]:
    return lambda *_args, **_kwargs: value


def by_area(ground):
    """Cores as large as the cells."""

    def build(layout):
        whole = ground(layout)
        sizes = np.bincount(whole.cells.ravel(), minlength=whole.outside + 1)
        return replace(whole, core=whole.cells, core_areas=sizes)

    return build


def without_patch(ground):
    """Shares of whole cells, however long they are."""

    def build(layout):
        whole = ground(layout)
        sizes = np.bincount(whole.inner.ravel(), minlength=whole.outside + 1)
        return replace(whole, inner_areas=sizes)

    return build


def blind(ground):
    """No piece of wall is judged."""

    def build(layout):
        whole = ground(layout)
        return replace(
            whole, inner=np.where(whole.inner < whole.num_cells, whole.inner, whole.outside)
        )

    return build


GROUND = cell_scene._ground.__wrapped__

MUTANTS: dict[str, tuple[Any, str, Any]] = {
    "slivers are judged": (cell_scene, "MIN_DEPTH", 0),
    "pieces judged up to their ends": (cell_scene, "_near_ends", nothing(False)),
    "walls end at the corners": (cell_scene, "OVERHANG_WALLS", 0),
    "rims of markers are judged": (cell_scene, "RIM_PX", 0),
    "markers are no parts": (cell_scene, "_with_markers", lambda ground, *_: ground.inner),
    "pieces are never judged": (cell_scene, "_ground", blind(GROUND)),
    "spurs by area": (cell_scene, "_ground", by_area(GROUND)),
    "shares of long cells": (cell_scene, "_ground", without_patch(GROUND)),
    "nothing is passable": (
        cell_scene,
        "_between",
        lambda _b, _o, pairs: np.zeros(len(pairs), bool),
    ),
    "markers of any size": (hexagon_layout, "MARKER_SHARE", 0.9),
    "no reach in hexagons": (hexagon_layout, "REACH_SHARE", 0.5),
    "sides have no width": (hexagon_zones, "_tables", lambda radius: _no_sides(radius)),
    "sides are numbered from elsewhere": (hexagon_zones, "_tables", lambda radius: _turned(radius)),
    "hexagons lie on their side": (hexagon_zones, "APOTHEM", 0.75),
    "reach beyond the segment": (
        labyrinth_layout.LabyrinthLayout,
        "end_reach",
        lambda layout, _cell: 0.6 * layout.cell,
    ),
    "openings take the whole segment": (labyrinth_layout, "OPENING_WALLS", 40),
    "openings are closed": (labyrinth_layout, "OPENING_WALLS", 0.2),
    "no gap between rings": (labyrinth_layout, "inner_radius", lambda c, w, r: 24 + r * c),
    "edges along rings are edges across": (
        labyrinth_zones,
        "_edge_numbers",
        lambda layout: _swapped(layout),
    ),
    "bleed by thickness": (scene, "BLEED_SHARE", 0.5),
    "neighbouring ends are always joined": (verify, "are_linked", nothing(True)),
    "flood of two cells": (verify, "MAX_COVERAGE", 2),
}


def _no_sides(radius):
    cells, sides, num_pieces = TABLES(radius)
    return cells, np.full_like(sides, num_pieces), num_pieces


def _turned(radius):
    cells, sides, num_pieces = TABLES(radius)
    return cells, np.roll(sides, 1, axis=2), num_pieces


def _swapped(layout):
    along, across, num_edges = NUMBERS(layout)
    return across, along, num_edges


TABLES, NUMBERS = hexagon_zones._tables, labyrinth_zones._edge_numbers


@pytest.fixture
def fresh_scenes():
    """Maps that know the constants of this test only."""
    caches = (cell_scene.cell_scene, cell_scene._ground)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def test_the_suite_holds(suite):
    assert [case.name for case in suite if not case.holds()] == []


@pytest.mark.usefixtures("fresh_scenes")
@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_killed(name, suite, monkeypatch):
    module, attribute, value = MUTANTS[name]
    monkeypatch.setattr(module, attribute, value)
    assert any(not case.holds() for case in suite)
