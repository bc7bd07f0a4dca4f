import json
from io import BytesIO

import numpy as np
from PIL import Image

from vtb.data.export import export


def picture(source):
    return np.asarray(Image.open(source).convert("RGB"))


def test_a_moved_list_leads_from_puzzle_to_solution(mazes, tmp_path):
    export(mazes, "diffsynth-image", tmp_path / "made", split="all", language="en")
    root = (tmp_path / "made").rename(tmp_path / "moved")
    text = (root / "metadata.json").read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    rows = list(mazes.rows())
    items = json.loads(text)
    assert [item["id"] for item in items] == [row["id"] for row in rows]
    for item, row in zip(items, rows, strict=True):
        assert item["prompt"] == row["prompt_image"]
        assert (item["task_type"], item["task_group"]) == ("maze_square", "maze")
        (source,) = item["edit_image"]
        for path, column in ((item["image"], "solution"), (source, "image")):
            assert np.array_equal(picture(root / path), picture(BytesIO(row[column]["bytes"])))
        assert picture(root / item["image"]).shape == picture(root / source).shape
