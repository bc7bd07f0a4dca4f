"""How patterns are drawn: the hidden place gives nothing away, and nothing else ever changes."""

import json
from dataclasses import replace

import numpy as np
import pytest

from generators.visual.box import Box
from generators.visual.figures import Disc, bounds
from generators.visual.pattern_drawing import Easel
from generators.visual.pattern_style import PatternStyle
from generators.visual.shapes import SHAPES, shape
from vtb.core.frames import FramePlan

STYLES = ("classic", "paper", "night")


def easel(generator, instance):
    return Easel.of(generator, instance.data, PatternStyle.model_validate(instance.style))


def test_the_solution_differs_from_the_puzzle_in_the_hidden_box_only(pattern_task, pattern):
    for canvas in ((512, 512), (256, 416), (608, 224)):
        sample = pattern(pattern_task, 1, canvas=canvas)
        assert sample.puzzle.shape == sample.solution.shape == (*canvas, 3)
        changed = (sample.puzzle != sample.solution).any(axis=2)
        box = Box(*sample.instance.data["hidden_box"])
        assert box.of(changed).any()
        box.of(changed)[:] = False
        assert not changed.any()


@pytest.mark.parametrize("style", STYLES)
def test_a_window_is_drawn_as_the_whole(style, pattern_task, pattern_generator, pattern_instance):
    drawn = easel(
        pattern_generator(pattern_task), pattern_instance(pattern_task, 2, 0, (256, 320), style)
    )
    everywhere = Box(0, 0, 320, 256)
    for fill in (None, *drawn.data["options"]):
        pieces = drawn.task.pieces(drawn.data, fill)
        assert (drawn.patch(fill) == drawn.box.of(drawn.draw(pieces, everywhere))).all()


def test_the_puzzle_does_not_show_what_is_hidden(pattern_task, pattern_generator, pattern_instance):
    """Whatever the hidden value, the picture with the question mark is the same."""
    generator, instance = pattern_generator(pattern_task), pattern_instance(pattern_task, 3)
    shown = easel(generator, instance).puzzle()
    for option in instance.data["options"]:
        data = json.loads(json.dumps(instance.data))
        put_in(pattern_task, data["pattern"], option)
        other = easel(generator, replace(instance, data=data)).puzzle()
        assert (other == shown).all(), option


def put_in(task, p, option):
    match task:
        case "color_overlap_squares":
            p["squares"][0] = option
        case "color_size":
            p["shades"][-1] = option
        case "rectangle_height_color":
            p["colours"][-1] = option
        case "shape_size_grid":
            p["sizes"][p["hidden"]], p["shapes"][p["hidden"]] = option.split()
        case "shape_reflect":
            p["shapes"][p["hidden"]] = option
        case "size_cycle" | "size_grid":
            p["sizes"][p["hidden"]] = option
        case _:
            p["colours"][p["hidden"]] = option


def test_patterns_fit_their_canvas_and_leave_the_blank_free(
    pattern_task, pattern_generator, pattern_instance
):
    generator = pattern_generator(pattern_task)
    for index in range(40):
        data = pattern_instance(pattern_task, index).data
        pieces = generator.pieces(data, None)
        assert max(map(abs, bounds([piece.figure for piece in pieces]))) < 0.495
        blanks = [
            p.figure
            for p in pieces
            if p.is_hidden and not p.has_outline and isinstance(p.figure, Disc)
        ]
        discs = [p.figure for p in pieces if not p.is_hidden and isinstance(p.figure, Disc)]
        for blank in blanks:
            for disc in discs:
                gap = np.hypot(blank.x - disc.x, blank.y - disc.y) - blank.radius - disc.radius
                assert gap > 0


def test_all_options_fit_in_the_hidden_box(pattern_task, pattern_generator, pattern_instance):
    drawn = easel(pattern_generator(pattern_task), pattern_instance(pattern_task, 4))
    puzzle, everywhere = drawn.puzzle(), Box(0, 0, *drawn.size)
    for option in drawn.data["options"]:
        whole = drawn.draw(drawn.task.pieces(drawn.data, option), everywhere)
        assert (drawn.filled(option, puzzle) == whole).all(), option


def test_clips_fade_evenly(pattern_task, pattern_generator, pattern_instance):
    generator, instance = pattern_generator(pattern_task), pattern_instance(pattern_task, 0)
    plan = FramePlan.of(17, 16)
    drawn = generator.render(instance, PatternStyle.model_validate(instance.style), plan)
    puzzle, solution = drawn.puzzle.rgb().astype(float), drawn.solution.rgb()
    change = np.abs(solution - puzzle)
    spot = np.unravel_index(change.argmax(), change.shape)
    values = [frame[spot] for frame in drawn.frames][plan.hold_start : -plan.hold_end]
    steps = np.diff([puzzle[spot], *map(float, values)])
    assert values[-1] == solution[spot] and np.ptp(steps) <= 1


def test_shapes_are_about_equally_large():
    areas = {}
    for name in SHAPES:
        figure = shape(name, 0, 0, 1)
        if isinstance(figure, Disc):
            areas[name] = np.pi * figure.radius**2
            continue
        x, y = np.array(figure.points).T
        areas[name] = 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))
    assert max(areas.values()) < 1.4 * min(areas.values()), areas


def test_a_mirrored_shape_is_upside_down():
    for name in ("triangle", "heart"):
        upright, mirrored = (
            np.array(shape(name, 0.1, 0.2, 1, mirrored=flip).points) for flip in (False, True)
        )
        assert np.allclose(mirrored - (0.1, 0.2), (upright - (0.1, 0.2)) * (1, -1))
        turned = np.array(shape(name, 0.1, 0.2, 1, 180).points)
        assert np.allclose(turned - (0.1, 0.2), (0.1, 0.2) - upright)


@pytest.mark.parametrize(
    "colours",
    [
        {"orange": (255, 217, 110)},
        {"blue": (235, 238, 240)},
        {"hidden": (111, 168, 220)},
        {"ink": (240, 240, 240)},
        {"background": (255, 217, 102)},
        {"ink": (220, 0, 0)},
    ],
)
def test_styles_that_hide_something_are_refused(colours):
    with pytest.raises(ValueError, match="too much alike"):
        PatternStyle(**colours)
