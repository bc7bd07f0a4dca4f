import json
from io import BytesIO

import av
import numpy as np
from PIL import Image

from vtb.data.export import export


def picture(source):
    return np.asarray(Image.open(source).convert("RGB")).astype(int)


def test_each_folder_holds_one_sample(mazes, tmp_path):
    export(mazes, "vbvr", tmp_path / "made", split="all", language="en")
    root = (tmp_path / "made").rename(tmp_path / "moved")
    rows = {row["id"]: row for row in mazes.rows()}
    assert {folder.name for folder in root.iterdir() if folder.is_dir()} == set(rows)
    for name, row in rows.items():
        folder = root / name
        first, final = picture(folder / "first_frame.png"), picture(folder / "final_frame.png")
        assert np.array_equal(first, picture(BytesIO(row["image"]["bytes"])))
        assert np.array_equal(final, picture(BytesIO(row["solution"]["bytes"])))
        with av.open(str(folder / "ground_truth.mp4")) as container:
            clip = [f.to_ndarray(format="rgb24").astype(int) for f in container.decode(video=0)]
        assert len(clip) == 17
        assert abs(clip[0] - first).mean() < 2 < abs(clip[-1] - first).mean()
        assert abs(clip[-1] - final).mean() < 2
        assert (folder / "prompt.txt").read_text(encoding="utf-8") == row["prompt"]
        metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
        assert metadata["answer"] == row["answer"]
        assert metadata["instance"] == json.loads(row["instance"])
        assert (metadata["task_type"], metadata["task_group"]) == ("maze_square", "maze")
