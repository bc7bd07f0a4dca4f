"""Folders of tasks: every test pair once, and errors that name what is wrong."""

import json
from pathlib import Path

import pytest

from generators.arc.config import ArcConfig, ArcStyle
from generators.arc.reader import read_puzzles
from generators.arc.task import ArcTask
from vtb.core.errors import UnreadableError, UsageError, VtbError
from vtb.core.generator import Sampler
from vtb.core.splits import SplitRule

ARC = ArcTask()


def drawn(config, count, attempt=0, seed=0):
    sampler = Sampler(ARC, config, ArcStyle(), seed)
    return [sampler.draw(index, attempt) for index in range(count)]


def test_every_test_pair_is_a_puzzle_in_order_of_files(write, task):
    folder = write({"b": task(1, tests=2), "a/z": task(2), "c": task(3, tests=3)})
    puzzles = read_puzzles(folder, None)
    where = [(p["task_id"], p["test_index"]) for p in puzzles]
    assert where == [("z", 0), ("b", 0), ("b", 1), ("c", 0), ("c", 1), ("c", 2)]
    assert puzzles[2]["test_output"] == task(1, tests=2)["test"][1]["output"]
    assert puzzles[2]["train"] == task(1, tests=2)["train"]
    only = read_puzzles(folder, 1)
    assert [(p["task_id"], p["test_index"]) for p in only] == [("b", 1), ("c", 1)]


def test_capacity_counts_distinct_pairs_and_as_many_draws_find_all(write, task):
    folder = write({"a": task(1, tests=2), "b": task(2), "again": task(1, tests=2)})
    config = ArcConfig(input=folder)
    assert ARC.capacity(config) == 3
    for seed in (0, 1):
        assert len({i.fingerprint for i in drawn(config, 3, seed=seed)}) == 3
    assert ARC.capacity(ArcConfig(input=folder, test_index=1)) == 1


def test_further_attempts_reach_every_pair(write, task):
    config = ArcConfig(input=write({f"{n}": task(n) for n in range(7)}))
    sampler = Sampler(ARC, config, ArcStyle(), 0)
    assert len({sampler.draw(2, attempt).fingerprint for attempt in range(7)}) == 7


def test_one_task_is_in_one_split(write, task):
    config = ArcConfig(input=write({f"{n}": task(n, tests=2) for n in range(20)}))
    rule = SplitRule(test=500, validation=0)
    splits = {}
    for instance in drawn(config, 40):
        splits.setdefault(instance.data["task_id"], set()).add(rule.of(instance.canonical))
    assert {len(found) for found in splits.values()} == {1}
    assert len(set.union(*splits.values())) == 2


def test_a_changed_file_is_read_again(write, task):
    folder = write({"a": task(1)})
    before = read_puzzles(folder, None)
    write({"a": task(2, tests=2)})
    after = read_puzzles(folder, None)
    assert len(before) == 1 and len(after) == 2


def test_stored_configurations_need_no_folder(tmp_path):
    config = ArcConfig(input=str(tmp_path / "gone"))
    assert ARC.capacity(config) is None
    with pytest.raises(UsageError) as error:
        drawn(config, 1)
    assert "gone" in error.value.fact and "--input" in error.value.hint


def test_a_folder_without_tasks_is_refused(tmp_path, write, task):
    with pytest.raises(UsageError, match=r"no \*\.json"):
        read_puzzles(str(tmp_path), None)
    with pytest.raises(UsageError, match="no task has a test pair 4"):
        read_puzzles(write({"a": task(1)}), 4)


def test_a_dangling_link_is_named(write, task, tmp_path):
    folder = write({"a": task(1)})
    (tmp_path / "lost.json").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UnreadableError, match=r"lost\.json"):
        read_puzzles(folder, None)


def spoiled(task, change):
    task = json.loads(json.dumps(task))
    change(task)
    return task


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.pop("test"), "`test` is missing or empty"),
        (lambda t: t["train"].clear(), "`train` is missing or empty"),
        (lambda t: t["test"][0].pop("output"), "`test` 0, output: missing or empty"),
        (lambda t: t["train"][1]["input"][0].append(1), "different lengths"),
        (lambda t: t["train"][1]["input"][0].__setitem__(1, 10), "10 is no colour"),
        (lambda t: t["train"][0]["output"][2].__setitem__(1, True), "true is no colour"),
        (lambda t: t["train"][0]["output"][2].__setitem__(1, "3"), '"3" is no colour'),
        (lambda t: t["train"][0].update(output=[]), "missing or empty"),
        (lambda t: t["train"][0].update(output=[[]]), "no lists of numbers"),
        (lambda t: t["train"][0].update(output=[[0] * 31]), "1x31 cells"),
        (lambda t: t["test"].__setitem__(0, 7), "`test` 0, input: missing or empty"),
    ],
)
def test_a_malformed_task_is_named(write, task, change, says):
    folder = write({"good": task(1), "bad": spoiled(task(2), change)})
    with pytest.raises(UnreadableError) as error:
        read_puzzles(folder, None)
    assert str(Path(folder, "bad.json")) in error.value.message
    assert says in error.value.fact
    assert "\n" not in str(error.value) and error.value.hint


@pytest.mark.parametrize("content", ["", "{", "[1]", "null", "[" * 100_000, "\x00"])
def test_what_is_no_task_at_all_is_named(write, content):
    with pytest.raises(VtbError) as error:
        read_puzzles(write({"bad": content}), None)
    assert "bad.json" in str(error.value) and "\n" not in str(error.value)
