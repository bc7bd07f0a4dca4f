import json

import pytest

from vtb.core.answers import wrap
from vtb.core.errors import UnreadableError
from vtb.core.files import read_json_lines
from vtb.train.rewards import counted, vtb_correct, vtb_format
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
        same = {"vtb_instance": [puzzle[0]] * count, "vtb_task": ["midpoint"] * count}
        return {"vtb_id": names, **same, **more}

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
    is_cut = [False, False, True, False]
    columns = columns_of(4, is_truncated=is_cut)
    rows = completion_rows(7, texts, columns, is_cut)
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


def test_a_filter_of_what_was_cut_off_replaces_its_punishment(columns_of, puzzle):
    texts, is_cut = [wrap(puzzle[1])] * 2, [False, True]
    columns = columns_of(2, is_truncated=is_cut)
    assert counted(columns, overlong_filter=False) == columns
    scored = counted(columns, overlong_filter=True)
    rows = completion_rows(1, texts, scored, is_cut)
    assert [row["parts"]["correct"] for row in rows] == vtb_correct(texts, **scored) == [1.0, 1.0]
    assert [row["is_truncated"] for row in rows] == is_cut


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
    beats = []
    rollouts = Rollouts([FORBIDDEN], CompletionLog(file, keep=10), lambda: beats.append(1))
    texts = [wrap(puzzle[1])] * 2
    columns = columns_of(2, response_token_ids=[[1, 2], [1, FORBIDDEN]])
    assert rollouts.readable(texts, columns) == [texts[0], ""]
    rollouts.note(3, texts, columns, [False, False])
    assert beats == [1]
    rows = read_json_lines(file)
    assert [row["text"] for row in rows] == texts
    assert [row["status"] for row in rows] == ["ok", "malformed"]
    assert [row["parts"]["correct"] for row in rows] == [1.0, -1.0]


def test_the_last_step_s_mean_score_of_each_task(file, columns_of, puzzle):
    rollouts = Rollouts([FORBIDDEN], CompletionLog(file, keep=10), lambda: None)

    def note(step, *texts):
        columns = columns_of(len(texts), response_token_ids=[[1]] * len(texts))
        columns["vtb_task"] = ["midpoint", "ray", "ray"][: len(texts)]
        rollouts.note(step, texts, columns, [False] * len(texts))

    note(1, "", "", "")
    note(2, wrap(puzzle[1]), "", wrap(puzzle[1]))
    assert rollouts.by_task == {"midpoint": 1.0, "ray": 0.0}
    note(2, "")  # other puzzles in place of flat ones
    assert rollouts.by_task == {"midpoint": 0.0, "ray": 0.0}


def test_few_media_tokens_are_borne_and_many_are_not(file, columns_of):
    rollouts = Rollouts([FORBIDDEN], CompletionLog(file, keep=1000), lambda: None)

    def note(step, good, bad):
        ids = [[1]] * good + [[FORBIDDEN]] * bad
        columns = columns_of(good + bad, response_token_ids=ids)
        rollouts.note(step, ["a"] * len(ids), columns, [False] * len(ids))

    note(1, 5, 5)  # of 500 that are waited for, 1 %
    note(2, 595, 1)
    with pytest.raises(UnreadableError, match="stand for pictures") as caught:
        note(3, 0, 1)
    assert caught.value.fact == "7 of 607 completions hold one"
