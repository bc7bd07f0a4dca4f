"""How a LoRA fits a model and what became of it, as JSON and as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vtb.models.families import LoraReport

SHOWN = 5


def lora_payload(report: LoraReport) -> dict[str, Any]:
    """The JSON object of one LoRA file."""
    return {
        "file": str(report.file.resolve()),
        "matched": report.matched,
        "unmatched": list(report.unmatched),
        "zero": list(report.zero),
        "faults": list(report.faults),
        "warnings": list(report.warnings),
        "format": report.layout,
        "ranks": list(report.ranks),
        "alphas": list(report.alphas),
        "metadata": dict(report.metadata),
    }


def lora_lines(report: LoraReport) -> list[str]:
    """The same for people."""
    ranks, alphas = (", ".join(f"{x:g}" for x in xs) for xs in (report.ranks, report.alphas))
    return [
        f"{report.file}: {report.matched} layers match",
        *first_names("unmatched", report.unmatched),
        *first_names("zero", report.zero),
        *(f"  {fault}" for fault in report.faults),
        f"  {report.layout} layout, rank {ranks}, alpha {alphas}",
    ]


def reduced_text(payload: dict[str, Any]) -> str:
    """Ranks and retained energy of a LoRA that was resized or extracted."""
    lowest = payload["lowest"]
    return (
        f"{state(payload['is_new'])}: {payload['layers']} layers of rank "
        f"{', '.join(map(str, payload['ranks']))}\n"
        f"retained energy: {payload['retained_energy']:.6f}, least "
        f"{lowest['retained_energy']:.6f} in {lowest['layer']}\n{payload['out']}"
    )


def state(is_new: bool) -> str:
    """Whether a result was made now."""
    return "made" if is_new else "already complete"


def first_names(label: str, names: Sequence[str]) -> list[str]:
    """A line with the number and the first few of some names; none when there are none."""
    if not names:
        return []
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return [f"  {label} ({len(names)}): {', '.join(names[:SHOWN])}{more}"]
