import json

import pytest

from vtb.core.answers import wrap
from vtb.core.errors import UnreadableError
from vtb.core.files import read_json_lines
from vtb.train.rewards import vtb_correct, vtb_format
from vtb.train.vlm.completions import CompletionLog, completion_rows, merge
from vtb.train.vlm.swift.rollouts import Rollouts

FORBIDDEN = 99


@pytest.fixture(scope="module")
def puzzle(squares):
    row = read_json_lines(squares / "grpo.jsonl")[0]
    return row["vtb_instance"], row["solution"]


@pytest.fixture
def columns_of(puzzle):
    def columns(count, **more):
        names = [str(index) for index in range(count)]
        return {"vtb_id": names, "vtb_instance": [puzzle[0]] * count, **more}

    return columns


@pytest.fixture
def file(tmp_path):
    return tmp_path / "completions" / "rank-0.jsonl"


def steps(file):
    return [row["step"] for row in read_json_lines(file)]


def of_step(step):
    return [{"step": step, "text": "a"}, {"step": step, "text": "b"}]


def test_a_row_says_what_was_read_and_earned(columns_of, puzzle):
    texts = [wrap(puzzle[1]), "A or B", wrap(puzzle[1]), wrap("no letter")]
    columns = columns_of(4, is_truncated=[False, False, True, False])
    rows = completion_rows(7, texts, columns)
    assert [row["text"] for row in rows] == texts
    assert [row["status"] for row in rows] == ["ok", "no_answer", "ok", "malformed"]
    assert [row["vtb_id"] for row in rows] == ["0", "1", "2", "3"]
    assert [row["is_truncated"] for row in rows] == [False, False, True, False]
    assert {row["step"] for row in rows} == {7}
    assert rows[0]["reason"] == "ok"
    correct = [row["parts"]["correct"] for row in rows]
    assert correct == vtb_correct(texts, **columns) == [1.0, -1.0, -1.0, -1.0]
    assert [row["parts"]["format"] for row in rows] == vtb_format(texts, **columns)
    json.dumps(rows)


def test_the_newest_steps_stay_and_each_fiftieth(file):
    log = CompletionLog(file, keep=30)
    for step in range(1, 121):
        log.add(of_step(step))
    assert steps(file) == [step for step in (50, *range(91, 121)) for _ in range(2)]
    log.add([])
    assert max(steps(file)) == 120


def test_between_two_clearings_all_stay(file):
    log = CompletionLog(file, keep=10)
    for step in range(1, 20):
        log.add(of_step(step))
    assert sorted({*steps(file)}) == list(range(1, 20))


def test_steps_that_are_made_again_are_forgotten(file):
    log = CompletionLog(file, keep=100)
    log.cut(3)
    for step in (1, 2, 3, 4, 5):
        log.add(of_step(step))
    CompletionLog(file, keep=100).cut(3)
    assert steps(file) == [1, 1, 2, 2, 3, 3]


def test_all_processes_are_merged_by_step(tmp_path):
    files = [tmp_path / f"rank-{rank}.jsonl" for rank in range(2)]
    for rank, path in enumerate(files):
        lines = (json.dumps({"step": step, "rank": rank}) + "\n" for step in (1, 2))
        path.write_text("".join(lines))
    merge(files, tmp_path / "all.jsonl")
    found = [(row["step"], row["rank"]) for row in read_json_lines(tmp_path / "all.jsonl")]
    assert found == [(1, 0), (1, 1), (2, 0), (2, 1)]


def test_a_text_with_a_media_token_is_malformed(file, columns_of, puzzle):
    rollouts = Rollouts([FORBIDDEN], CompletionLog(file, keep=10))
    texts = [wrap(puzzle[1])] * 2
    columns = columns_of(2, response_token_ids=[[1, 2], [1, FORBIDDEN]])
    assert rollouts.readable(texts, columns) == [texts[0], ""]
    rollouts.note(3, texts, columns)
    rows = read_json_lines(file)
    assert [row["text"] for row in rows] == texts
    assert [row["status"] for row in rows] == ["ok", "malformed"]
    assert [row["parts"]["correct"] for row in rows] == [1.0, -1.0]


def test_few_media_tokens_are_borne_and_many_are_not(file, columns_of):
    rollouts = Rollouts([FORBIDDEN], CompletionLog(file, keep=1000))

    def note(step, good, bad):
        ids = [[1]] * good + [[FORBIDDEN]] * bad
        rollouts.note(step, ["a"] * (good + bad), columns_of(good + bad, response_token_ids=ids))

    note(1, 5, 5)  # of 500 that are waited for, 1 %
    note(2, 595, 1)
    with pytest.raises(UnreadableError, match="stand for pictures") as caught:
        note(3, 0, 1)
    assert caught.value.fact == "7 of 607 completions hold one"
