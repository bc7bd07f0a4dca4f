"""Puzzles that are neither too easy nor too hard for the base model; imports no torch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from vtb.recipe.vlm import Band
from vtb.run.plan import Check
from vtb.train.vlm.job import VlmJob
from vtb.train.vlm.variance import CURRICULUM, Tried


def measured(tried: Sequence[Tried], band: Band) -> dict[str, Any]:
    """What `preflight.json` says of it: the base model's accuracy on each puzzle.

    And how many puzzles are `below` the band, `within` it, bounds included, and `above` it.
    """
    solved: defaultdict[str, list[bool]] = defaultdict(list)
    for one in tried:
        solved[one.sample_id].append(one.is_solved)
    accuracy = {name: fmean(found) for name, found in solved.items()}
    counts = Counter(_place(share, band) for share in accuracy.values())
    places = {place: counts[place] for place in ("below", "within", "above")}
    return {"band": [*band], **places, "accuracy": accuracy}


def chosen(report: Mapping[str, Any]) -> frozenset[str]:
    """Ids of the puzzles within the band, from the content of `preflight.json`."""
    found = report[CURRICULUM]
    pairs = found["accuracy"].items()
    return frozenset(name for name, share in pairs if _place(share, found["band"]) == "within")


def request_checks(job: VlmJob) -> Iterator[Check]:
    """What a curriculum will do, and what of the recipe it cannot work with."""
    if job.band is None:
        return
    recipe, need = job.recipe, _puzzles_per_step(job)
    if not recipe.train.steps:
        message = "the length of a curriculum is in steps: its puzzles are not chosen yet"
        yield Check("error", CURRICULUM, message, "-s train.steps=100")
    if recipe.preflight.prompts < need:
        message = (
            f"a curriculum chooses from {recipe.preflight.prompts} puzzles, a step asks {need}"
        )
        yield Check("error", CURRICULUM, message, f"-s preflight.prompts={job.num_samples}")
    asked = min(recipe.preflight.prompts, job.num_samples)
    message = (
        f"{asked:,} of {job.num_samples:,} puzzles are asked {recipe.preflight.generations} times "
        f"each; trained on are those with {_percent(job.band)} right answers"
    )
    yield Check("info", CURRICULUM, message)


def result_check(job: VlmJob, report: Mapping[str, Any]) -> Check:
    """How the puzzles are spread over the bands; an error when too few are left for a step."""
    found = report[CURRICULUM]
    counts = (
        f"{found['within']:,} puzzles have {_percent(found['band'])} right answers of the base "
        f"model, {found['below']:,} have fewer and {found['above']:,} more"
    )
    if found["within"] >= _puzzles_per_step(job):
        return Check("info", CURRICULUM, f"{counts}: trained on are the first")
    other = "easier" if found["below"] > found["above"] else "harder"
    return Check(
        "error",
        CURRICULUM,
        f"{counts}, and a step asks {_puzzles_per_step(job)}",
        f"ask more with preflight.prompts, widen curriculum.band, or train on {other} puzzles",
    )


def _place(share: float, band: Sequence[float]) -> str:
    low, high = band
    return "below" if share < low else "above" if share > high else "within"


def _puzzles_per_step(job: VlmJob) -> int:
    return max(1, job.recipe.train.batch // job.recipe.grpo.generations)


def _percent(band: Sequence[float]) -> str:
    low, high = band
    return f"{100 * low:g}% to {100 * high:g}%"
