import json
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from vtb.core.answers import parse_int_list
from vtb.data.export import export


def picture(source):
    return np.asarray(Image.open(source).convert("RGB"))


@pytest.fixture(scope="module")
def root(mazes, tmp_path_factory):
    made = tmp_path_factory.mktemp("swift") / "made"
    export(mazes, "ms-swift", made, split="all", language="en")
    return made.rename(made.with_name("moved"))


def lines(root, method):
    return {
        split: [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for split in ("train", "validation", "test")
        if (path := root / f"{split}_{method}.jsonl").exists()
    }


@pytest.mark.parametrize(("method", "roles"), [("sft", ["user", "assistant"]), ("grpo", ["user"])])
def test_lines_hold_the_samples_of_their_split(mazes, root, method, roles):
    stored = lines(root, method)
    assert stored["train"]
    for split, found in stored.items():
        assert [line["id"] for line in found] == mazes.ids(split)
    rows = {row["id"]: row for row in mazes.rows()}
    assert sum(map(len, stored.values())) == len(rows)
    for line in [line for found in stored.values() for line in found]:
        row = rows[line["id"]]
        assert [turn["role"] for turn in line["messages"]] == roles
        assert line["messages"][0]["content"] == "<image>" + row["prompt_vlm"]
        texts = "".join(turn["content"] for turn in line["messages"])
        assert texts.count("<image>") == len(line["images"]) == 1
        assert line["solution"] == row["answer"]
        assert json.loads(line["instance"]) == json.loads(row["instance"])
        assert (line["task_type"], line["task_group"]) == ("maze_square", "maze")
        shown = picture(BytesIO(row["image_vlm"]["bytes"]))
        assert np.array_equal(picture(root / line["images"][0]), shown)


def test_the_target_is_the_answer_that_the_verifier_reads(root):
    for line in lines(root, "sft")["train"]:
        parsed = parse_int_list(line["messages"][1]["content"])
        assert parsed.tagged and parsed.value == json.loads(line["solution"])


def test_no_column_has_a_name_that_ms_swift_takes_for_something_else(root):
    names = {name for line in lines(root, "grpo")["train"] for name in line}
    taken = "query prompt input instruction question problem response answer output targets"
    taken += " target answer_key answers text completion content system tools objects label margin"
    assert not names & set(taken.split())
