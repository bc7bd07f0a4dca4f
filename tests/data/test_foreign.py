import json
from shutil import copytree

import numpy as np
import pytest

from generators.maze.square import SquareMaze
from vtb.core.errors import UnreadableError, UsageError
from vtb.core.generator import Generator
from vtb.core.types import Prediction, Reason
from vtb.data.export import export
from vtb.data.foreign import ForeignSet
from vtb.data.judging import baseline, check
from vtb.data.source import open_source
from vtb.data.store import Dataset

LIST = "tasks/maze_square/data.json"


@pytest.fixture(scope="module")
def written(small, tmp_path_factory):
    root = tmp_path_factory.mktemp("foreign") / "set"
    export(small, "videothinkbench", root, split="all", language="en")
    return root


@pytest.fixture
def folder(written, tmp_path):
    """The folder without manifest, its records without anything that only we write."""
    root = copytree(written, tmp_path / "set")
    (root / "canonical_manifest.jsonl").unlink()
    change(root, lambda record: [record.pop("instance"), record.pop("fingerprint")])
    return root


def change(root, alter):
    records = json.loads((root / LIST).read_text(encoding="utf-8"))
    for record in records:
        alter(record)
    (root / LIST).write_text(json.dumps(records), encoding="utf-8")
    return records


def test_a_dataset_of_ours_stays_one(small):
    source = open_source(small.path)
    assert isinstance(source, Dataset)
    assert sum(source.splits.values()) == source.count() == 12
    assert (source.skipped, source.notes) == ({}, ())


def test_a_folder_we_wrote_gives_back_every_sample(small, written):
    source = open_source(written)
    assert isinstance(source, ForeignSet)
    assert source.ids() == small.ids()
    for found, sample in zip(source.samples(video=True), small.samples(video=True), strict=True):
        assert found.instance == sample.instance
        assert (found.prompts, found.answer) == (sample.prompts, sample.answer)
        assert np.array_equal(found.puzzle, sample.puzzle)
        assert np.array_equal(found.solution, sample.solution)
        assert found.video == sample.video


def test_its_bare_records_give_back_every_fingerprint(small, folder):
    source = open_source(folder)
    for found, sample in zip(source.samples(), small.samples(), strict=True):
        assert found.instance.fingerprint == sample.instance.fingerprint
        assert found.instance.canonical == sample.instance.canonical
        assert (found.instance.generator, found.answer) == ("maze-square", sample.answer)
        truth = Prediction(found.id, "image", content=found.solution)
        assert check(found, truth).passed
        assert check(found, Prediction(found.id, "image", content=found.puzzle)).passed is False


def test_all_samples_count_as_test(folder):
    source = open_source(folder)
    assert source.splits == {"test": 12}
    assert source.ids("test") == source.ids("all") == source.ids()
    assert source.ids("train") == list(source.samples("validation")) == []
    assert source.ids("test", 3) == source.ids()[:3]
    assert source.buckets("test") == range(1000)
    assert source.notes == ("`set` has no splits: all its 12 samples count as `test`",)
    with pytest.raises(UsageError, match="`tset`"):
        source.ids("tset")
    with pytest.raises(UsageError, match="no sample `x`"):
        source.sample("x")


def test_the_hash_tells_records_and_pictures_apart_but_not_places(folder, tmp_path):
    before = open_source(folder).manifest_hash
    moved = folder.rename(tmp_path / "moved")
    assert open_source(moved).manifest_hash == before
    change(moved, lambda record: record.update(note="new"))
    altered = open_source(moved).manifest_hash
    assert altered != before
    next((moved / "tasks/maze_square/puzzles").iterdir()).write_bytes(b"other")
    assert open_source(moved).manifest_hash not in (before, altered)


def test_unknown_tasks_and_repeated_ids_are_counted(folder):
    records = json.loads((folder / LIST).read_text(encoding="utf-8"))
    others = [
        {**records[0], "task_type": "text_math"},
        records[1],
        {**records[2], "id": "new", "instance": {"generator": "maze-cube"}},
    ]
    (folder / LIST).write_text(json.dumps([*records, *others]), encoding="utf-8")
    source = open_source(folder)
    assert len(source.ids()) == 12
    assert source.skipped == {
        "unknown task text_math": 1,
        "repeated id": 1,
        "unknown task maze_square": 1,
    }
    assert "unknown task text_math (1), repeated id (1)" in source.notes[1]


def test_a_folder_of_unknown_tasks_alone_is_an_error(folder):
    change(folder, lambda record: record.update(task_type="text_math"))
    with pytest.raises(UnreadableError, match=r"no sample .*unknown task text_math \(12\)"):
        open_source(folder)
    with pytest.raises(UnreadableError, match="no dataset"):
        open_source(folder / "tasks" / "maze_square" / "puzzles")


def test_an_instance_of_another_form_is_an_error_and_a_foreign_key_is_none(folder, small):
    change(folder, lambda record: record.update(instance="i-123"))
    first = next(open_source(folder).samples())
    assert first.instance.fingerprint == next(small.samples()).instance.fingerprint
    change(folder, lambda record: record.update(instance={"generator": "maze-square"}))
    with pytest.raises(UnreadableError, match="instance of another form"):
        next(open_source(folder).samples())


def test_a_prompt_that_is_switched_off_is_absent(folder):
    change(folder, lambda record: record.update(ti2i_prompt=None))
    assert set(next(open_source(folder).samples()).prompts) == {"video", "vlm"}


@pytest.fixture
def unreadable(folder, monkeypatch):
    """The samples of a task whose generator cannot read records, by kind of answer."""

    def make(kind, **fields):
        monkeypatch.setattr(SquareMaze, "from_videothinkbench", Generator.from_videothinkbench)
        monkeypatch.setattr(SquareMaze, "answer_kind", kind)

        def alter(record):
            del record["solution_path_cell_ids"]
            record.update(fields)

        change(folder, alter)
        return next(open_source(folder).samples())

    return make


def said(sample, text):
    return check(sample, Prediction(sample.id, "text", text=f"<answer>{text}</answer>"))


@pytest.mark.parametrize(
    ("kind", "fields", "right", "wrong", "reason"),
    [
        ("letter", {"correct_option": "C"}, "c", "D", Reason.WRONG_ANSWER),
        ("choice", {"answer": "light blue"}, "Light blue", "blue", Reason.NO_ANSWER),
        (
            "choice",
            {"answer": "Red", "options": ["Red", "Blue"]},
            "red",
            "blue",
            Reason.WRONG_ANSWER,
        ),
        ("choice", {"ti2t_answer": "Answer: red."}, "red", "red or blue", Reason.NO_ANSWER),
        ("grid", {"answer": "[[1, 2]]"}, "[[1,2]]", "[[2, 1]]", Reason.WRONG_ANSWER),
    ],
)
def test_of_an_unread_puzzle_only_a_text_is_judged(unreadable, kind, fields, right, wrong, reason):
    sample = unreadable(kind, **fields)
    assert said(sample, right).passed
    assert said(sample, wrong).reason == reason and not said(sample, wrong).passed
    picture = check(sample, Prediction(sample.id, "image", content=sample.solution))
    assert picture.score is None and "cannot be read" in picture.details["error"]


def test_an_unread_maze_is_unscored_because_other_paths_may_be_right(unreadable):
    sample = unreadable("int_list", solution_path_cell_ids=[1, 2])
    assert sample.answer == "[1, 2]"
    assert said(sample, "[1, 2]").score is None


@pytest.mark.parametrize("kind", ["letter", "choice", "grid"])
def test_without_any_answer_nothing_is_scored(unreadable, kind):
    sample = unreadable(kind, ti2t_answer=None)
    assert said(sample, "A").score is said(sample, "").score is None


@pytest.mark.parametrize(
    ("task_type", "extra", "generator"),
    [
        ("point_reflection", {}, "eyeballing-reflection"),
        ("midpoint", {}, "eyeballing-midpoint"),
        ("arc_connect", {"point_radius": 10}, "eyeballing-arc-connect-point-ver"),
        ("arc_connect", {}, "eyeballing-arc-connect"),
        ("ray", {}, "eyeballing-ray"),
        ("size_grid", {}, "visual-size-grid"),
    ],
)
def test_tasks_are_found_by_the_names_of_the_benchmark(folder, task_type, extra, generator):
    options = [{"x": 9.0, "y": 9.0 * n, "label": label} for n, label in enumerate("ABCDE")]
    record = {"task_type": task_type, "candidates": options, "correct_option": "B", **extra}
    change(folder, lambda fields: fields.update(record))
    sample = next(open_source(folder).samples())
    assert sample.instance.generator == generator


def test_an_unread_puzzle_has_no_baseline_of_its_family(unreadable):
    assert baseline("straight", unreadable("letter", correct_option="C"), 0) is None
