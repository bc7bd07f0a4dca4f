import json
from dataclasses import replace

from vtb.core.types import Reason, Verdict
from vtb.eval.scores import Target, append_score, keep_valid, score_of

TARGETS = [
    Target(f"s{i}", "maze", "maze", "maze@1+1", f"drawing{i}", f"sha{i}", 0.0) for i in range(4)
]


def stored(path, targets):
    for target in targets:
        verdict = Verdict(1.0, True, Reason.OK, {"psnr": float("inf"), "cells": [1, 2]})
        append_score(path, score_of(target, "video", verdict, False))


def test_scores_are_kept_and_come_back(tmp_path):
    path = tmp_path / "scores.jsonl"
    stored(path, TARGETS)
    before = path.read_bytes()
    kept = keep_valid(path, TARGETS)
    assert list(kept) == ["s0", "s1", "s2", "s3"]
    assert kept["s1"].passed and kept["s1"].details == {"psnr": None, "cells": [1, 2]}
    assert path.read_bytes() == before


def test_only_what_changed_is_dropped(tmp_path):
    path = tmp_path / "scores.jsonl"
    stored(path, TARGETS)
    now = [
        replace(TARGETS[0], sha256="another prediction"),
        replace(TARGETS[1], evaluator="maze@2+1"),
        replace(TARGETS[2], drawing="another style"),
        TARGETS[3],
    ]
    assert list(keep_valid(path, now)) == ["s3"]
    assert [json.loads(line)["sample_id"] for line in path.read_text().splitlines()] == ["s3"]


def test_scores_of_samples_outside_the_limit_stay(tmp_path):
    path = tmp_path / "scores.jsonl"
    stored(path, TARGETS)
    assert list(keep_valid(path, TARGETS[:1])) == ["s0"]
    assert len(path.read_text().splitlines()) == 4


def test_torn_and_double_lines_are_mended(tmp_path):
    path = tmp_path / "scores.jsonl"
    stored(path, [*TARGETS, TARGETS[0]])
    with path.open("a") as file:
        file.write('{"sample_id": "s1", "eval')
    assert list(keep_valid(path, TARGETS)) == ["s0", "s1", "s2", "s3"]
    stored(path, [replace(TARGETS[0], sample_id="s4")])
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["sample_id"] for row in rows] == ["s0", "s1", "s2", "s3", "s4"]
