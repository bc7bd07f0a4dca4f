"""Truths pass and lies fail, for every generator, through codecs and models' small harms."""

from dataclasses import replace

import numpy as np
import pytest

from vtb.core import registry
from vtb.core.answers import wrap
from vtb.core.types import Prediction, Reason
from vtb.media.compare import psnr
from vtb.media.video import encode, read_frames


def check(sample, prediction, **options):
    return registry.load(sample.instance.generator).check(sample, prediction, **options)


def shown(sample, picture):
    return check(sample, Prediction(sample.id, "image", content=np.ascontiguousarray(picture)))


def test_truth_passes_in_every_form(name, index, sample, harms):
    truth = sample(name, index)
    text = check(truth, Prediction(truth.id, "text", text=wrap(truth.answer)))
    assert (text.passed, text.score) == (True, 1), text
    clip = check(truth, Prediction(truth.id, "video", content=truth.video))
    assert (clip.passed, clip.score) == (True, 1), clip
    for harm, apply in harms.items():
        verdict = shown(truth, apply(truth.solution))
        assert (verdict.passed, verdict.score) == (True, 1), (harm, verdict)


def test_truth_passes_in_every_style(name, sample, harms):
    for style in registry.load(name).styles():
        truth = sample(name, 2, style=style)
        assert shown(truth, harms["crf 23"](truth.solution)).passed, style


def test_every_corruption_fails_before_and_after_compression(name, index, sample, harms):
    generator = registry.load(name)
    truth, kinds = sample(name, index), set()
    for corruption, prediction in generator.corruptions(truth):
        kinds.add(prediction.kind)
        verdict = generator.check(truth, prediction)
        assert not verdict.passed and verdict.score <= 0.5, (corruption, verdict)
        assert verdict.reason not in (Reason.OK, Reason.UNREADABLE), (corruption, verdict)
        if prediction.kind == "image":
            assert not shown(truth, harms["crf 23"](prediction.content)).passed, corruption
    assert kinds == {"text", "image", "video"}


def test_the_untouched_puzzle_is_no_answer(name, index, sample, harms):
    truth = sample(name, index)
    for harm in ("png", "crf 23", "half size", "noise"):
        verdict = shown(truth, harms[harm](truth.puzzle))
        assert (verdict.reason, verdict.score) == (Reason.NO_ANSWER, 0), (harm, verdict)


def test_pictures_that_answer_nothing_fail(name, sample):
    truth = sample(name, 0)
    shape = truth.puzzle.shape
    for colour in ((255, 0, 0), (198, 24, 24), (255, 255, 255), (0, 0, 0), (128, 128, 128)):
        assert not shown(truth, np.full(shape, colour, np.uint8)).passed, colour
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    turned = truth.solution[::-1, ::-1]
    for picture in (noise, noise[:40, :300], 255 - truth.solution, turned):
        if picture is not turned or psnr(turned, truth.solution) < 30:  # some puzzles are symmetric
            assert not shown(truth, picture).passed


def test_the_solution_of_another_puzzle_fails(name, index, sample):
    own, other = sample(name, index), sample(name, index + 1)
    is_alike = own.solution.shape == other.solution.shape
    if is_alike and (own.solution == other.solution).all():
        pytest.skip("the other's solution is right here, too")
    assert not shown(own, other.solution).passed


def test_a_clip_that_ends_as_it_began_fails(name, sample):
    truth = sample(name, 0)
    frames = read_frames(truth.video)
    for clip in (frames[::-1], np.concatenate([frames, frames[:4]])):
        verdict = check(truth, Prediction(truth.id, "video", content=np.ascontiguousarray(clip)))
        assert not verdict.passed


def test_garbage_gets_a_verdict(name, sample):
    truth = sample(name, 0)
    height, width = truth.puzzle.shape[:2]
    clip = encode([truth.puzzle] * 5, num_frames=5, height=height, width=width, fps=8)
    for content in (b"", b"no picture", clip[: len(clip) // 2], np.zeros((3, 3), np.uint8)):
        for kind in ("image", "video"):
            verdict = check(truth, Prediction(truth.id, kind, content=content))
            assert (verdict.reason, verdict.passed) == (Reason.UNREADABLE, False)
    for text in ("", "\0", "<answer></answer>", wrap("[[[[" * 500), "答案" * 1000, wrap("\u202e")):
        assert not check(truth, Prediction(truth.id, "text", text=text)).passed


def test_without_pictures_text_is_judged_and_pictures_are_not(name, sample):
    truth = sample(name, 0)
    bare = replace(truth, puzzle=None, solution=None, video=None)
    assert check(bare, Prediction(bare.id, "text", text=wrap(truth.answer))).passed
    verdict = shown(bare, truth.solution)
    assert (verdict.score, verdict.passed) == (None, False)


def test_overlay_explains_on_request_only(name, sample):
    truth = sample(name, 0)
    prediction = Prediction(truth.id, "image", content=truth.solution)
    assert check(truth, prediction).overlay is None
    overlay = check(truth, prediction, overlay=True).overlay
    assert overlay.shape == truth.puzzle.shape and overlay.dtype == np.uint8


def test_random_baseline_is_a_prediction_of_this_sample(name, sample):
    truth = sample(name, 0)
    made = [registry.load(name).baseline("random", truth, seed) for seed in (0, 0, 1)]
    assert all(prediction is not None for prediction in made)
    verdicts = [check(truth, prediction) for prediction in made]
    assert verdicts[0] == verdicts[1]
    assert all(verdict.reason is not Reason.UNREADABLE for verdict in verdicts)
