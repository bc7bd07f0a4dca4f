"""Samples of which only the answer is known, because their puzzle could not be read.

A text can be judged by it where the right answer is the only one; a picture cannot, and is unscored
rather than wrong.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from vtb.core.answers import parse_choice, parse_grid, parse_letter
from vtb.core.generator import Generator
from vtb.core.splits import fingerprint
from vtb.core.types import Instance, Json, Prediction, Reason, Sample, Verdict

_FAULT = "unreadable"
_OPTIONS = "options"


def answer_only(generator: Generator[Any, Any], fields: Mapping[str, Json], fault: str) -> Instance:
    """An Instance that stands for a VideoThinkBench record whose puzzle is unknown.

    `fault` says why. Its fingerprint is that of the record.
    """
    answer = recorded_answer(fields)
    options = fields.get("options")
    offered = options if isinstance(options, list) and options else [answer]
    digest = fingerprint(json.dumps([generator.task, fields], sort_keys=True).encode())
    return Instance(
        generator=generator.name,
        version=generator.version,
        task=generator.task,
        config={},
        seed=0,
        index=0,
        data={_FAULT: fault, _OPTIONS: [str(option).lower() for option in offered]},
        solution=answer,
        difficulty={},
        fingerprint=digest,
        canonical=digest,
        style={},
    )


def recorded_answer(fields: Mapping[str, Json]) -> str:
    """The answer that a record of `data.json` gives, as text; "" when it gives none."""
    if "solution_path_cell_ids" in fields:
        return json.dumps(fields["solution_path_cell_ids"])
    for key in ("correct_option", "answer"):
        if fields.get(key):
            return str(fields[key])
    sentence = str(fields.get("ti2t_answer") or "")
    return sentence.strip().removeprefix("Answer:").strip().removesuffix(".")


def unreadable(instance: Instance) -> str | None:
    """Why only the answer of an Instance is known; None for any other Instance."""
    return instance.data.get(_FAULT)


def check_answer_only(sample: Sample, prediction: Prediction, answer_kind: str) -> Verdict:
    """The verdict on a text; unscored for a picture, and where several answers may be right."""
    from vtb.media.judge import judge_answer

    instance = sample.instance
    parsers = {
        "letter": parse_letter,
        "choice": partial(parse_choice, options=instance.data[_OPTIONS]),
        "grid": parse_grid,
    }
    parse = parsers.get(answer_kind)
    answer = parse(sample.answer).value if parse and sample.answer else None
    if prediction.kind != "text" or parse is None or answer is None:
        return Verdict(None, False, Reason.UNREADABLE, {"error": unreadable(instance)})
    return judge_answer(prediction, parse, answer)
