import csv
import re
from io import BytesIO

import av
import numpy as np
from PIL import Image

from vtb.data.export import export


def frames(source):
    with av.open(source) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


def picture(source):
    return np.asarray(Image.open(source).convert("RGB"))


def test_a_moved_export_reads_back_to_the_same_samples(mazes, tmp_path):
    export(mazes, "diffsynth-video", tmp_path / "made", split="all", language="en")
    root = (tmp_path / "made").rename(tmp_path / "moved")
    with (root / "metadata.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    rows = list(mazes.rows())
    assert list(table[0])[:3] == ["video", "prompt", "input_image"]
    assert [line["id"] for line in table] == [row["id"] for row in rows]
    for line, row in zip(table, rows, strict=True):
        assert line["prompt"] == row["prompt"]
        assert line["task_type"] == "maze_square" and line["task_group"] == "maze"
        assert line["ti2ti_text"] == f"Answer: {row['answer']}."
        exported = frames(str(root / line["video"]))
        assert np.array_equal(exported, frames(BytesIO(row["video"]["bytes"])))
        assert len(exported) == 17
        for column, original in (("input_image", "image"), ("ti2ti_image", "solution")):
            stored = picture(BytesIO(row[original]["bytes"]))
            assert np.array_equal(picture(root / line[column]), stored)


def test_every_field_is_quoted_and_every_path_is_relative(mazes, tmp_path):
    export(mazes, "diffsynth-video", tmp_path / "made", split="all", language="en")
    text = (tmp_path / "made" / "metadata.csv").read_text(encoding="utf-8")
    field = '"(?:[^"]|"")*"'
    assert re.fullmatch(rf"(?:{field}(?:,{field}){{7}}\n){{6}}", text)
    assert str(tmp_path) not in text
