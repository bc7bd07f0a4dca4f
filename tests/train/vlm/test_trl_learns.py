"""The acceptance figures of TRL trainings: what a tiny model learns on a CPU."""

import pytest

from vtb.core.files import read_json_lines
from vtb.train import rewards
from vtb.train.vlm import preflight

GRPO = "vlm/qwen3-vl-tiny-grpo"
LORA = ("train.target=lora", "train.lr=1e-2", "train.steps=300", "lora.rank=16", "lora.alpha=32")


def figures(run, name):
    return [row[name] for row in read_json_lines(run.events)]


def mean(values):
    return sum(values) / len(values)


def test_full_tuning_learns_a_training_set_by_heart(trained, exact):
    run = trained()
    losses = figures(run, "loss")
    assert len(losses) == 120 and losses[-1] < 0.05 * losses[0]
    assert figures(run, "token_acc")[-1] == 1
    assert exact(run.final) >= 49


@pytest.mark.slow
def test_an_adapter_learns_a_training_set_by_heart(trained, exact, answers, tiny_qwen3_vl):
    run = trained(*LORA)
    assert exact(tiny_qwen3_vl, run.final) >= 48
    again = answers(tiny_qwen3_vl, run.final, out="again")
    assert again == answers(tiny_qwen3_vl, run.final)


def share_of_a(completions, **columns):
    texts = map(rewards.text_of, completions)
    return [text.count("a") / max(1, len(text)) for text in texts]


share_of_a.__name__ = "vtb_correct"


@pytest.mark.slow
def test_grpo_raises_a_shaped_reward(trained, monkeypatch):
    monkeypatch.setitem(rewards.REWARDS, "vtb_correct", share_of_a)
    monkeypatch.setattr(preflight, "SPARE_TOKENS", -100)
    run = trained(
        *("train.batch=16", "train.micro_batch=16", "train.lr=5e-3", "grpo.max_completion=8"),
        # A random model never ends by itself, so every completion is cut off.
        *("reward.format=0", "grpo.overlong_filter=false", "preflight.prompts=0"),
        recipe=GRPO,
    )
    earned = figures(run, "reward")
    assert len(earned) == 60
    assert mean(earned[-10:]) >= max(0.25, 4 * earned[0])


@pytest.mark.slow
def test_grpo_raises_a_verifiable_reward(trained):
    start = trained("train.steps=25", "train.lr=1e-3", "save.every=100", out="sft").final
    run = trained(recipe=GRPO, model=start)
    rows = read_json_lines(run.completions)
    solved = [
        mean([row["parts"]["correct"] == 1 for row in rows if row["step"] == step])
        for step in range(1, 61)
    ]
    assert mean(solved[-10:]) > mean(solved[:3]) + 0.15


@pytest.mark.slow
def test_grpo_keeps_what_sft_has_taught(trained):
    start = trained(out="sft").final
    run = trained("train.lr=1e-4", "preflight.prompts=0", recipe=GRPO, model=start, max_steps=20)
    solved = [parts["correct"] for parts in figures(run, "reward_parts")]
    assert mean(solved[-5:]) >= mean(solved[:5]) - 0.02
