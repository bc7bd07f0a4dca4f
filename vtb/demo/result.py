"""What the demo found, as its page, its table and its JSON show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vtb.core.stats import Paired


@dataclass(frozen=True, slots=True)
class Step:
    """One finished step of the demo."""

    name: str
    seconds: float
    ok: bool


@dataclass(frozen=True, slots=True)
class Row:
    """How many of a set's mazes a model or a baseline solved; `passed` tells of each, by its id."""

    name: str
    passed: Mapping[str, bool]
    accuracy: float
    ci95: tuple[float, float]

    def payload(self) -> dict[str, Any]:
        """The row's JSON."""
        return {"name": self.name, "accuracy": self.accuracy, "ci95": list(self.ci95)}


@dataclass(slots=True)
class DemoResult:
    """What the demo made; `html` is its report, `sheet` a picture of its mazes.

    `pairs` compares the mazes of the new style before and after training.
    """

    out: Path
    steps: list[Step] = field(default_factory=list[Step])
    rows: list[Row] = field(default_factory=list[Row])
    pairs: Paired | None = None

    @property
    def html(self) -> Path:
        """The report."""
        return self.out / "report.html"

    @property
    def sheet(self) -> Path:
        """The contact sheet."""
        return self.out / "contact-sheet.png"

    @property
    def ok(self) -> bool:
        """Whether every step held what it must."""
        return all(step.ok for step in self.steps)

    def payload(self) -> dict[str, Any]:
        """The JSON of `vtb demo`, without its schema."""
        return {
            "out": str(self.out),
            "steps": [
                {"name": step.name, "seconds": round(step.seconds, 2), "ok": step.ok}
                for step in self.steps
            ],
            "results": [row.payload() for row in self.rows],
            "pairs": self.pairs and self.pairs._asdict(),
            "html": str(self.html),
            "contact_sheet": str(self.sheet),
        }
