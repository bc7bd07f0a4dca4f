"""VideoThinkBench's published reward, to compare with it; never a default.

It can be raised without solving anything: the two ends of a path of n ids earn 2/n, and any text
earns 0.1. See `vtb.core.rewards` for ours.
"""

from __future__ import annotations

from vtb.core.answers import unchecked_block

UNREAD = -1.0
NON_EMPTY = 0.1
_AROUND_LETTER = " \t\r\n\"'`“”‘’()[]{}<>（）【】.,:;!?*。，：；！？"


def vtb_compat(text: str, solution: str) -> float:
    """The reward of a text, -1 to 1.1, by the form of the `answer` column's `solution`.

    A solution in brackets is a path, one of a single character a letter, any other a word.
    """
    answer = unchecked_block(text)
    if solution.startswith("[") and solution.endswith("]"):
        correct = _path(answer, solution)
    elif len(solution) == 1:
        correct = _letter(answer, solution)
    else:
        correct = _word(answer, solution)
    return correct + NON_EMPTY * bool(text.strip())


def _path(answer: str, solution: str) -> float:
    """1 for the very list, else what its beginning and end share with the solution's."""
    found, wanted = _first_list(answer), _first_list(solution) or []
    if found is None:
        return UNREAD
    if found == wanted:
        return 1.0
    shared = _common_prefix(found, wanted) + _common_prefix(found[::-1], wanted[::-1])
    return min(len(wanted), shared) / max(len(wanted), len(found))


def _letter(answer: str, solution: str) -> float:
    found = _plain(answer)
    if not (len(found) == 1 and found.isalpha()):
        return UNREAD
    return float(found == _plain(solution))


def _word(answer: str, solution: str) -> float:
    found = _plain(answer)
    return float(found == _plain(solution)) if found else UNREAD


def _plain(text: str) -> str:
    bare = text.strip(_AROUND_LETTER).lower()
    return bare.removeprefix("answer:").strip(_AROUND_LETTER)


def _first_list(text: str) -> list[int] | None:
    """The integers between the first bracket and the next closing one; None without brackets."""
    start = text.find("[")
    end = text.find("]", start)
    if start < 0 or end < 0:
        return None
    return [
        value for item in text[start + 1 : end].split(",") if (value := _integer(item)) is not None
    ]


def _integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _common_prefix(a: list[int], b: list[int]) -> int:
    pairs = zip(a, b, strict=False)
    return next((place for place, (x, y) in enumerate(pairs) if x != y), min(len(a), len(b)))
