"""How well shortcuts guess a dataset's answers, and which of them are limited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vtb.core.generator import AnswerKind
from vtb.core.stats import Z_99_9, Interval, wilson
from vtb.data.offers import Offered
from vtb.data.probes import Tally, tally

# A construction may start from the ink, so these are shown only.
_SHOWN = frozenset({"brightness", "nearest_ink"})
# The rest of a picture may tell the colour or shape that completes it.
_SHOWN_OF_CHOICES = frozenset({"file_size"})
# Where the markers are the figure, these look at the puzzle itself.
_FIGURES = frozenset({"right_triangle", "square_outlier"})
_SHOWN_OF_FIGURES = frozenset(
    {
        "smallest_mean_distance",
        "largest_mean_distance",
        "smallest_neighbour_distance",
        "largest_neighbour_distance",
    }
)


@dataclass(frozen=True, slots=True)
class Shortcut:
    """One rule's guesses at one task; `interval` is the 99.9 % Wilson interval of `accuracy`."""

    heuristic: str
    task: str
    n: int
    accuracy: float
    chance: float
    interval: Interval
    limited: bool

    @property
    def sure_excess(self) -> float:
        """By how much it surely beats chance; below 0 when it may not."""
        return self.interval.low - self.chance

    def payload(self) -> dict[str, Any]:
        """The numbers as JSON; `excess` is accuracy minus chance."""
        return {
            "n": self.n,
            "accuracy": self.accuracy,
            "low": self.interval.low,
            "high": self.interval.high,
            "chance": self.chance,
            "excess": self.accuracy - self.chance,
            "limited": self.limited,
        }


def shortcuts(offered: Mapping[str, Offered], kinds: Mapping[str, AnswerKind]) -> list[Shortcut]:
    """Every rule that applies, task by task; `kinds` is the kind of answer by task."""
    return [
        _shortcut(name, task, counted, _is_limited(name, task, kinds[task]))
        for task, offers in offered.items()
        for name, counted in tally(offers.groups).items()
    ]


def nested(found: Sequence[Shortcut]) -> dict[str, dict[str, dict[str, Any]]]:
    """As JSON: `{name: {task: numbers}}`."""
    heuristics: dict[str, dict[str, dict[str, Any]]] = {}
    for shortcut in found:
        heuristics.setdefault(shortcut.heuristic, {})[shortcut.task] = shortcut.payload()
    return heuristics


def ranked(heuristics: Mapping[str, Mapping[str, Any]], task: str) -> list[tuple[str, Any]]:
    """Names and numbers of a task's rules out of `nested`, first what surely beats chance most."""
    rules = [(name, tasks[task]) for name, tasks in heuristics.items() if task in tasks]
    return sorted(rules, key=lambda rule: rule[1]["low"] - rule[1]["chance"], reverse=True)


def markdown_table(audited: Mapping[str, Any]) -> str:
    """The best limited shortcut of every task as Markdown; "" when none offers options."""
    lines: list[str] = []
    for task in audited["tasks"]:
        rules = [rule for rule in ranked(audited["heuristics"], task) if rule[1]["limited"]]
        if rules:
            name, best = rules[0]
            lines.append(
                f"| `{task}` | {len(rules)} | `{name}` | {best['n']:,} | "
                f"{percent(best['accuracy'])} ({percent(best['low'])}-{percent(best['high'])}) | "
                f"{percent(best['chance'])} |"
            )
    if not lines:
        return ""
    head = "| task | shortcuts | best | samples | right, % (99.9 % interval) | chance, % |"
    return "\n".join([head, "|---|---|---|---|---|---|", *lines, ""])


def percent(share: float) -> str:
    """A share as percent with one decimal, without the sign."""
    return f"{100 * share:.1f}"


def _shortcut(name: str, task: str, counted: Tally, limited: bool) -> Shortcut:
    interval = wilson(counted.hits, counted.n, Z_99_9)
    assert interval is not None, "a rule that applies has guesses"
    accuracy, chance = counted.hits / counted.n, counted.by_chance / counted.n
    return Shortcut(name, task, counted.n, accuracy, chance, interval, limited)


def _is_limited(name: str, task: str, kind: AnswerKind) -> bool:
    shown = _SHOWN
    if kind == "choice":
        shown |= _SHOWN_OF_CHOICES
    if task in _FIGURES:
        shown |= _SHOWN_OF_FIGURES
    return name not in shown
