from io import BytesIO

import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from PIL import Image

from vtb.core.answers import wrap
from vtb.core.rewards import sample_of, score
from vtb.data.export import export
from vtb.formats import trl

COLUMNS = {
    "sft": {"prompt", "completion", "images", "vtb_id", "vtb_task"},
    "grpo": {"prompt", "images", "solution", "vtb_id", "vtb_task", "vtb_instance"},
}


@pytest.fixture(scope="module")
def root(mazes, tmp_path_factory):
    made = tmp_path_factory.mktemp("trl") / "made"
    export(mazes, "trl", made, split="all", language="en")
    return made.rename(made.with_name("moved"))


def loaded(root, method, tmp_path):
    files = {
        split: str(path)
        for split in ("train", "validation", "test")
        if (path := root / f"{split}_{method}.parquet").exists()
    }
    return load_dataset("parquet", data_files=files, cache_dir=str(tmp_path))


@pytest.mark.parametrize("method", ["sft", "grpo"])
def test_rows_hold_the_samples_of_their_split(mazes, root, method, tmp_path):
    stored = loaded(root, method, tmp_path)
    assert stored["train"].num_rows
    rows = {row["id"]: row for row in mazes.rows()}
    assert sum(part.num_rows for part in stored.values()) == len(rows)
    for split, part in stored.items():
        assert set(part.column_names) == COLUMNS[method]
        assert part["vtb_id"][:] == mazes.ids(split)
        for line in part:
            row = rows[line["vtb_id"]]
            # No tag for the picture: TRL puts it there itself.
            assert line["prompt"] == [{"role": "user", "content": row["prompt_vlm"]}]
            assert line["vtb_task"] == "maze_square"
            (shown,) = line["images"]
            expected = Image.open(BytesIO(row["image_vlm"]["bytes"])).convert("RGB")
            assert np.array_equal(np.asarray(shown.convert("RGB")), np.asarray(expected))


def test_the_target_is_the_answer_block(mazes, root, tmp_path):
    answers = dict(zip(mazes.ids("train"), mazes.column("answer", "train"), strict=True))
    for line in loaded(root, "sft", tmp_path)["train"]:
        content = wrap(answers[line["vtb_id"]])
        assert line["completion"] == [{"role": "assistant", "content": content}]


def test_the_reward_of_a_row_knows_its_puzzle(root, tmp_path):
    for line in loaded(root, "grpo", tmp_path)["train"]:
        sample = sample_of(line["vtb_id"], line["vtb_instance"])
        assert sample.answer == line["solution"]
        assert score(wrap(line["solution"]), sample).total == pytest.approx(1.1)


def test_large_exports_are_written_in_groups(mazes, tmp_path, monkeypatch):
    monkeypatch.setattr(trl, "ROWS_PER_GROUP", 3)
    out = tmp_path / "out"
    export(mazes, "trl", out, split="train", language="en")
    files = sorted(path.name for path in out.glob("*.parquet"))
    assert files == ["train_grpo.parquet", "train_sft.parquet"]
    file = pq.ParquetFile(out / files[0])
    groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert sum(groups) == mazes.count("train") and max(groups) == 3
    assert file.read(["vtb_id"]).column("vtb_id").to_pylist() == mazes.ids("train")
