import json
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from vtb.core.answers import parse_int_list, wrap
from vtb.core.rewards import sample_of, score
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
        assert [line["vtb_id"] for line in found] == mazes.ids(split)
    rows = {row["id"]: row for row in mazes.rows()}
    assert sum(map(len, stored.values())) == len(rows)
    for line in [line for found in stored.values() for line in found]:
        row = rows[line["vtb_id"]]
        assert [turn["role"] for turn in line["messages"]] == roles
        assert line["messages"][0]["content"] == "<image>" + row["prompt_vlm"]
        texts = "".join(turn["content"] for turn in line["messages"])
        assert texts.count("<image>") == len(line["images"]) == 1
        assert line["solution"] == row["answer"]
        assert line["vtb_task"] == "maze_square"
        shown = picture(BytesIO(row["image_vlm"]["bytes"]))
        assert np.array_equal(picture(root / line["images"][0]), shown)


def test_the_target_is_the_answer_that_the_verifier_reads(root):
    for line in lines(root, "sft")["train"]:
        parsed = parse_int_list(line["messages"][1]["content"])
        assert parsed.tagged and parsed.value == json.loads(line["solution"])


def test_the_reward_of_a_line_knows_its_puzzle(mazes, root):
    rows = {row["id"]: row for row in mazes.rows()}
    for line in lines(root, "grpo")["train"]:
        assert line["vtb_instance"] == rows[line["vtb_id"]]["instance"]
        sample = sample_of(line["vtb_id"], line["vtb_instance"])
        assert sample.answer == line["solution"]
        assert score(wrap(line["solution"]), sample).total == pytest.approx(1.1)
    assert all("vtb_instance" not in line for line in lines(root, "sft")["train"])


def test_no_column_has_a_name_that_ms_swift_takes_for_something_else(root):
    names = {name for line in lines(root, "grpo")["train"] for name in line}
    taken = "query prompt input instruction question problem response answer output targets"
    taken += " target answer_key answers text completion content system tools objects label margin"
    assert not names & set(taken.split())
