"""Both trainers' rewards are those of the core, number for number."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vtb.train
from vtb.core.answers import wrap
from vtb.core.compat_reward import vtb_compat as compat_of
from vtb.core.rewards import sample_of, score
from vtb.data.store import open_dataset
from vtb.train import rewards
from vtb.train.rewards import vtb_compat, vtb_correct, vtb_format

PLUGIN = Path(vtb.train.__file__).parent / "swift_plugin" / "vtb_plugin.py"
HOSTILE = [
    "",
    "<answer>",
    "<answer><answer>[1]</answer></answer>",
    "<answer>[-1, 99999999999999999999]</answer>",
    "<answer>[\u0661, \u0662]</answer>",
    "<answer>[true, 1.0]</answer>",
    "<think><answer>[1]</answer></think>",
    "x" * 1_000_000,
    "<answer>[" + "1, " * 100_000 + "1]</answer>",
]


@pytest.fixture(scope="module")
def rows(maze_set):
    return list(open_dataset(maze_set).rows("test", ["id", "instance", "answer"]))


def columns_of(rows):
    return {
        "vtb_id": [row["id"] for row in rows],
        "vtb_instance": [row["instance"] for row in rows],
        "solution": [row["answer"] for row in rows],
    }


def expected(texts, rows, **options):
    samples = [sample_of(row["id"], row["instance"]) for row in rows]
    return [score(text, one, **options) for text, one in zip(texts, samples, strict=True)]


def answers(row):
    path = json.loads(row["answer"])
    texts = [path, path[:-1], path[::-1], [path[0], path[-1]], [], path + path[-1:]]
    return [wrap(json.dumps(ids)) for ids in texts] + [
        f"So {wrap(row['answer'])} I think",
        *HOSTILE,
    ]


def test_every_form_of_a_completion_gets_the_core_s_numbers(rows):
    pairs = [(text, row) for row in rows for text in answers(row)]
    texts, of = [text for text, _ in pairs], [row for _, row in pairs]
    wanted, columns = expected(texts, of), columns_of(of)
    forms = {
        "text": texts,
        "message": [[{"role": "assistant", "content": text}] for text in texts],
        "parts": [
            [{"role": "assistant", "content": [{"type": "text", "text": text}]}] for text in texts
        ],
    }
    for completions in forms.values():
        ignored = {"prompts": [""] * len(texts), "trainer_state": None}
        correct = vtb_correct(completions, **columns, **ignored)
        assert correct == [parts.correct for parts in wanted]
        assert vtb_format(completions, **columns) == [parts.format for parts in wanted]
        solutions = zip(texts, columns["solution"], strict=True)
        assert vtb_compat(completions, **columns) == [compat_of(*pair) for pair in solutions]
    assert {1.0, -1.0} < set(correct)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(alphabet="<>/answer[]0123456789, \n", max_size=60), max_size=6))
def test_any_texts_of_any_lengths(rows, texts):
    of = [rows[number % len(rows)] for number in range(len(texts))]
    found = vtb_correct(texts, **columns_of(of))
    assert found == [parts.correct for parts in expected(texts, of)]


def test_what_was_cut_off_is_worth_nothing(rows):
    texts = [wrap(row["answer"]) for row in rows[:2]]
    found = vtb_correct(texts, **columns_of(rows[:2]), is_truncated=[False, True])
    assert found == [1.0, -1.0]


def test_a_completion_is_judged_once(rows, monkeypatch):
    judged = []
    monkeypatch.setattr(
        rewards,
        "score",
        lambda text, *rest, **more: judged.append(text) or score(text, *rest, **more),
    )
    texts = [f"<answer>{number}</answer> only here" for number in range(3)]
    columns = columns_of(rows[:3])
    vtb_correct(texts, **columns)
    vtb_format(texts, **columns)
    assert judged == texts


def test_columns_that_are_missing_or_too_short_are_no_rewards(rows):
    with pytest.raises(KeyError, match="vtb_id"):
        vtb_correct(["a"])
    with pytest.raises(ValueError, match="shorter"):
        vtb_correct(["a", "b"], **columns_of(rows[:1]))


@pytest.mark.slow
def test_ms_swift_gives_the_same_numbers(rows, tiny_qwen3_vl):
    pytest.importorskip("swift")
    texts = answers(rows[0])
    columns = columns_of([rows[0]] * len(texts))
    code = f"""
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("hashed", {str(PLUGIN)!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
from swift.rewards import orms
from swift.template.templates.qwen import Qwen3VLTemplate
from transformers import AutoTokenizer
texts, columns = json.load(sys.stdin)
made = {{name: orms[name](args=None) for name in ("vtb_correct", "vtb_format", "vtb_compat")}}
numbers = {{name: reward(texts, **columns) for name, reward in made.items()}}
template = Qwen3VLTemplate.__new__(Qwen3VLTemplate)
template.processor = AutoTokenizer.from_pretrained({str(tiny_qwen3_vl)!r})
ids = template.image_token_id, template.video_token_id
print(json.dumps([numbers, [type(one).__name__ for one in made.values()], ids]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps([texts, columns]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    numbers, names, ids = json.loads(done.stdout.splitlines()[-1])
    assert numbers == {
        "vtb_correct": vtb_correct(texts, **columns),
        "vtb_format": vtb_format(texts, **columns),
        "vtb_compat": vtb_compat(texts, **columns),
    }
    assert names == ["VtbCorrect", "VtbFormat", "VtbCompat"]
    config = json.loads((tiny_qwen3_vl / "config.json").read_text())
    assert ids == [config["image_token_id"], config["video_token_id"]]
