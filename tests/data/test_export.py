import csv
import json
import re

import pytest
from typer.main import get_command

from generators.maze.square import SquareMaze
from vtb.cli.data import app
from vtb.core.errors import ConflictError, UnreadableError, UsageError
from vtb.core.frames import FramePlan
from vtb.data.build import build
from vtb.data.export import LAYOUTS, export
from vtb.data.request import Request, Task
from vtb.data.shards import write_shard
from vtb.data.store import open_dataset
from vtb.models.qwen3_vl.clips import ClipLimits

AWKWARD = "Draw \"the way\", then wait,\nthen stop; 迷宫 'here'"


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    out = tmp_path_factory.mktemp("rows") / "mazes"
    task = Task.of("maze-square", {"rows": 5, "cols": 7}, {"cell": 16})
    build(Request([task], seed=0, plan=FramePlan.of(17, 16), video=True), out, 4)
    return list(open_dataset(out).rows())


@pytest.fixture
def dataset_of(tmp_path):
    def make(rows):
        write_shard(tmp_path / "data", "train", 0, len(rows) - 1, rows)
        return open_dataset(tmp_path / "data")

    return make


def table(root):
    with (root / "metadata.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def tree(root):
    return {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_prompts_survive_quotes_commas_and_newlines(rows, dataset_of, tmp_path):
    dataset = dataset_of([rows[0] | {"prompt": AWKWARD}, rows[1]])
    result = export(dataset, "diffsynth-video", tmp_path / "out", split="train", language="en")
    assert [line["prompt"] for line in table(tmp_path / "out")] == [AWKWARD, rows[1]["prompt"]]
    assert (result.count, result.made, result.skipped) == (2, 2, {})
    assert result.files == 2 * 3 + 1


def test_chinese_prompts_come_from_the_generator(rows, dataset_of, tmp_path):
    export(dataset_of(rows), "vbvr", tmp_path / "out", split="all", language="zh")
    for row in rows:
        text = (tmp_path / "out" / row["id"] / "prompt.txt").read_text(encoding="utf-8")
        assert "迷宫" in text and "maze" not in text


@pytest.mark.parametrize("layout", ["diffsynth-video", "vbvr"])
def test_samples_without_a_clip_are_counted(rows, dataset_of, tmp_path, layout):
    dataset = dataset_of([rows[0], rows[1] | {"video": None}, rows[2] | {"video": None}])
    result = export(dataset, layout, tmp_path / "out", split="all", language="en")
    assert (result.count, result.skipped) == (1, {"no_video": 2})
    record = json.loads((tmp_path / "out" / "export.json").read_text())
    assert (record["count"], record["skipped"]) == (1, {"no_video": 2})


def test_videothinkbench_takes_samples_without_a_clip(rows, dataset_of, tmp_path):
    dataset = dataset_of([row | {"video": None, "image_vlm": None} for row in rows])
    result = export(dataset, "videothinkbench", tmp_path / "out", split="all", language="en")
    assert (result.count, result.skipped) == (4, {})
    data = json.loads((tmp_path / "out" / "tasks" / "maze_square" / "data.json").read_text())
    assert data[0]["solution_video_path"] is None and data[0]["video_fps"] is None
    assert data[0]["reasoning_image"] == data[0]["image"]


def test_clips_as_frames_for_ms_swift(rows, dataset_of, tmp_path):
    plain = {"image_vlm": None}
    dataset = dataset_of([rows[0] | plain, rows[1], rows[2] | {"video": None} | plain])
    options = {"split": "all", "language": "en"}
    result = export(dataset, "ms-swift-video", tmp_path / "out", **options)
    # Clips of mazes have no numbers to name cells by.
    assert (result.count, result.skipped) == (1, {"unlabelled_clip": 1, "no_video": 1})
    line = json.loads((tmp_path / "out" / "train_sft.jsonl").read_text())
    assert line["messages"][0]["content"] == f"<video>{rows[0]['prompt_vlm']}"
    [frames] = line["videos"]
    assert frames == [f"frames/{rows[0]['id']}/{place:03}.png" for place in range(3)]
    assert all((tmp_path / "out" / frame).is_file() for frame in frames)
    assert "images" not in line
    short = ClipLimits(max_frames=2)
    with pytest.raises(UnreadableError, match="too_long_clip: 1"):
        export(dataset, "ms-swift-video", tmp_path / "none", clips=short, **options)
    with pytest.raises(ConflictError, match="clips"):
        export(dataset, "ms-swift-video", tmp_path / "out", clips=ClipLimits(fps=1), **options)


def test_chosen_samples_alone_are_exported(rows, dataset_of, tmp_path):
    dataset, chosen = dataset_of(rows), {rows[1]["id"], rows[3]["id"]}
    out, options = tmp_path / "out", {"split": "all", "language": "en"}
    result = export(dataset, "vbvr", out, ids=chosen, **options)
    assert (result.count, result.skipped) == (2, {"other_id": 2})
    assert {path.name for path in out.iterdir() if path.is_dir()} == chosen
    assert export(dataset, "vbvr", out, ids=chosen, **options).made == 0
    with pytest.raises(ConflictError, match="ids"):
        export(dataset, "vbvr", out, **options)
    with pytest.raises(UnreadableError, match="other_id: 4"):
        export(dataset, "vbvr", tmp_path / "none", ids=(), **options)


def test_a_layout_that_can_hold_nothing_leaves_nothing(rows, dataset_of, tmp_path, monkeypatch):
    dataset = dataset_of([row | {"video": None} for row in rows])
    with pytest.raises(UnreadableError, match="no_video: 4") as caught:
        export(dataset, "vbvr", tmp_path / "out", split="all", language="en")
    assert "--video" in caught.value.hint
    monkeypatch.setattr(SquareMaze, "family", "physics")
    with pytest.raises(UnreadableError, match="foreign_task_group: 4"):
        export(dataset, "videothinkbench", tmp_path / "out", split="all", language="en")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_the_same_export_again_is_complete_and_another_one_a_conflict(rows, dataset_of, tmp_path):
    dataset, out = dataset_of(rows), tmp_path / "out"
    first = export(dataset, "vbvr", out, split="all", language="en")
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    again = export(dataset, "vbvr", out, split="all", language="en")
    assert (again.count, again.files, again.made) == (first.count, first.files, 0)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    with pytest.raises(ConflictError, match="language is 'en' there, 'zh' now"):
        export(dataset, "vbvr", out, split="all", language="zh")
    replaced = export(dataset, "diffsynth-video", out, split="all", language="en", force=True)
    assert replaced.made == 4 and len(table(out)) == 4
    assert not (out / rows[0]["id"]).exists()


def test_a_grown_dataset_is_another_export(rows, dataset_of, tmp_path):
    export(dataset_of(rows[:2]), "vbvr", tmp_path / "out", split="all", language="en")
    write_shard(tmp_path / "data", "train", 2, 3, rows[2:])
    grown = open_dataset(tmp_path / "data")
    with pytest.raises(ConflictError, match="dataset is"):
        export(grown, "vbvr", tmp_path / "out", split="all", language="en")


def test_foreign_directories_are_never_replaced(rows, dataset_of, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for target in (tmp_path / "mine", tmp_path / "mine" / "thesis.txt"):
        with pytest.raises(ConflictError, match="no export"):
            export(dataset_of(rows), "vbvr", target, split="all", language="en", force=True)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_exports_are_deterministic_and_name_no_place(rows, dataset_of, tmp_path, layout):
    plain = {"image_vlm": None} if layout == "ms-swift-video" else {}
    dataset = dataset_of([row | plain for row in rows])
    for name in ("a", "b"):
        export(dataset, layout, tmp_path / name, split="all", language="zh")
    files = tree(tmp_path / "a")
    assert files == tree(tmp_path / "b")
    assert not any(str(tmp_path).encode() in content for content in files.values())


def test_the_help_names_every_layout():
    option = next(p for p in get_command(app).commands["export"].params if p.name == "to")
    assert re.findall(r"[\w-]+", option.help.replace(" or ", " ")) == sorted(LAYOUTS)


def test_wrong_requests_are_usage_errors_with_a_suggestion(rows, dataset_of, tmp_path):
    dataset, out = dataset_of(rows), tmp_path / "out"
    with pytest.raises(UsageError, match="diffsynth-vido") as caught:
        export(dataset, "diffsynth-vido", out, split="all", language="en")
    assert "`diffsynth-video`" in caught.value.hint
    with pytest.raises(UsageError, match="prompt language `de`"):
        export(dataset, "vbvr", out, split="all", language="de")
    with pytest.raises(UsageError, match="no `test` samples") as caught:
        export(dataset, "vbvr", out, split="test", language="en")
    assert caught.value.hint == "--split train"
    with pytest.raises(UsageError, match="unknown split"):
        export(dataset, "vbvr", out, split="tset", language="en")


@pytest.mark.parametrize("name", ["../escape", "a/b", "Ä", ""])
def test_sample_ids_cannot_form_paths(rows, dataset_of, tmp_path, name):
    with pytest.raises(UnreadableError, match="no name for a file"):
        export(
            dataset_of([rows[0] | {"id": name}]),
            "vbvr",
            tmp_path / "out",
            split="all",
            language="en",
        )
    assert not (tmp_path / "out").exists()
