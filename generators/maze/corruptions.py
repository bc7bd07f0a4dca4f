"""Answers to a maze that must fail, each made from the sample's own truth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from vtb.core.answers import wrap
from vtb.core.types import Array, Prediction, Reason, Sample
from vtb.media.wrong_clips import still_clip, wrong_clips

from .graph import MazeGraph, path_fault
from .sketch import Sketch, SketchOf


def corruptions(
    sample: Sample, graph: MazeGraph, sketch_of: SketchOf
) -> Iterator[tuple[str, Prediction]]:
    """Wrong texts and, where the sample has its puzzle, wrong pictures and clips.

    What a maze has no room for is left out: a side branch in a maze without side alleys, a
    second way in a maze without loops.
    """
    path = list[int](sample.instance.solution)
    for name, ids in _id_lists(graph, path):
        yield name, Prediction(sample.id, "text", text=wrap(json.dumps(ids)))
    if sample.puzzle is None:
        return
    sketch = sketch_of(sample.instance, sample.puzzle)
    for name, picture in _pictures(sketch, graph, path):
        yield name, Prediction(sample.id, "image", content=picture)
    for name, clip in _clips(sketch, path):
        yield name, Prediction(sample.id, "video", content=clip)


def _id_lists(graph: MazeGraph, path: list[int]) -> Iterator[tuple[str, list[int]]]:
    yield "text_nothing", []
    if len(path) > 2:
        yield "text_ends", [path[0], path[-1]]
    all_ids = list(range(len(graph.neighbours)))
    all_cells = [i for i, near in enumerate(graph.neighbours) if near]
    if path_fault(graph, all_cells) is not Reason.OK:  # a path may run through all of them
        yield "text_all_ids", all_ids
        yield "text_all_cells", all_cells
    yield "text_repeats", path[:2] + path
    yield "text_short", path[:-1]
    yield "text_jump", path[:1] + path[2:]
    if graph.directed:
        yield "text_backwards", path[::-1]


def _pictures(sketch: Sketch, graph: MazeGraph, path: list[int]) -> Iterator[tuple[str, Array]]:
    style = sketch.style
    yield "unsolved", sketch.puzzle
    yield "blank", np.full_like(sketch.puzzle, 255)
    yield "all_red", np.full_like(sketch.puzzle, style.path)
    yield from _floods(sketch, graph, path)
    yield from _breaks(sketch, path)
    yield from _extras(sketch, graph, path)
    yield from _wall_faults(sketch, path)
    yield from _scene_faults(sketch, graph, path)


def _floods(sketch: Sketch, graph: MazeGraph, path: list[int]) -> Iterator[tuple[str, Array]]:
    corridors = [i for i, near in enumerate(graph.neighbours) if near]
    yield "flooded", sketch.fill(corridors, sketch.style.path, keep_ends=True)
    yield "flooded_path", sketch.fill(path, sketch.style.path, keep_ends=True)


def _breaks(sketch: Sketch, path: list[int]) -> Iterator[tuple[str, Array]]:
    middle = len(path) // 2
    if len(path) >= 3:
        yield "gap", sketch.erase([path[middle]], sketch.strokes(path))
    if len(path) >= 5:
        yield "partial", sketch.strokes(path[: middle + 1])


def _extras(sketch: Sketch, graph: MazeGraph, path: list[int]) -> Iterator[tuple[str, Array]]:
    solved = sketch.strokes(path)
    branches = [
        (a, b, c)
        for a in path
        for b in graph.neighbours[a]
        for c in graph.neighbours[b]
        if b not in path and c not in path
    ]
    if branches:
        yield "dead_end", sketch.strokes(branches[0], solved)
    beside = {cell for branch in branches for cell in branch}.union(path)
    away = [i for i, near in enumerate(graph.neighbours) if near and i not in beside]
    if away:
        yield "decoy", sketch.ring(away[0], solved)
    loop = _second_way(graph, path)
    if loop:
        yield "loop", sketch.strokes(loop, solved)


def _wall_faults(sketch: Sketch, path: list[int]) -> Iterator[tuple[str, Array]]:
    corridor, solved = sketch.style.corridor, sketch.strokes(path)
    if sketch.crosses_wall(path[0], path[-1]):
        yield "straight", sketch.straight(path[0], path[-1])
    crossing = next(((a, *wall) for a in path for wall in sketch.walls_beside(a)), None)
    if crossing:
        cell, wall, behind = crossing
        opened = sketch.fill([wall], corridor, solved)
        yield "crossed_wall", sketch.strokes([cell, behind], solved)
        yield "opened_wall", sketch.strokes([cell, behind], opened)
        yield "removed_wall", opened
    half = sketch.scene.cell_px // 2
    drawn = (solved != sketch.puzzle).any(axis=2)
    moved = [np.roll(drawn, shift, (0, 1)) for shift in ((half, half), (half, -half))]
    in_walls = [int((mask & sketch.scene.solid).sum()) for mask in moved]
    if 2 * max(in_walls) > sketch.width_px * sketch.scene.solid_px:
        off_centre = sketch.puzzle.copy()
        off_centre[moved[int(np.argmax(in_walls))]] = sketch.style.path
        yield "off_centre", off_centre


def _scene_faults(sketch: Sketch, graph: MazeGraph, path: list[int]) -> Iterator[tuple[str, Array]]:
    style, solved = sketch.style, sketch.strokes(path)
    yield "erased_maze", sketch.strokes(path, np.full_like(solved, style.corridor))
    no_goal = sketch.fill([path[-1]], style.corridor, solved)
    yield "erased_end", no_goal
    unused = [i for i, near in enumerate(graph.neighbours) if near and i not in path]
    if unused:
        yield "added_wall", sketch.fill(unused[:1], style.wall, solved)
        yield "moved_end", sketch.fill(unused[-1:], style.goal_colour, no_goal)
    steps = {*pairwise(path), *pairwise(path[::-1])}
    shut = [region for edge, region in sketch.passages.items() if edge not in steps]
    if shut:
        yield "shut_passage", sketch.fill(shut[:1], style.wall, solved)


def _clips(sketch: Sketch, path: list[int]) -> Iterator[tuple[str, bytes]]:
    """Encoded clips, of which the median of the last three frames counts."""
    yield from wrong_clips(sketch.puzzle, sketch.strokes(path))
    for name, picture in _breaks(sketch, path):
        yield f"video_{name}", still_clip([sketch.puzzle, *[picture] * 4])


def _second_way(graph: MazeGraph, path: list[int]) -> list[int] | None:
    """A way between two cells of the path over cells beside it, if the maze has such a loop."""
    for root in path:
        queue = [[root, first] for first in graph.neighbours[root] if first not in path]
        met = {way[-1] for way in queue}
        for way in queue:
            for cell in graph.neighbours[way[-1]]:
                if cell in path and cell != root:
                    return [*way, cell]
                if cell not in met and cell not in path:
                    met.add(cell)
                    queue.append([*way, cell])
    return None
