import json
from collections.abc import Sequence

import numpy as np
import pytest
from typer.testing import CliRunner

from vtb.core import registry
from vtb.core.config import Config
from vtb.core.frames import FramePlan
from vtb.core.generator import Generator
from vtb.core.splits import SPLITS
from vtb.core.types import Content, Option, Picture, Reason, Rendering, Verdict
from vtb.data.audit import audit
from vtb.data.build import build
from vtb.data.overlap import Keys, repeats
from vtb.data.request import REQUEST_NAME, Request, Task
from vtb.data.shards import write_shard
from vtb.data.shortcuts import markdown_table
from vtb.data.stat import stat
from vtb.data.store import Dataset, open_dataset

SIDE = 64


class DotsConfig(Config):
    leak: str = ""


class DotsStyle(Config):
    pass


class Dots(Generator[DotsConfig, DotsStyle]):
    """Four dots of which one is right; `leak` says how that shows."""

    name, family, task = "dots", "dots", "dots"
    summary, version, answer_kind = "", 1, "letter"
    Config, Style = DotsConfig, DotsStyle

    def sample(self, rng, config) -> Content:
        right = rng.below(4)
        points = [[SIDE * rng.random(), SIDE * rng.random()] for _ in range(4)]
        to_centre = [abs(complex(*p) - complex(SIDE, SIDE) / 2) for p in points]
        if config.leak in ("nearest_centre", "farthest_centre"):
            best = min if config.leak == "nearest_centre" else max
            right = to_centre.index(best(to_centre))
        if config.leak == "label_B" and rng.random() < 0.5:
            right = 1
        data = {"points": points, "right": right, "noise": config.leak == "file_size" and right}
        return Content(data, "ABCD"[right], {"spread": max(to_centre), "one": 1.0})

    def render(self, instance, style, plan) -> Rendering:
        pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
        rows = 8 * int(instance.data["noise"])
        pixels[:rows] = np.random.default_rng(instance.index).integers(0, 255, (rows, SIDE, 3))
        if instance.config["leak"] == "nearest_ink":
            x, y = (int(value) for value in instance.data["points"][instance.data["right"]])
            pixels[y // 4 * 4, x // 4 * 4] = 255
        return Rendering(Picture(pixels), Picture(pixels), iter(()))

    def check(self, sample, prediction, *, overlay=False) -> Verdict:
        return Verdict(1, True, Reason.OK)

    def capacity(self, config):
        return None

    def answer(self, instance) -> str:
        return str(instance.solution)

    def prompts(self, instance, audience, language) -> str:
        return "which?"

    def options(self, instance) -> Sequence[Option]:
        points = instance.data["points"]
        return [Option(label, *point) for label, point in zip("ABCD", points, strict=True)]


class Words(Dots):
    """The same question without markers, its words in an order that tells or does not."""

    name = task = "words"
    answer_kind = "choice"

    def sample(self, rng, config) -> Content:
        words = ["red", "green", "blue", "grey"]
        rng.shuffle(words)
        right = 0 if config.leak == "always_first" else rng.below(4)
        salt = rng.random()
        data = {"words": words, "salt": salt, "noise": 0}
        return Content(data, words[right], {"salt": salt})

    def options(self, instance) -> Sequence[Option]:
        return [Option(word) for word in instance.data["words"]]


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    load = registry.load
    own = {"dots": Dots(), "words": Words()}
    monkeypatch.setattr(registry, "load", lambda name: own[name] if name in own else load(name))


@pytest.fixture
def made(tmp_path):
    def make(n: int, *tasks: tuple[str, str | None], allow_duplicates: bool = False) -> Dataset:
        request = Request(
            tasks=[
                Task.of(name, {} if leak is None else {"leak": leak}, {}) for name, leak in tasks
            ],
            seed=1,
            plan=FramePlan.of(17, 16),
            video=False,
            allow_duplicates=allow_duplicates,
        )
        build(request, tmp_path / "set", n)
        return open_dataset(tmp_path / "set")

    return make


def faults(found, *, task="dots") -> set[str]:
    """The rules that are named as faults."""
    return {text.split()[1] for text in found["faults"] if text.startswith(f"{task}: ")}


def test_a_fair_dataset_passes(made):
    found = audit(made(240, ("dots", ""), ("words", "")))
    assert found["ok"] and found["faults"] == [] and found["n"] == 240
    dots = found["tasks"]["dots"]
    assert dots["n"] == dots["distinct"] == 120
    assert dots["duplicates"] == dots["near_duplicates"] == dots["split_leaks"] == 0
    assert dots["capacity"] is None and sum(dots["labels"].values()) == 120
    assert dots["label_p"] > 0.001
    spread = dots["difficulty"]["spread"]
    assert len(spread["counts"]) == 10 and sum(spread["counts"]) == 120
    assert 0 < spread["low"] < spread["high"] < SIDE
    numbers = found["heuristics"]["nearest_centre"]
    assert set(numbers) == {"dots"}
    entry = numbers["dots"]
    assert entry["n"] == 120 and entry["chance"] == 0.25
    assert entry["low"] < entry["accuracy"] < entry["high"]
    assert entry["excess"] == pytest.approx(entry["accuracy"] - 0.25)
    assert set(found["heuristics"]["label_red"]) == {"words"}
    json.dumps(found, allow_nan=False)


def test_few_samples_do_not_fail_by_noise(made):
    assert audit(made(5, ("dots", "")))["ok"]


@pytest.mark.parametrize(
    ("leak", "also"),
    [
        ("nearest_centre", {"softmax_regression", "nearest_centroid", "smallest_mean_distance"}),
        ("farthest_centre", {"softmax_regression", "farthest_centroid", "largest_mean_distance"}),
        ("label_B", {"letters", "label_frequency", "softmax_regression", "file_size"}),
        ("file_size", set()),
    ],
)
def test_leaks_of_markers_are_found(made, leak, also):
    found = audit(made(400, ("dots", leak)))
    assert not found["ok"] and leak in faults(found)
    assert faults(found) - {leak} <= also
    assert found["heuristics"][leak]["dots"]["accuracy"] > (0.55 if leak == "label_B" else 0.8)
    assert found["worst"]["task"] == "dots"


def test_ink_is_measured_but_not_limited(made):
    found = audit(made(200, ("dots", "nearest_ink")))
    ink = found["heuristics"]["nearest_ink"]["dots"]
    assert ink["accuracy"] > 0.9 and not ink["limited"]
    assert found["ok"] and found["worst"]["heuristic"] != "nearest_ink"


def test_unequal_letters_fail_and_unequal_words_do_not(made, monkeypatch):
    monkeypatch.setattr("vtb.data.audit.MIN_LABEL_P", 1.0)
    found = audit(made(200, ("dots", ""), ("words", "")))
    assert len(found["faults"]) == 1 and found["faults"][0].startswith("dots: letters")


def test_only_the_leaking_task_of_several_fails(made):
    found = audit(made(400, ("dots", ""), ("words", "always_first")))
    assert faults(found, task="words") == {"always_first"} and faults(found) == set()
    assert found["worst"]["heuristic"] == "always_first" and found["worst"]["accuracy"] == 1


def test_the_limit_can_be_moved(made):
    dataset = made(400, ("dots", "label_B"))
    strict, lax = audit(dataset, 0.1), audit(dataset, 0.5)
    assert "label_B" in faults(strict)
    assert faults(lax) == {"letters"}
    assert strict["heuristics"] == lax["heuristics"]


def test_repeats_and_leaks_between_splits():
    def key(split: str, exact: str, symmetric: str, solution: str | None = None) -> Keys:
        return Keys("id", "dots", split, exact, symmetric, solution)

    found = repeats(
        [
            key("train", "a", "A", "left"),
            key("train", "a", "A", "left"),  # a duplicate
            key("train", "b", "A"),  # a near-duplicate
            key("test", "c", "C", "left"),  # a solution of train
            key("test", "d", "D", "right"),
            key("validation", "e", "D"),  # a near-duplicate in another split
        ]
    )
    assert found == {
        "n": 6,
        "distinct": 5,
        "duplicates": 1,
        "near_duplicates": 2,
        "split_leaks": 1,
        "shared_solutions": 1,
    }


def test_a_row_copied_into_another_split(made):
    dataset = made(60, ("dots", ""))
    row = next(dataset.rows("train"))
    row["id"] += "-again"
    write_shard(dataset.path, "test", 900, 900, [row | {"split": "test"}])
    found = audit(open_dataset(dataset.path))
    assert found["tasks"]["dots"]["split_leaks"] == found["tasks"]["dots"]["duplicates"] == 1
    assert found["faults"] == ["dots: 1 puzzles stand in more than one split", "dots: 1 duplicates"]


def test_duplicates_may_be_asked_for(made):
    dataset = made(60, ("dots", ""), allow_duplicates=True)
    row = next(dataset.rows("train"))
    write_shard(dataset.path, "train", 900, 900, [row])
    assert audit(open_dataset(dataset.path))["ok"]
    record = dataset.path / REQUEST_NAME
    record.write_text(
        record.read_text().replace('"allow_duplicates": true', '"allow_duplicates": false')
    )
    assert audit(open_dataset(dataset.path))["faults"] == ["dots: 1 duplicates"]


def test_answers_beside_the_options_and_beyond_capacity(made, monkeypatch):
    dataset = made(30, ("dots", ""))
    row = next(dataset.rows("train"))
    write_shard(dataset.path, "train", 900, 900, [row | {"answer": "Z"}])
    monkeypatch.setattr(Dots, "capacity", lambda self, config: 29)
    found = audit(open_dataset(dataset.path))
    assert found["tasks"]["dots"]["strays"] == 1 and found["tasks"]["dots"]["capacity"] == 29
    assert "dots: 30 distinct puzzles, but 29 exist" in found["faults"]
    assert "dots: 1 answers are not among their options" in found["faults"]
    assert found["heuristics"]["always_first"]["dots"]["n"] == 30


def test_open_questions_have_no_shortcuts(tmp_path, request_of):
    build(request_of(), tmp_path / "mazes", 120)
    found = audit(open_dataset(tmp_path / "mazes"))
    assert found["ok"] and found["heuristics"] == {} and found["worst"] is None
    maze = found["tasks"]["maze_square"]
    assert maze["labels"] == {} and maze["label_p"] is None and maze["capacity"] == 5376
    assert sum(maze["difficulty"]["path_rooms"]["counts"]) == 120
    dataset = open_dataset(tmp_path / "mazes")
    trained = set(dataset.column("answer", "train"))
    held_out = [answer for split in SPLITS[1:] for answer in dataset.column("answer", split)]
    assert maze["shared_solutions"] == sum(answer in trained for answer in held_out)
    assert markdown_table(found) == ""


def test_labels_of_a_mixed_dataset(made):
    counted = stat(made(40, ("maze-square", None), ("dots", "")))["labels"]
    assert set(counted) == {"dots"} and sum(counted["dots"].values()) == 20


def test_markdown_table(made):
    table = markdown_table(audit(made(400, ("dots", "nearest_centre"), ("words", ""))))
    head, rule, dots, words = table.splitlines()
    assert head.count("|") == rule.count("|") == dots.count("|") == words.count("|")
    assert "| `dots` |" in dots and "`nearest_centre`" in dots and "100.0" in dots
    assert "nearest_ink" not in table


@pytest.mark.parametrize(("leak", "code"), [("", 0), ("nearest_centre", 3)])
def test_command(made, leak, code):
    from vtb.cli.data import app

    path = str(made(200, ("dots", leak)).path)
    ran = CliRunner().invoke(app, ["audit", path])
    assert ran.exit_code == code, ran.output
    assert ran.stdout.startswith("FAILED" if code else "ok: 200 samples")
    assert "nearest_centre" in ran.stdout or not leak
    assert "Next:" in ran.stderr
    as_json = CliRunner().invoke(app, ["audit", path, "--json"])
    assert as_json.exit_code == code
    found = json.loads(as_json.stdout)
    assert found["schema"] == "vtb.data.audit/1"
    assert {"n", "heuristics", "worst"} <= set(found)
    assert CliRunner().invoke(app, ["audit", path, "--fail-above", "0.9"]).exit_code == 0
