"""What a maze is worth without looking: baselines that draw into the puzzle."""

from __future__ import annotations

from vtb.core.rng import stream
from vtb.core.types import Prediction, Sample

from .graph import MazeGraph
from .sketch import SketchOf


def baseline(
    name: str, sample: Sample, seed: int, graph: MazeGraph, sketch_of: SketchOf
) -> Prediction | None:
    """The picture of a baseline: `straight`, `random`; None for another name or without puzzle.

    `straight` joins the ends with a straight line, which is right exactly when the solution has
    no turn. `random` walks from the start, never to a cell it has been to, until it is stuck or
    at the goal.
    """
    if sample.puzzle is None:
        return None
    sketch = sketch_of(sample.instance, sample.puzzle)
    match name:
        case "straight":
            picture = sketch.straight(graph.start, graph.goal)
        case "random":
            walk = random_walk(graph, sample.instance.fingerprint, seed)
            picture = sketch.strokes(walk)
        case _:
            return None
    return Prediction(sample.id, "image", content=picture, model=name, seed=seed)


def random_walk(graph: MazeGraph, fingerprint: str, seed: int) -> list[int]:
    """A random walk from the start over open cells, none twice, to the goal or a dead end."""
    rng = stream("maze-random-walk", fingerprint, seed)
    walk = [graph.start]
    while walk[-1] != graph.goal:
        ahead = [cell for cell in graph.neighbours[walk[-1]] if cell not in walk]
        if not ahead:
            break
        walk.append(rng.choice(ahead))
    return walk
