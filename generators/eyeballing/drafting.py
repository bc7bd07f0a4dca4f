"""How a draft becomes a puzzle: every option must be possible, then one is made the right one."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vtb.core.errors import VtbError
from vtb.core.rng import Rng
from vtb.core.types import Content

from .board import Board, Draft, from_json, to_json
from .shapes import joint_box

if TYPE_CHECKING:
    from .puzzle import Eyeballing

# Of the short side: how exactly the right option must complete the figure.
MAX_RESIDUAL = 1e-6


def is_possible(task: Eyeballing, draft: Draft, board: Board) -> bool:
    """Whether every option could be the right one: its figure fits and covers no marker.

    For drafts that were not laid out to be so.
    """
    if not all(board.frame.has(point, board.point_radius) for point in draft.positions):
        return False
    targets = draft.positions if draft.answer is None else [draft.positions[draft.answer]]
    # Most figures share strokes with others.
    framed = dict.fromkeys(
        shape
        for figure, target in zip(draft.figures, targets, strict=True)
        for shape in task.framed(figure, target, board)
    )
    if not board.frame.contains(joint_box(framed)):
        return False
    if not task.keeps_clear:
        return True
    given = dict.fromkeys(stroke for figure in draft.figures for stroke in task.ink(figure, board))
    return all(s.distance(m) >= board.clearance for s in given for m in draft.positions)


def content_of(
    task: Eyeballing, rng: Rng, draft: Draft, board: Board, letter: int
) -> Content | None:
    """The puzzle whose right option bears the letter; None when another is right as well.

    Which option that is gets decided here, after all were found possible. Raises VtbError when
    the right option, computed again from what is stored, does not complete the figure.
    """
    right = draft.answer
    if right is None:
        right = letter if draft.in_order else rng.below(board.options)
    figure = to_json(draft.figures[0 if draft.answer is not None else right])
    positions = [to_json(point) for point in draft.positions]
    stored = from_json(figure)
    off = [task.residual(stored, complex(*point)) for point in positions]
    violation = min(value for place, value in enumerate(off) if place != right)
    if off[right] > MAX_RESIDUAL * board.side:
        raise VtbError(f"the right option of `{task.task}` is {off[right]:.2g} off")
    if violation < task.least_violation(board):
        return None
    labels = _labels(rng, draft, right, letter)
    candidates = [
        {"x": x, "y": y, "label": label}
        for label, (x, y) in sorted(zip(labels, positions, strict=True))
    ]
    data = {
        "canvas": [board.width, board.height],
        "candidates": candidates,
        "answer": string.ascii_uppercase[letter],
        "point_radius": round(board.point_radius, 3),
        "line_width": round(board.line_width, 3),
        "figure": figure,
    }
    gap = sorted(abs(p - draft.positions[right]) for p in draft.positions)[1]
    numbers = task.difficulty(stored, complex(*positions[right]), board, violation, gap)
    return Content(data, data["answer"], numbers)


def _labels(rng: Rng, draft: Draft, right: int, letter: int) -> Sequence[str]:
    """A letter for every position: in order, or shuffled with the wanted one at the right place."""
    letters = list(string.ascii_uppercase[: len(draft.positions)])
    if draft.in_order:
        return letters
    wanted = letters.pop(letter)
    rng.shuffle(letters)
    return [*letters[:right], wanted, *letters[right:]]
