"""Asks the base model as training will, before training; see `variance` for what comes of it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from vtb.core.files import append_line, atomic_write_json, read_json_lines
from vtb.data.store import Dataset, open_dataset
from vtb.infer.chat.local import LocalBackend
from vtb.infer.chat.protocol import ChatBackend, ChatResult, Sampling
from vtb.infer.device import Placement
from vtb.infer.vlm import questions
from vtb.recipe.load import load
from vtb.recipe.vlm import VlmRecipe
from vtb.run.rundir import RunDirectory
from vtb.train.launch.job import SPLIT
from vtb.train.loop.stopping import StopRequest
from vtb.train.loop.watchdog import Watchdog
from vtb.train.rewards import REWARDS, parts_of, weights_of
from vtb.train.vlm.child import Device, VlmChildArguments
from vtb.train.vlm.curriculum import measured
from vtb.train.vlm.job import limits_of
from vtb.train.vlm.variance import CURRICULUM, Tried, report

DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}


def try_base(arguments: VlmChildArguments, stop: StopRequest) -> bool:
    """Writes `preflight.json` of the run; returns False when a stop request came before the end."""
    run = RunDirectory(arguments.run)
    recipe = load(VlmRecipe, str(run.recipe)).recipe
    dataset = open_dataset(arguments.data)
    asked = _spread(_ids(dataset, recipe.data.tasks), recipe.preflight.prompts)
    rounds = _finished_rounds(run, asked)
    with Watchdog(run, 0) as dog:
        backend = _backend(arguments.model, arguments.device, recipe)
        for sampling in _samplings(recipe):
            if sampling.seed in rounds:
                continue
            answers: list[Tried] = []
            for one in _tried(dataset, asked, backend, sampling, recipe):
                if stop.signal is not None:
                    return False
                answers.append(one)
                dog.beat()
            _note_round(run, sampling.seed, answers)
            rounds[sampling.seed] = answers
    tried = [one for sampling in _samplings(recipe) for one in rounds[sampling.seed]]
    band = recipe.curriculum.band
    found = {} if band is None else {CURRICULUM: measured(tried, band)}
    atomic_write_json(run.preflight, {**report(tried, recipe.preflight), **found})
    return True


def _finished_rounds(run: RunDirectory, asked: Sequence[str]) -> dict[int, list[Tried]]:
    """The answers that an earlier process has noted, by the seed they were drawn from.

    A round has one answer to each puzzle; those of fewer or others are left out.
    """
    rounds: defaultdict[int, dict[str, Tried]] = defaultdict(dict)
    for row in read_json_lines(run.tried):
        seed = row.pop("seed")
        rounds[seed][row["sample_id"]] = Tried(**row)
    return {seed: [*answers.values()] for seed, answers in rounds.items() if {*answers} == {*asked}}


def _note_round(run: RunDirectory, seed: int, answers: Sequence[Tried]) -> None:
    rows = ({"seed": seed, **asdict(one)} for one in answers)
    append_line(run.tried, "\n".join(json.dumps(row, ensure_ascii=False) for row in rows))


def _ids(dataset: Dataset, tasks: Sequence[str]) -> list[str]:
    pairs = zip(dataset.ids(SPLIT), dataset.column("task", SPLIT), strict=True)
    return [name for name, task in pairs if not tasks or task in tasks]


def _spread(ids: Sequence[str], count: int) -> list[str]:
    """So many ids, or all there are, evenly spread: tasks may stand one after the other."""
    count = min(count, len(ids))
    return [ids[place * len(ids) // count] for place in range(count)]


def _backend(model: Path, device: Device, recipe: VlmRecipe) -> ChatBackend:
    place = Placement("cpu" if device == "cpu" else "cuda:0", DTYPES[recipe.model.dtype])
    return LocalBackend(model, place, limits=limits_of(recipe))


def _samplings(recipe: VlmRecipe) -> Iterator[Sampling]:
    """One for each completion of a prompt: a batch is drawn from its seed alone."""
    grpo = recipe.grpo
    for number in range(recipe.preflight.generations):
        seed = recipe.train.seed + number
        yield Sampling(grpo.temperature, grpo.max_completion, seed, grpo.top_p)


def _tried(
    dataset: Dataset,
    ids: Sequence[str],
    backend: ChatBackend,
    sampling: Sampling,
    recipe: VlmRecipe,
) -> Iterator[Tried]:
    for result in backend.complete(list(questions(dataset, ids)), sampling):
        row = dataset.row(result.id, ["task", "answer", "instance"])
        yield _judged(result, row, recipe)


def _judged(result: ChatResult, row: Mapping[str, Any], recipe: VlmRecipe) -> Tried:
    is_truncated = result.finish_reason == "length"
    columns = {
        "vtb_id": [result.id],
        "vtb_instance": [row["instance"]],
        "solution": [row["answer"]],
        "is_truncated": [is_truncated and not recipe.grpo.overlong_filter],
    }
    weights = weights_of(recipe.reward)
    rewards = {name: REWARDS[name]([result.text], **columns)[0] for name in weights}
    (parts,) = parts_of([result.text], columns)
    return Tried(
        result.id,
        row["task"],
        result.text,
        sum(weights[name] * value for name, value in rewards.items()),
        parts.verdict.passed,
        parts.status,
        is_truncated,
    )
