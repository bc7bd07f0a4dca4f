"""VideoThinkBench's record of an eyeballing puzzle, of which the options alone are sure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vtb.core.errors import UnreadableError
from vtb.core.types import Array, Content, Json


def read_record(fields: Mapping[str, Json], puzzle: Array) -> tuple[Content, Mapping[str, Json]]:
    """The puzzle without its figure: it can be judged, but neither drawn again nor solved anew.

    Raises UnreadableError when options or answer are missing or do not fit together.
    """
    height, width = puzzle.shape[:2]
    try:
        candidates = [_candidate(candidate) for candidate in fields["candidates"]]
        answer = str(fields["correct_option"])
        radius = float(fields.get("point_radius") or 10)
        line_width = float(fields.get("line_width") or 5)
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableError("the record has no options", fact=f"{error!r}") from error
    labels = [candidate["label"] for candidate in candidates]
    if answer not in labels or len(set(labels)) < len(labels):
        raise UnreadableError(
            "the record's options and its answer do not fit", fact=f"{labels}, `{answer}`"
        )
    data = {
        "canvas": [width, height],
        "candidates": sorted(candidates, key=lambda candidate: candidate["label"]),
        "answer": answer,
        "point_radius": radius,
        "line_width": line_width,
        "figure": None,
    }
    return Content(data, answer, {"point_px": radius, "stroke_px": line_width}), {}


def _candidate(candidate: Mapping[str, Any]) -> dict[str, Json]:
    return {
        "x": float(candidate["x"]),
        "y": float(candidate["y"]),
        "label": str(candidate["label"]),
    }
