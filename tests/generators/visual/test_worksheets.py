"""What all worksheets promise: truths pass whatever happens to them, lies fail for a reason."""

import re
from functools import cache

import cv2
import numpy as np
import pytest

from generators.visual.worksheet_check import progress
from vtb.core import registry
from vtb.core.frames import FramePlan
from vtb.core.generator import Sampler
from vtb.core.types import Prediction, Sample
from vtb.media.video import encode, read_frames

NAMES = ("sudoku", "jigsaw", "mirror", "rects", "circle-count")
CANVASES = (None, (224, 288), (256, 256))
PLAN = FramePlan.of(17, 16)


def generator(name):
    return registry.load(f"visual-{name}")


@cache
def drawn(name, index=0, canvas=None, **style):
    task = generator(name)
    look = task.Style(**style)
    instance = Sampler(task, task.Config(canvas=canvas), look, 7).draw(index, 0)
    rendering = task.render(instance, look, PLAN)
    puzzle, solution = rendering.puzzle.rgb(), rendering.solution.rgb()
    return Sample(name, instance, {}, task.answer(instance), puzzle, solution)


def page_of(sample):
    task = generator(sample.id)
    return task.page(sample.instance, task.Style.model_validate(sample.instance.style))


def judged(sample, picture, **options):
    prediction = Prediction(sample.id, "image", content=np.ascontiguousarray(picture))
    return generator(sample.id).check(sample, prediction, **options)


def coded(picture, crf):
    height, width = picture.shape[:2]
    data = encode([picture] * 3, num_frames=3, height=height, width=width, fps=8, crf=crf)
    return read_frames(data)[-1]


def scaled(picture, factor):
    height, width = (round(side * factor) for side in picture.shape[:2])
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return cv2.resize(picture, (width, height), interpolation=method)


def noisy(picture):
    noise = np.random.default_rng(0).normal(0, 4, picture.shape)
    return np.clip(picture + noise, 0, 255).round().astype(np.uint8)


HARMS = {
    "png": lambda p: p,
    "crf 23 at half size": lambda p: scaled(coded(p, 23), 0.5),
    "one and a half": lambda p: scaled(p, 1.5),
    "stretched": lambda p: cv2.resize(p, (896, 480)),
    "letterboxed": lambda p: cv2.copyMakeBorder(p, 0, 0, 60, 60, cv2.BORDER_CONSTANT),
    "shifted by 2 %": lambda p: np.roll(p, (-int(0.02 * len(p)), int(0.02 * len(p))), (0, 1)),
    "blurred": lambda p: cv2.GaussianBlur(p, (0, 0), 1),
    "noisy": noisy,
}

REASONS = {
    "unsolved": {"no_answer"},
    "blank": {"changed_scene"},
    "all_red": {"changed_scene"},
    "half_done": {"wrong_answer"},
    "one_missing": {"wrong_answer"},
    "erased_scene": {"changed_scene"},
    "upside_down": {"changed_scene"},
    "other_clue": {"changed_scene"},
    "erased_clue": {"changed_scene"},
    "two_digits": {"wrong_answer"},
    "erased_rectangle": {"changed_scene"},
    "recoloured_pile": {"changed_scene"},
    "spoiled_tray": {"changed_scene"},
    "erased_circle": {"changed_scene"},
    "all_marked": {"ambiguous_answer"},
    "two_marked": {"ambiguous_answer"},
    "barely_marked": {"no_answer"},
    "one_turned": {"wrong_answer"},
    "turned_whole": {"wrong_answer"},
    "mean_colours": {"wrong_answer"},
    "video_unsolved": {"no_answer"},
    "video_late": {"no_answer"},
    "video_undone": {"no_answer"},
    "video_wrong": {"wrong_answer"},
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("canvas", CANVASES)
def test_truth_passes_and_the_puzzle_does_not_whatever_happens_to_them(name, canvas):
    sample = drawn(name, 1, canvas)
    for harm, apply in HARMS.items():
        verdict = judged(sample, apply(sample.solution))
        assert (verdict.passed, verdict.score) == (True, 1), (harm, verdict)
        verdict = judged(sample, apply(sample.puzzle))
        assert (verdict.reason, verdict.score) == ("no_answer", 0), (harm, verdict)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("canvas", [(224, 288)])
def test_every_corruption_fails_for_its_reason(name, canvas):
    sample = drawn(name, 2, canvas)
    for corruption, prediction in generator(name).corruptions(sample):
        verdict = generator(name).check(sample, prediction)
        assert not verdict.passed and verdict.score <= 0.5, corruption
        expected = REASONS.get(corruption, {"wrong_answer", "changed_scene", "no_answer"})
        if prediction.kind != "text":
            assert verdict.reason in expected | {"ambiguous_answer"}, corruption
        if corruption in REASONS:
            assert verdict.reason in expected, (corruption, verdict)
        if prediction.kind == "image":
            picture = np.ascontiguousarray(prediction.content)
            for harm in (coded(picture, 23), scaled(picture, 0.5)):
                assert not judged(sample, harm).passed, corruption


@pytest.mark.parametrize("name", NAMES)
def test_progress_counts_places_and_is_worth_at_most_half(name):
    sample = drawn(name)
    page = page_of(sample)
    scores = []
    for num_filled in range(len(page.wanted) + 1):
        values = [value if i < num_filled else 0 for i, value in enumerate(page.wanted)]
        verdict = judged(sample, page.filled(values))
        assert verdict.details["predicted"] == values
        scores.append(verdict.score)
    assert scores == sorted(scores)
    assert (scores[0], scores[-1]) == (0, 1)
    assert max(scores[:-1]) < 0.5


@pytest.mark.parametrize("name", NAMES)
def test_the_clip_fills_place_after_place(name):
    sample = drawn(name, canvas=(256, 256))
    page = page_of(sample)
    frames = np.stack([f.copy() for f in page.frames(sample.solution, FramePlan.of(81, 16))])
    done = [progress(page.wanted, page.read(frame)) for frame in frames[5:65:3]]
    assert done[0] < 0.5
    if len(page.wanted) > 1:
        assert sum(done[:10]) < sum(done[10:])
        assert any(0.2 < share < 0.8 for share in done)
    assert (frames[64] == sample.solution).all()
    assert (frames[60] != sample.solution).any()


@pytest.mark.parametrize("name", NAMES)
def test_guesses_are_spread_over_all_values(name):
    page = page_of(drawn(name))
    task, sample = generator(name), drawn(name)
    guesses = [task.baseline("random", sample, seed).content for seed in range(40)]
    values = np.array([page.read(guess) for guess in guesses])
    assert set(values.ravel().tolist()) >= set(page.wanted)
    assert len({tuple(row) for row in values.tolist()}) > 1
    assert task.baseline("straight", sample, 0) is None


@pytest.mark.parametrize("name", NAMES)
def test_every_style_is_judged_alike(name):
    task = generator(name)
    assert set(task.styles()) == {"classic", "paper", "blueprint"}
    for look in task.styles().values():
        sample = drawn(name, 3, (256, 256), **{k: tuple(v) for k, v in look.items()})
        harmed = scaled(coded(sample.solution, 23), 0.5)
        assert judged(sample, harmed).passed
        assert judged(sample, sample.puzzle).reason == "no_answer"


def test_styles_in_which_nothing_could_be_read_are_refused():
    task = generator("sudoku")
    for look in ({"paper": (120, 120, 120)}, {"ink": (200, 200, 200)}, {"pencil": (250, 240, 240)}):
        with pytest.raises(ValueError, match=r"paper|pencil"):
            task.Style(**look)
    with pytest.raises(ValueError, match="multiples of 32"):
        task.Config(canvas=(250, 256))


def test_an_overlay_tells_right_wrong_and_missing_places():
    sample = drawn("sudoku")
    page = page_of(sample)
    values = [page.wanted[0], page.wanted[1] % 4 + 1, *([0] * (len(page.wanted) - 2))]
    overlay = judged(sample, page.filled(values), overlay=True).overlay
    corners = [tuple(overlay[place.top, place.left]) for place in page.places[:3]]
    assert corners == [(40, 170, 70), (230, 0, 200), (90, 140, 240)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_prompts_are_filled_and_hold_no_answer(name, language):
    task = generator(name)
    sampler = Sampler(task, task.Config(), task.Style(), 0)
    instances = [sampler.draw(index, 0) for index in range(16)]
    for audience in ("video", "image", "vlm"):
        texts = [task.prompts(instance, audience, language) for instance in instances]
        if name in ("sudoku", "jigsaw", "rects"):  # without placeholders
            assert len(set(texts)) == len(task.prompt_texts()[audience][language]) >= 3
        for instance, text in zip(instances, texts, strict=True):
            assert not re.search(r"[{}\n\\]|  ", text)
            assert bool(re.search(r"[一-鿿]", text)) == (language == "zh")
            assert text.count("<answer>") == text.count("</answer>") == (audience == "vlm")
            assert task.parse(text).value is None
            assert task.answer(instance) not in text or name == "circle-count"
            if audience == "image":
                words = r"\b(?:video|frame|camera|timeline|second)\b|视频|镜头|帧|秒"
                assert not re.search(words, text)
