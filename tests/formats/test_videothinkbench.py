import json
from io import BytesIO
from itertools import pairwise

import av
import numpy as np
import pytest
from PIL import Image

from generators.maze.square import SquareMaze
from vtb.core.errors import UnreadableError
from vtb.core.splits import fingerprint
from vtb.data.export import export
from vtb.formats import videothinkbench

MANIFEST = "canonical_manifest.jsonl"


@pytest.fixture(scope="module")
def root(mazes, tmp_path_factory):
    made = tmp_path_factory.mktemp("videothinkbench") / "made"
    export(mazes, "videothinkbench", made, split="all", language="en")
    return made.rename(made.with_name("moved"))


@pytest.fixture
def records(root):
    return json.loads((root / "tasks" / "maze_square" / "data.json").read_text(encoding="utf-8"))


def picture(source):
    return np.asarray(Image.open(source).convert("RGB"))


def manifest(folder):
    text = (folder / MANIFEST).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_records_hold_the_samples_of_the_dataset(mazes, root, records):
    task_dir = root / "tasks" / "maze_square"
    rows = list(mazes.rows())
    assert [record["id"] for record in records] == [row["id"] for row in rows]
    for record, row in zip(records, rows, strict=True):
        assert record["ti2v_prompt"] == row["prompt"]
        assert record["ti2i_prompt"] == row["prompt_image"]
        assert record["ti2t_prompt"] == record["ti2ti_prompt"] == row["prompt_vlm"]
        assert record["ti2t_answer"] == f"Answer: {record['solution_path_cell_ids']}."
        assert record["ti2ti_answer"]["text"] == record["ti2t_answer"]
        assert record["ti2ti_answer"]["image"] == record["solution_image_path"]
        for field, column in (
            ("image", "image"),
            ("reasoning_image", "image_vlm"),
            ("solution_image_path", "solution"),
        ):
            stored = picture(BytesIO(row[column]["bytes"]))
            assert np.array_equal(picture(task_dir / record[field]), stored)
        assert record["canvas_dimensions"] == [160, 96]
        with av.open(str(task_dir / record["solution_video_path"])) as container:
            assert float(container.streams.video[0].average_rate) == record["video_fps"] == 16
            assert sum(1 for _ in container.decode(video=0)) == record["video_num_frames"] == 17
        assert record["seed"] == 3


def test_maze_fields_describe_the_picture(root, records):
    for record in records:
        pixels = picture(root / "tasks" / "maze_square" / record["image"])
        rows, cols = record["grid_size"]
        left, top, right, bottom = record["padding"]
        side = record["cell_size"]
        assert (left + cols * side + right, top + rows * side + bottom) == (160, 96)
        assert len({left, top, right, bottom}) == 4
        marked = [tuple(record["start"]), tuple(record["goal"])]
        for r in range(rows):
            for c in range(cols):
                x0, y0, x1, y1 = record["cell_bboxes"][r][c]
                assert (x1 - x0, y1 - y0) == (side, side)
                wall = record["maze_grid"][r][c]
                colour = (220, 30, 30) if (r, c) in marked else ((255,) * 3, (0,) * 3)[wall]
                assert (pixels[y0:y1, x0:x1] == colour).all()
        path = [divmod(cell, cols) for cell in record["solution_path_cell_ids"]]
        assert [path[0], path[-1]] == marked
        assert all(record["maze_grid"][r][c] == 0 for r, c in path)
        assert all(abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1 for a, b in pairwise(path))
        points = [record["start_point"], record["goal_point"]]
        assert points == [[left + (c + 0.5) * side, top + (r + 0.5) * side] for r, c in marked]


def test_a_record_gives_back_the_fingerprint(mazes, records):
    originals = mazes.column("fingerprint")
    for record, original in zip(records, originals, strict=True):
        rows, cols = record["grid_size"]
        content = {
            "rows": rows,
            "cols": cols,
            "grid": ["".join(".#"[wall] for wall in line) for line in record["maze_grid"]],
            "start": record["start"][0] * cols + record["start"][1],
            "goal": record["goal"][0] * cols + record["goal"][1],
        }
        assert fingerprint(b"maze_square\0" + SquareMaze().identity(content)) == original
        assert record["fingerprint"] == original


def test_the_manifest_repeats_the_records_with_paths_below_its_folder(root, records):
    for line, record in zip(manifest(root), records, strict=True):
        assert line["extra"]["raw_record"] == record
        assert (line["task_group"], line["task_type"]) == ("maze", "maze_square")
        assert line["prompts"] == {k: record[f"{k}_prompt"] for k in line["prompts"]}
        assert list(line["prompts"]) == ["ti2v", "ti2i", "ti2t", "ti2ti"]
        assert line["answer"] == {
            "path_cell_ids": record["solution_path_cell_ids"],
            "correct_option": None,
        }
        folder = root / line["source"]["task_dir"]
        assert root / line["source"]["metadata_path"] == folder / "data.json"
        for asset, field in (
            ("puzzle_image", "image"),
            ("reasoning_image", "reasoning_image"),
            ("solution_image", "solution_image_path"),
            ("solution_video", "solution_video_path"),
        ):
            assert root / line["assets"][asset] == folder / record[field]
            assert (root / line["assets"][asset]).is_file()
    report = json.loads((root / "generation_report.json").read_text(encoding="utf-8"))
    assert report["tasks"]["maze_square"]["records"] == report["total_generated_records"] == 5


def test_the_reader_finds_the_files_of_a_moved_folder(root, records):
    samples = list(videothinkbench.read(root))
    assert [sample.fields for sample in samples] == records
    assert samples[0].solution_image == (
        root / "tasks" / "maze_square" / records[0]["solution_image_path"]
    )
    assert samples[0].prompts["ti2t"] == records[0]["ti2t_prompt"]


def rewrite(root, change):
    lines = manifest(root)
    for line in lines:
        change(line["assets"])
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (root / MANIFEST).write_text(text, encoding="utf-8")


@pytest.fixture
def copy(root, tmp_path):
    from shutil import copytree

    return copytree(root, tmp_path / "copy")


def test_absolute_paths_of_another_machine_are_rebased(copy, root):
    def make_absolute(assets):
        for key in ("puzzle_image", "reasoning_image", "solution_image", "solution_video"):
            assets[key] = f"/far/away/{assets[key]}"

    expected = [sample.solution_video.name for sample in videothinkbench.read(root)]
    rewrite(copy, make_absolute)
    found = [sample.solution_video for sample in videothinkbench.read(copy)]
    assert [path.name for path in found] == expected
    assert all(path.is_relative_to(copy) for path in found)


@pytest.mark.parametrize("name", ["../moved/generation_report.json", "/far/away/nothing.png"])
def test_a_path_out_of_the_folder_or_to_nothing_is_refused(copy, name):
    rewrite(copy, lambda assets: assets.update(puzzle_image=name))
    (copy.parent / "moved").mkdir()
    (copy.parent / "moved" / "generation_report.json").write_text("{}")
    with pytest.raises(UnreadableError, match="not there"):
        list(videothinkbench.read(copy))


def test_a_folder_without_manifest_or_with_a_foreign_line_is_unreadable(copy, tmp_path):
    with pytest.raises(UnreadableError, match="no canonical_manifest"):
        list(videothinkbench.read(tmp_path))
    (copy / MANIFEST).write_text('{"id": "x"}\n')
    with pytest.raises(UnreadableError, match=r"line 1 of .* has another form"):
        list(videothinkbench.read(copy))


def write_records(folder, records):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data.json").write_text(json.dumps(records), encoding="utf-8")


def rebuilt(sample):
    return sample.id, sample.task_type, sample.fields, sample.puzzle_image.read_bytes()


@pytest.mark.parametrize("place", ["tasks/maze_square", "maze_square"])
def test_without_a_manifest_the_tasks_are_read_wherever_they_lie(root, tmp_path, place):
    from shutil import copytree

    copytree(root / "tasks" / "maze_square", tmp_path / "set" / place)
    expected = [rebuilt(sample) for sample in videothinkbench.read(root)]
    found = [rebuilt(sample) for sample in videothinkbench.read(tmp_path / "set")]
    alone = [rebuilt(sample) for sample in videothinkbench.read(tmp_path / "set" / place)]
    assert found == alone == expected
    assert videothinkbench.is_folder(tmp_path / "set")
    assert not videothinkbench.is_folder(tmp_path)


def test_a_manifest_of_an_older_version_has_neither_prompts_nor_reasoning(copy):
    lines = manifest(copy)
    for line in lines:
        del line["prompts"], line["assets"]["reasoning_image"]
        for key in ("ti2v_prompt", "ti2t_prompt"):
            del line["extra"]["raw_record"][key]
    (copy / MANIFEST).write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    for sample, line in zip(videothinkbench.read(copy), lines, strict=True):
        assert sample.reasoning_image == sample.puzzle_image
        assert sample.prompts["ti2v"] == line["prompt_raw"]
        assert sample.prompts["ti2t"] is None


@pytest.fixture
def thin(tmp_path):
    """VTB-Training: no manifest, media in the folders of workers, a clip that no field names."""
    folder = tmp_path / "out" / "midpoint"
    (folder / "worker_00" / "solutions").mkdir(parents=True)
    for name in ("puzzle.png", "solutions/a.png", "solutions/a.webm"):
        (folder / "worker_00" / name).write_bytes(name.encode())
    record = {
        "id": "a",
        "prompt": "Mark it.",
        "image": "worker_00/puzzle.png",
        "solution_image_path": "worker_00/solutions/a.png",
    }
    write_records(folder, [record])
    return folder, record


def test_thin_records_have_their_clip_beside_the_solution(thin):
    folder, _ = thin
    (sample,) = videothinkbench.read(folder.parent)
    assert (sample.id, sample.task_type) == ("a", "midpoint")
    assert sample.solution_video == folder / "worker_00" / "solutions" / "a.webm"
    assert sample.reasoning_image == sample.puzzle_image == folder / "worker_00" / "puzzle.png"
    (folder / "worker_00" / "solutions" / "a.webm").unlink()
    assert next(videothinkbench.read(folder)).solution_video is None


@pytest.mark.parametrize(
    ("given", "ti2v", "ti2i", "ti2t", "ti2ti"),
    [
        ({}, "p", "p", None, None),
        ({"ti2v_prompt": "v"}, "v", "v", None, None),
        ({"ti2v_prompt": "v", "ti2i_prompt": "i"}, "v", "i", None, None),
        ({"gpt5_prompt": "g"}, "p", "p", "g", "g"),
        ({"gpt5_prompt": "g", "vlm_prompt": "m"}, "p", "p", "m", "m"),
        ({"vlm_prompt": "m", "ti2t_prompt": "t"}, "p", "p", "t", "t"),
        ({"ti2t_prompt": "t", "ti2ti_prompt": "b"}, "p", "p", "t", "b"),
        ({"ti2i_prompt": None, "ti2t_prompt": None, "vlm_prompt": "m"}, "p", None, None, None),
    ],
)
def test_an_absent_prompt_falls_back_and_a_null_is_none(thin, given, ti2v, ti2i, ti2t, ti2ti):
    folder, record = thin
    write_records(folder, [{**record, "prompt": "p", **given}])
    prompts = next(videothinkbench.read(folder)).prompts
    assert prompts == {"ti2v": ti2v, "ti2i": ti2i, "ti2t": ti2t, "ti2ti": ti2ti}


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        ("[", "cannot be read"),
        ('{"id": "x"}', "holds no list"),
        ('["x"]', "record 1 of .* has another form"),
        ('[{"image": "p.png"}]', "record 1 of .* has another form"),
        ('[{"id": "x", "image": "p.png"}]', "record 1 of .* not there"),
        ('[{"id": "x", "image": 7}]', "record 1 of .* has another form"),
    ],
)
def test_a_bad_list_is_named(tmp_path, content, fact):
    (tmp_path / "data.json").write_text(content)
    with pytest.raises(UnreadableError, match=fact):
        list(videothinkbench.read(tmp_path))


def test_a_torn_line_of_the_manifest_is_never_skipped(copy):
    text = (copy / MANIFEST).read_text(encoding="utf-8")
    (copy / MANIFEST).write_text(text[:-40], encoding="utf-8")
    with pytest.raises(UnreadableError, match="line 5 of"):
        list(videothinkbench.read(copy))
