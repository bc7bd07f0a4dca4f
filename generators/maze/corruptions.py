"""Answers to a square maze that must fail, each made from the sample's own truth."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from vtb.core.answers import wrap
from vtb.core.types import Array, Prediction, Sample
from vtb.media.video import encode

from .graph import MazeGraph, square_graph
from .sketch import Sketch


def corruptions(sample: Sample) -> Iterator[tuple[str, Prediction]]:
    """Wrong texts and, where the sample has its puzzle, wrong pictures and clips.

    What a maze has no room for is left out: a side branch in a maze without side alleys, a
    second way in a maze without loops.
    """
    graph, path = square_graph(sample.instance), list[int](sample.instance.solution)
    for name, ids in _id_lists(graph, path):
        yield name, Prediction(sample.id, "text", text=wrap(json.dumps(ids)))
    if sample.puzzle is None:
        return
    sketch = Sketch.of(sample.instance, sample.puzzle)
    for name, picture in _pictures(sketch, graph, path):
        yield name, Prediction(sample.id, "image", content=picture)
    for name, clip in _clips(sketch, path):
        yield name, Prediction(sample.id, "video", content=clip)


def _id_lists(graph: MazeGraph, path: list[int]) -> Iterator[tuple[str, list[int]]]:
    yield "text_nothing", []
    yield "text_ends", [path[0], path[-1]]
    yield "text_all_ids", list(range(len(graph.neighbours)))
    yield "text_all_cells", [i for i, near in enumerate(graph.neighbours) if near]
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
    yield from _wall_faults(sketch, graph, path)
    yield from _scene_faults(sketch, graph, path)


def _floods(sketch: Sketch, graph: MazeGraph, path: list[int]) -> Iterator[tuple[str, Array]]:
    corridors = {i for i, near in enumerate(graph.neighbours) if near}.difference(sketch.ends)
    yield "flooded", sketch.fill(sorted(corridors), sketch.style.path)
    yield "flooded_path", sketch.fill(path[1:-1], sketch.style.path)


def _breaks(sketch: Sketch, path: list[int]) -> Iterator[tuple[str, Array]]:
    middle = len(path) // 2
    solved = sketch.strokes(path)
    yield "gap", sketch.fill([path[middle]], sketch.style.corridor, solved)
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


def _wall_faults(sketch: Sketch, graph: MazeGraph, path: list[int]) -> Iterator[tuple[str, Array]]:
    corridor, solved = sketch.style.corridor, sketch.strokes(path)
    columns = {cell % sketch.layout.cols for cell in path}
    rows = {cell // sketch.layout.cols for cell in path}
    if len(columns) > 1 and len(rows) > 1:
        yield "straight", sketch.strokes([path[0], path[-1]])
    crossing = _thin_wall(graph, path)
    if crossing:
        opened = sketch.fill([crossing[1]], corridor, solved)
        yield "crossed_wall", sketch.strokes(crossing, solved)
        yield "opened_wall", sketch.strokes(crossing, opened)
        yield "removed_wall", opened
    half = sketch.layout.cell // 2
    moved = np.roll((solved != sketch.puzzle).any(axis=2), (half, half), (0, 1))
    off_centre = sketch.puzzle.copy()
    off_centre[moved] = sketch.style.path
    yield "off_centre", off_centre


def _scene_faults(sketch: Sketch, graph: MazeGraph, path: list[int]) -> Iterator[tuple[str, Array]]:
    style, solved = sketch.style, sketch.strokes(path)
    yield "erased_maze", sketch.strokes(path, np.full_like(solved, style.corridor))
    no_goal = sketch.fill([path[-1]], style.corridor, solved)
    yield "erased_end", no_goal
    unused = [i for i, near in enumerate(graph.neighbours) if near and i not in path]
    if unused:
        yield "added_wall", sketch.fill(unused[:1], style.wall, solved)
        goal = style.start if style.endpoints == "same" else style.goal
        yield "moved_end", sketch.fill(unused[-1:], goal, no_goal)


def _clips(sketch: Sketch, path: list[int]) -> Iterator[tuple[str, bytes]]:
    """Encoded clips of five frames, of which the median of the last three counts."""
    puzzle, solved = sketch.puzzle, sketch.strokes(path)
    broken = dict(_breaks(sketch, path))["gap"]
    for name, frames in {
        "video_unsolved": [puzzle] * 5,
        "video_late": [*[puzzle] * 4, solved],
        "video_undone": [*[solved] * 3, puzzle, puzzle],
        "video_gap": [puzzle, *[broken] * 4],
    }.items():
        height, width = puzzle.shape[:2]
        yield name, encode(frames, num_frames=5, height=height, width=width, fps=8, crf=23)


def _thin_wall(graph: MazeGraph, path: list[int]) -> list[int] | None:
    """A cell of the path, a wall beside it and the cell right behind that wall, if there is one."""
    for cell in path:
        for wall in graph.beside[cell]:
            behind = 2 * wall - cell
            is_wall = not graph.neighbours[wall]
            if is_wall and behind in graph.beside[wall] and graph.neighbours[behind]:
                return [cell, wall, behind]
    return None


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
