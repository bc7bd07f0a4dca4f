"""Rewards and verdicts say the same, for every generator, whatever the text."""

from random import Random

import pytest

from vtb.core import registry
from vtb.core.answers import wrap
from vtb.core.rewards import sample_of, score
from vtb.core.types import Prediction

PIECES = ["<answer>", "</answer>", "<think>", "</think>", "[", "]", ",", " ", "0", "-1", "1.5",
          "true", "A", "e", "blue", "٣", "or", "\0", "答案", "\n"]  # fmt: skip


@pytest.fixture
def judged(name, draw):
    """A drawn sample as an export's line tells it, without pixels."""
    return sample_of(f"{name}-0", draw(name, 0).to_json())


def disturbed(rng, text):
    """The text with one to three pieces put in, taken out or doubled."""
    for _ in range(rng.randrange(1, 4)):
        first, last = sorted(rng.choices(range(len(text) + 1), k=2))
        last = min(last, first + rng.choice([1, 3, len(text)]))
        new = rng.choice(["", text[first:last] * 2, text[first:last] + rng.choice(PIECES)])
        text = text[:first] + new + text[last:]
    return text


def check(sample, text):
    generator = registry.load(sample.instance.generator)
    return generator.check(sample, Prediction(sample.id, "text", text=text))


def agree(parts, verdict):
    return (
        parts.verdict == verdict
        and (parts.correct == 1) == verdict.passed
        and (parts.correct == -1) == (parts.status != "ok")
        and parts.correct in (-1, verdict.score)
        and (verdict.passed or parts.correct <= 0.5)
        and parts.format <= (parts.status == "ok")
        and -1.1 <= parts.total <= 1.1
    )


def test_the_truth_earns_everything(name, judged):
    parts = score(f"I looked twice.\n{wrap(judged.answer)}\n", judged)
    assert (parts.correct, parts.format, parts.status) == (1, 1, "ok")
    assert parts.total == pytest.approx(1.1)


def test_no_corruption_earns_more_than_half(name, judged):
    for corruption, prediction in registry.load(name).corruptions(judged):
        parts = score(prediction.text, judged)
        assert agree(parts, check(judged, prediction.text)), corruption
        assert parts.correct <= 0.5, corruption


def test_the_truth_counts_in_the_one_block_only(name, judged):
    right = wrap(judged.answer)
    for text in (
        judged.answer,
        f"The answer is {judged.answer}.",
        right + right,
        f"<answer>{right}</answer>",
        f"<answer>{judged.answer}",
        f"{right}<answer>",
        f"<think>{right}</think>",
        f"<think>{right}",
    ):
        parts = score(text, judged)
        assert (parts.correct, parts.format, parts.total) == (-1, 0, -1), text


def test_any_text_is_correct_exactly_when_its_verdict_passed(name, judged):
    rng, passed = Random(name), 0
    for _ in range(300):
        text = disturbed(rng, rng.choice(["", "x <think>y</think>"]) + wrap(judged.answer))
        verdict = check(judged, text)
        passed += verdict.passed
        assert agree(score(text, judged), verdict), text
    assert 0 < passed < 300
