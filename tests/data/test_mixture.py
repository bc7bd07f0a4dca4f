import json

import pytest

from vtb.core.errors import UsageError
from vtb.core.frames import FramePlan
from vtb.core.splits import SplitRule
from vtb.data.build import build
from vtb.data.export import export
from vtb.data.mixture import read_mixture
from vtb.data.overlap import overlap
from vtb.data.request import Request
from vtb.data.shards import read_manifest
from vtb.data.stat import stat
from vtb.data.store import open_dataset
from vtb.data.verify import verify
from vtb.data.view import write_view

MIXED = """
[[task]]
generator = "maze-square"
count = 300
config = { rows = 7, cols = 7 }
style = { cell = 16 }
difficulty = { path_rooms = [3, 5] }

[[task]]
generator = "eyeballing-midpoint"
count = 200
config = { canvas = [256, 256] }
style = "paper"

[[task]]
generator = "maze-square"
count = 100
config = { rows = 5, cols = 5 }
style = { cell = 16 }
"""


@pytest.fixture
def read(tmp_path):
    def write_and_read(text):
        path = tmp_path / "mix.toml"
        path.write_text(text)
        return read_mixture(path)

    return write_and_read


def test_entries_become_choices(read):
    mixture = read(MIXED)
    assert mixture.count == 600
    assert [choice.share for choice in mixture.choices] == [3, 2, 1]
    maze, point, _ = mixture.choices
    assert maze.config == {"rows": 7, "cols": 7} and maze.style == {"cell": 16}
    assert maze.difficulty == {"path_rooms": (3, 5)}
    assert point.style["ink"] == [28, 44, 92]


def test_own_values_win_over_the_preset(read):
    text = """
    [[task]]
    generator = "maze-square"
    count = 1
    preset = "videothinkbench"
    config = { algorithm = "prim" }
    style = { cell = 8 }
    """
    (choice,) = read(text).choices
    assert choice.config == {"algorithm": "prim", "endpoints": "corners"}
    assert choice.style["cell"] == 8 and choice.style["ids"] == [0, 0, 255]
    assert choice.note.startswith("preset videothinkbench:")


SQUARE = '[[task]]\ngenerator = "maze-square"\ncount = 1\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", ["mix.toml", "`task`"]),
        ("task = []", ["mix.toml", "`task`"]),
        ("[[task]", ["mix.toml", "no readable mixture"]),
        ("[[tasks]]\n" + SQUARE, ["unknown key `tasks`", "mix.toml", "`task`"]),
        (SQUARE.replace("count = 1", ""), ["task 1", "`count` is missing"]),
        (SQUARE.replace("count = 1", "count = 0"), ["task 1", "`count` = 0"]),
        (SQUARE.replace("count", "cuont"), ["task 1", "`cuont`", "`count`"]),
        (SQUARE.replace("square", "sqare"), ["task 1", "`maze-sqare`", "`maze-square`"]),
        (SQUARE + SQUARE + 'style = "papr"', ["task 2", "`papr`", "`paper`"]),
        (SQUARE + 'preset = "vtb"', ["task 1", "`vtb`", "videothinkbench"]),
        (SQUARE + "config = { row = 9 }", ["task 1", "`row`", "`rows`"]),
        (SQUARE + "config = { rows = 8 }", ["task 1", "is even"]),
        (SQUARE + "style = { cel = 9 }", ["task 1", "`cel`", "`cell`"]),
        (SQUARE + "difficulty = { path_cell = [1, 2] }", ["`path_cell`", "`path_cells`"]),
        (SQUARE + "difficulty = { turns = [3, 2] }", ["task 1", "difficulty.turns"]),
        (SQUARE + "difficulty = { turns = [3] }", ["task 1", "turns"]),
    ],
)
def test_faults_name_file_entry_and_what_was_meant(read, text, says):
    with pytest.raises(UsageError) as error:
        read(text)
    told = f"{error.value} {error.value.hint}"
    assert all(part in told for part in says), told


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"none\.toml"):
        read_mixture(tmp_path / "none.toml")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Eighteen puzzles of three tasks in all splits, in shards of four plan indices."""
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "mix.toml").write_text(MIXED)
    tasks = [choice.task() for choice in read_mixture(folder / "mix.toml").choices]
    rule = SplitRule(test=300, validation=300)
    request = Request(tasks, 0, FramePlan.of(17, 16), True, rule=rule)
    build(request, folder / "set", 18, shard_size=4)
    return open_dataset(folder / "set")


def test_all_shards_have_the_same_columns(mixed):
    import pyarrow.parquet as pq

    files = [mixed.path / shard.file for shard in read_manifest(mixed.path)]
    assert len(files) > 5
    assert len({pq.read_schema(file).remove_metadata().to_string() for file in files}) == 1
    rows = sorted(mixed.rows(), key=lambda row: row["index"])
    assert [row["index"] for row in rows] == list(range(18))
    assert all((row["image_vlm"] is None) == (row["task"] == "midpoint") for row in rows)
    sides = [json.loads(row["instance"])["data"].get("rows") for row in rows]
    assert [sides.count(side) for side in (7, None, 5)] == [9, 6, 3]


def test_verify_passes(mixed):
    report = verify(mixed, limit=8)
    assert report.ok and report.n == 8


def test_stat_counts_labels_where_answers_are_labels(mixed):
    found = stat(mixed)
    assert found["tasks"] == {"maze_square": 12, "midpoint": 6}
    assert list(found["labels"]) == ["midpoint"]
    assert sum(found["labels"]["midpoint"].values()) == 6
    assert {"path_rooms", "gap_px"} <= set(found["difficulty"])


def test_view_overlap_and_every_export_take_it(mixed, tmp_path):
    assert write_view(mixed, tmp_path / "view.html") == 18
    assert overlap(mixed, mixed)["exact"] == 18
    for layout in ("diffsynth-video", "files", "ms-swift", "trl", "vbvr", "videothinkbench"):
        made = export(mixed, layout, tmp_path / layout, split="all", language="zh")
        assert made.count == 18, layout


def test_it_loads(mixed, tmp_path):
    import datasets

    loaded = datasets.load_dataset(str(mixed.path), cache_dir=str(tmp_path))
    assert set(loaded) == {"train", "validation", "test"}
    rows = [row for part in loaded.values() for row in part]
    assert len(rows) == 18
    assert all((row["image_vlm"] is None) == (row["task"] == "midpoint") for row in rows)
