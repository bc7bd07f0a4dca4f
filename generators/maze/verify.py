"""The judgement of mazes: text, image or video against the puzzle's own geometry.

The thresholds here, in `trace` and in `vtb.media.compare` were set on square mazes of 5 to 21
blocks on canvases of 128 to 512 px (cells of 6 px and more). With them, of 10,800 true pictures
after crf 18 and 23, scaling, shift, blur, noise, JPEG and letterbox none failed, and of 27,000
wrong ones of 19 kinds, raw and after crf 23, half size, blur and noise, none passed.

They hold for hexagonal mazes of radius 1 to 5 and labyrinths of 1 to 5 rings with 3 to 16 segments
on the same canvases, with the smallest cells that their layouts allow and walls of 6 to 17 px: of
4,228 true pictures, blurred by 2 px too, six failed, labyrinths whose outer wall a shift by 2 % had
pushed out of the picture; of 31,648 wrong ones none passed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from vtb.core.answers import parse_int_list
from vtb.core.errors import UnreadableError
from vtb.core.types import Array, Instance, Json, Prediction, Reason, Sample, Verdict
from vtb.media.compare import align, drop_specks, red, speck_px
from vtb.media.judge import judge, read_text

from .graph import (
    MazeGraph,
    are_linked,
    followed_path,
    legal_prefix,
    list_score,
    partial_score,
    path_fault,
    progress,
)
from .overlay import explain
from .scene import Scene
from .trace import Trace, changed_regions, read_trace

# More red than this share of its cells is no path but a flood: a path of 8 in 9 px, 1.5 times the
# default there, fills 0.89; filled corridors keep 0.95 at crf 23 and half size.
MAX_COVERAGE = 0.9

SceneOf: TypeAlias = Callable[[Instance], Scene]


def check_maze(
    sample: Sample,
    prediction: Prediction,
    graph: MazeGraph,
    scene_of: SceneOf,
    *,
    overlay: bool = False,
) -> Verdict:
    """The verdict on a prediction for a maze of any family.

    A legal simple path between the ends passes, the stored solution or not. A text needs only the
    graph; a picture is compared with `sample.puzzle` and read with the maps of `scene_of`. It is
    unscored (score None) when the sample has no puzzle picture, or one of another size.
    """
    if prediction.kind == "text":
        return _check_text(prediction, graph)
    puzzle, scene = sample.puzzle, scene_of(sample.instance)
    if puzzle is None or puzzle.shape[:2] != scene.regions.shape:
        details = {"error": "the sample has no puzzle picture of the size its style tells"}
        return Verdict(None, False, Reason.UNREADABLE, details)
    solution = sample.instance.solution
    return judge(
        prediction,
        puzzle,
        lambda picture: check_picture(picture, puzzle, scene, graph, solution, overlay=overlay),
    )


def check_picture(
    picture: Array,
    puzzle: Array,
    scene: Scene,
    graph: MazeGraph,
    solution: Sequence[int],
    *,
    overlay: bool = False,
) -> Verdict:
    """The verdict on one picture (RGB uint8, any size) of a path drawn into `puzzle`."""
    place = align(picture, puzzle)
    details: dict[str, Json] = {"scene_score": round(place.score, 4)}
    if place.failure is not None:
        return Verdict(0.0, False, place.failure, details)
    seen = place.warp(picture, puzzle)
    reds = red(seen)
    reds = drop_specks(reds, speck_px(reds))
    trace = read_trace(scene, graph, reds)
    changed = changed_regions(scene, seen, puzzle, reds)
    path = followed_path(graph, trace.links)
    reason = _reason(graph, trace, changed, path)
    details |= {
        "cells": path,
        "legal_prefix": round(progress(graph, path), 4),
        "changed_regions": changed,
        **_measures(scene, graph, trace, solution),
    }
    return Verdict(
        score=_score(graph, reason, trace, path),
        passed=reason is Reason.OK,
        reason=reason,
        details=details,
        overlay=explain(scene, trace, puzzle, path, solution) if overlay else None,
    )


def _reason(graph: MazeGraph, trace: Trace, changed: Sequence[int], path: Sequence[int]) -> Reason:
    has_hits = bool(trace.hits.any())
    if changed:
        return Reason.CHANGED_SCENE
    linked = are_linked(graph, trace.links)
    if len(trace.cells) <= 2 and not (linked or has_hits):
        return Reason.NO_ANSWER
    if has_hits:
        return Reason.TOUCHES_WALL
    if not (trace.is_joined and linked):
        return Reason.DISCONNECTED
    if trace.coverage > MAX_COVERAGE or len(path) < len(trace.cells):
        return Reason.NOT_SIMPLE
    return Reason.OK


def _score(graph: MazeGraph, reason: Reason, trace: Trace, path: Sequence[int]) -> float:
    if reason is Reason.OK:
        return 1.0
    if reason not in (Reason.DISCONNECTED, Reason.NOT_SIMPLE) or trace.coverage > MAX_COVERAGE:
        return 0.0
    # Lines drawn everywhere hold the beginning of the right one, too.
    on_the_way = len(path) / len(trace.cells) if reason is Reason.NOT_SIMPLE else 1.0
    return partial_score(graph, path) * min(1.0, on_the_way)


def _measures(
    scene: Scene, graph: MazeGraph, trace: Trace, solution: Sequence[int]
) -> dict[str, Json]:
    """Figures for reports: overlap with the stored solution, and how red lies on the scene."""
    right = len(set(trace.cells) & set(solution))
    hit = scene.regions[trace.hits]
    walls = scene.solid & (scene.regions < scene.num_regions)
    return {
        "precision": round(right / len(trace.cells), 4),
        "recall": round(right / len(solution), 4),
        "path_px": int(trace.marks.sum()),
        "coverage": round(trace.coverage, 4),
        "wall_hit": round(float(trace.hits.sum() / max(1, walls.sum())), 5),
        "walls_hit": [int(region) for region in np.unique(hit[hit < scene.num_regions])],
        "outside_px": int((hit == scene.num_regions).sum()),
    }


def _check_text(prediction: Prediction, graph: MazeGraph) -> Verdict:
    """Strict: only the one answer block counts; `lenient` tells whether a bare one would pass.

    A list of more ids than the maze has cells is no answer: no listing of everything.
    """
    try:
        parsed = parse_int_list(read_text(prediction))
    except UnreadableError as error:
        return Verdict(0.0, False, Reason.UNREADABLE, {"error": str(error)})
    details: dict[str, Json] = {"tagged": parsed.tagged, "lenient": 0.0}
    if parsed.status != "ok":
        return Verdict(0.0, False, Reason(parsed.status), details)
    ids: list[int] = parsed.value
    reason = path_fault(graph, ids)
    legal = legal_prefix(graph, ids)
    details |= {
        "lenient": float(reason is Reason.OK),
        "cells": legal,
        "num_ids": len(ids),
        "legal_prefix": round(progress(graph, legal), 4),
    }
    if not parsed.tagged or len(ids) > graph.num_cells:
        return Verdict(0.0, False, Reason.NO_ANSWER, details)
    score = 1.0 if reason is Reason.OK else list_score(graph, legal, len(ids))
    return Verdict(score, reason is Reason.OK, reason, details)
