"""The judgement of pattern puzzles: every option is read as itself, and damage is noticed."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from generators.visual.box import Box
from generators.visual.figures import Path, Piece
from generators.visual.lab import distance, lab
from generators.visual.palette import COLOURS
from generators.visual.pattern_drawing import Easel
from generators.visual.pattern_style import PatternStyle
from vtb.core.answers import wrap
from vtb.core.types import Prediction, Reason
from vtb.media.video import encode, read_frames

STYLES = ("classic", "paper", "night")
GREEN, MAGENTA, BLUE, YELLOW = (40, 170, 70), (230, 0, 200), (90, 140, 240), (240, 200, 40)
ALL_MARKS = (GREEN, MAGENTA, BLUE, YELLOW)


def coded(picture, crf=23):
    height, width = picture.shape[:2]
    clip = encode([picture] * 3, num_frames=3, height=height, width=width, fps=8, crf=crf)
    return read_frames(clip)[-1]


def scaled(picture, factor):
    height, width = (round(side * factor) for side in picture.shape[:2])
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return cv2.resize(picture, (width, height), interpolation=method)


def noisy(picture, sigma=4):
    noise = np.random.default_rng(0).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).round().astype(np.uint8)


HARMS = {
    "crf 23": coded,
    "half after crf 23": lambda p: scaled(coded(p), 0.5),
    "one and a half": lambda p: scaled(p, 1.5),
    "shift": lambda p: np.roll(p, (1, -1), (0, 1)),
    "noise": noisy,
    "blur": lambda p: cv2.GaussianBlur(p, (0, 0), 1),
    "drift": lambda p: np.clip(p * 0.97 + 4, 0, 255).astype(np.uint8),
}


def easel_of(generator, sample):
    return Easel.of(
        generator, sample.instance.data, PatternStyle.model_validate(sample.instance.style)
    )


def apart(style, one, other):
    """The CIELAB distance of two named colours."""
    first, second = lab(np.array([[style.rgb(one), style.rgb(other)]], np.uint8))[0]
    return float(distance(first, second))


@pytest.mark.parametrize("style", STYLES)
def test_every_option_is_read_as_itself_from_small_clips(
    style, pattern_task, pattern, pattern_generator, pattern_verdict
):
    """Told apart at 256 px, after crf 23 and half size."""
    for index in range(2):
        sample = pattern(pattern_task, index, canvas=(256, 256), style=style)
        drawn = easel_of(pattern_generator(pattern_task), sample)
        for option in drawn.data["options"]:
            picture = HARMS["half after crf 23"](drawn.filled(option, sample.puzzle))
            verdict = pattern_verdict(sample, picture)
            assert verdict.details["predicted"] == option, (index, verdict)
            is_right = option == sample.answer
            assert verdict.reason is (Reason.OK if is_right else Reason.WRONG_ANSWER)
            assert (verdict.passed, verdict.score) == (is_right, float(is_right))


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("canvas", [(224, 224), (256, 320), (512, 512), (1024, 1024)])
def test_truth_passes_and_blanks_do_not(canvas, style, pattern_task, pattern, pattern_verdict):
    for index in range(10, 16):
        sample = pattern(pattern_task, index, 3, canvas, style)
        for harm, apply in HARMS.items():
            verdict = pattern_verdict(sample, apply(sample.solution))
            assert verdict.passed, (index, harm, verdict)
            assert pattern_verdict(sample, apply(sample.puzzle)).reason is Reason.NO_ANSWER


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("canvas", [(224, 224), (512, 512)])
def test_corruptions_fail(canvas, style, pattern_task, pattern, pattern_generator):
    generator = pattern_generator(pattern_task)
    for index in range(10, 14):
        sample = pattern(pattern_task, index, 3, canvas, style)
        for name, prediction in generator.corruptions(sample):
            assert not generator.check(sample, prediction).passed, name
            if prediction.kind == "image":
                for harm in ("crf 23", "blur", "noise"):
                    harmed = HARMS[harm](np.ascontiguousarray(prediction.content))
                    verdict = generator.check(sample, replace(prediction, content=harmed))
                    assert not verdict.passed, (name, harm)


REASONS = {
    "unsolved": {"no_answer"},
    "blank": {"changed_scene"},
    "all_red": {"changed_scene"},
    "negative": {"changed_scene"},
    "wrong": {"wrong_answer"},
    "all_options": {"no_answer", "ambiguous_answer"},
    "emptied": {"no_answer"},
    "inked": {"no_answer"},
    "half_faded": {"no_answer"},
    "half_done": {"no_answer", "ambiguous_answer"},
    "erased_scene": {"changed_scene"},
    "erased_piece": {"changed_scene"},
    "recoloured_piece": {"changed_scene"},
    "added_spot": {"changed_scene"},
    "text_nothing": {"no_answer"},
    "text_wrong": {"wrong_answer"},
    "text_all": {"ambiguous_answer"},
    "text_two": {"ambiguous_answer"},
    "text_outside": {"no_answer"},
    "text_prose": {"no_answer"},
    "text_changed_mind": {"no_answer"},
    "text_bare": {"no_answer"},
    "video_unsolved": {"no_answer"},
    "video_late": {"no_answer"},
    "video_undone": {"no_answer"},
    "video_wrong": {"wrong_answer"},
    "video_half_faded": {"no_answer"},
}


def test_corruptions_fail_for_the_right_reason(pattern_task, pattern, pattern_generator):
    generator = pattern_generator(pattern_task)
    sample = pattern(pattern_task, 5, canvas=(256, 256))
    seen = set()
    for name, prediction in generator.corruptions(sample):
        kind = "wrong" if name.startswith("wrong_") else name
        seen.add(kind)
        verdict = generator.check(sample, prediction)
        assert verdict.reason in REASONS[kind] and not verdict.passed, (name, verdict)
    assert seen >= REASONS.keys()


def test_no_piece_of_the_scene_may_be_erased_or_recoloured(
    pattern_task, pattern, pattern_generator, pattern_verdict
):
    for style, canvas in zip(STYLES, ((256, 256), (512, 512), (224, 224)), strict=True):
        sample = pattern(pattern_task, 6, canvas=canvas, style=style)
        drawn = easel_of(pattern_generator(pattern_task), sample)
        pieces = list(drawn.task.pieces(drawn.data, sample.answer))
        for number, piece in enumerate(pieces):
            if piece.is_hidden or not piece.has_outline or isinstance(piece.figure, Path):
                continue
            like = min(
                (hue for hue in COLOURS if hue not in piece.colour),
                key=lambda hue: apart(drawn.style, hue, piece.colour),
            )
            for change in ([], [replace(piece, colour=like)]):
                scene = [*pieces[:number], *change, *pieces[number + 1 :]]
                picture = coded(drawn.draw(scene, Box(0, 0, *drawn.size)))
                verdict = pattern_verdict(sample, picture)
                assert verdict.reason is Reason.CHANGED_SCENE, (style, number, change)


def test_sizes_and_shapes_elsewhere_may_not_change(pattern, pattern_generator, pattern_verdict):
    for task in ("size_grid", "size_cycle", "shape_size_grid", "shape_reflect"):
        sample = pattern(task, 1)
        generator = pattern_generator(task)
        p = sample.instance.data["pattern"]
        key, others = ("shapes", ("star", "circle")) if "shapes" in p else ("sizes", None)
        others = others or ("small", "medium", "large")
        place = next(i for i in range(len(p[key])) if i != p["hidden"])
        for other in others:
            if other == p[key][place]:
                continue
            values = [other if i == place else value for i, value in enumerate(p[key])]
            data = {**sample.instance.data, "pattern": {**p, key: values}}
            style = PatternStyle.model_validate(sample.instance.style)
            moved = Easel.of(generator, data, style)
            picture = moved.filled(sample.answer, moved.puzzle())
            assert pattern_verdict(sample, picture).reason is Reason.CHANGED_SCENE, (task, other)


def test_a_shape_the_wrong_way_up_is_wrong(pattern, pattern_generator, pattern_verdict):
    generator = pattern_generator("shape_reflect")
    found = 0
    for index in range(30):
        sample = pattern("shape_reflect", index)
        if sample.answer in ("triangle", "star", "pentagon", "heart"):
            found += 1
            picture = easel_of(generator, sample).filled(
                f"unmirrored {sample.answer}", sample.puzzle
            )
            verdict = pattern_verdict(sample, coded(picture))
            assert verdict.reason is Reason.WRONG_ANSWER
            assert verdict.details["predicted"] == f"unmirrored {sample.answer}"
    assert found > 3


def test_details_measure_the_place_and_the_scene(pattern_task, pattern, pattern_verdict):
    sample = pattern(pattern_task, 2)
    exact = pattern_verdict(sample, sample.solution).details
    assert exact["pixel_distance"] == exact["outside_difference"] == exact["changed_cells"] == 0
    assert exact["predicted"] == sample.answer and exact["scene_score"] == pytest.approx(1)
    assert set(sample.instance.data["options"]) <= exact["distances"].keys()
    blank = pattern_verdict(sample, sample.puzzle).details
    assert blank["pixel_distance"] > 8 and blank["predicted"] is None


def test_the_final_stable_state_of_a_clip_counts(pattern, pattern_generator):
    sample = pattern("color_hexagon", 3, canvas=(256, 256))
    generator = pattern_generator("color_hexagon")
    puzzle, solution = sample.puzzle, sample.solution
    for frames, reason in (
        ([puzzle] * 4 + [solution] * 8, Reason.OK),
        ([puzzle] * 4 + [solution] * 8 + [puzzle], Reason.OK),
        ([puzzle] * 11 + [solution], Reason.NO_ANSWER),
        ([solution] * 9 + [puzzle] * 3, Reason.NO_ANSWER),
    ):
        prediction = Prediction(sample.id, "video", content=np.stack(frames))
        assert generator.check(sample, prediction).reason is reason


def test_text_is_one_option(pattern_task, pattern, pattern_generator):
    generator, sample = pattern_generator(pattern_task), pattern(pattern_task, 1)
    wrong = next(o for o in sample.instance.data["options"] if o != sample.answer)
    for text, reason in (
        (wrap(sample.answer), "ok"),
        (wrap(f" {sample.answer.title()}. "), "ok"),
        (f"{wrap(wrong)} then {wrap(sample.answer)}", "no_answer"),
        (wrap(wrong), "wrong_answer"),
        (sample.answer, "no_answer"),
        (wrap(f"{sample.answer} {wrong}"), "ambiguous_answer"),
    ):
        verdict = generator.check(sample, Prediction(sample.id, "text", text=text))
        assert verdict.reason == reason, (text, verdict)


def test_overlay_colours_what_is_right_missing_wrong_and_too_much(
    pattern, pattern_generator, pattern_verdict
):
    sample = next(
        s for s in (pattern("size_grid", i, 1) for i in range(40)) if s.answer == "medium"
    )
    drawn = easel_of(pattern_generator("size_grid"), sample)
    for fill, colours in {
        "medium": {GREEN},
        "small": {GREEN, BLUE},
        "large": {GREEN, YELLOW},
        None: {BLUE},
    }.items():
        picture = drawn.filled(fill, sample.puzzle) if fill else sample.puzzle
        overlay = pattern_verdict(sample, picture, overlay=True).overlay
        new = overlay[(overlay != sample.puzzle).any(axis=2)]
        counts = {colour: (new == colour).all(axis=1).sum() for colour in ALL_MARKS}
        for colour, count in counts.items():
            assert (count > 1700) if colour in colours else (count < 1300), (fill, counts)
    hexagon = pattern("color_hexagon", 2)
    drawn = easel_of(pattern_generator("color_hexagon"), hexagon)
    wrong = next(o for o in drawn.data["options"] if o != hexagon.answer)
    overlay = pattern_verdict(hexagon, drawn.filled(wrong, hexagon.puzzle), overlay=True).overlay
    assert (overlay == MAGENTA).all(axis=2).sum() > 5000
    spotted = Piece(drawn.task.pieces(drawn.data, None)[0].figure, "green")
    scene = [*drawn.task.pieces(drawn.data, hexagon.answer), spotted]
    picture = drawn.draw(scene, Box(0, 0, *drawn.size))
    assert (pattern_verdict(hexagon, picture, overlay=True).overlay == MAGENTA).any()


def test_random_baseline_is_right_at_the_rate_of_chance(pattern, pattern_generator):
    generator = pattern_generator("color_grid")
    samples = [pattern("color_grid", index, canvas=(224, 224)) for index in range(40)]
    guesses = [generator.baseline("random", sample, 7) for sample in samples]
    again = [generator.baseline("random", sample, 7) for sample in samples]
    assert all((a.content == b.content).all() for a, b in zip(guesses, again, strict=True))
    right = sum(
        generator.check(sample, guess).passed
        for sample, guess in zip(samples, guesses, strict=True)
    )
    assert 2 <= right <= 20
    assert generator.baseline("other", samples[0], 0) is None
