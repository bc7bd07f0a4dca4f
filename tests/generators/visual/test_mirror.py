"""Mirror puzzles: numpy as oracle, exact capacity, and colours that stay apart."""

from itertools import combinations

import numpy as np
import pytest

from generators.visual.cells import read_colours
from generators.visual.mirror import Mirror
from generators.visual.worksheet_page import Place
from generators.visual.worksheet_style import PAINTS
from vtb.core.answers import wrap
from vtb.core.generator import Sampler
from vtb.core.rng import stream
from vtb.core.types import Prediction, Sample

TASK = Mirror()
WHITE = (255, 255, 255)


def draw(index=0, **config):
    return Sampler(TASK, TASK.Config(**config), TASK.Style(), 0).draw(index, 0)


@pytest.mark.parametrize("config", [{}, {"rows": 3, "cols": 4, "fill": 1}, {"fill": 0.01}])
def test_the_solution_is_its_own_mirror_image(config):
    for index in range(8):
        instance = draw(index, **config)
        given, whole = np.array(instance.data["left"]), np.array(instance.solution)
        assert (whole[:, : given.shape[1]] == given).all()
        assert (whole == np.fliplr(whole)).all()
        share = TASK.Config(**config).fill
        assert np.count_nonzero(given) == max(1, round(share * given.size))


def test_every_puzzle_of_a_small_config_is_drawn_alike_often():
    config = TASK.Config(rows=2, cols=4, fill=0.5, colours=2)
    assert TASK.capacity(config) == 6 * 2**2
    contents = [TASK.sample(stream("mirror", i), config) for i in range(2400)]
    _, counts = np.unique([str(c.data) for c in contents], return_counts=True)
    assert len(counts) == 24
    assert ((counts - 100) ** 2 / 100).sum() < 49.7  # chi squared, 23 degrees, p > 1e-3


def test_reflection_in_a_horizontal_line_is_the_same_puzzle_in_disguise():
    data = draw().data
    upside_down = {"left": data["left"][::-1]}
    assert TASK.identity(upside_down) != TASK.identity(data)
    assert min(TASK.symmetries(upside_down)) == min(TASK.symmetries(data))
    wide, tall = {"left": [[1, 0], [2, 3]]}, {"left": [[1], [0], [2], [3]]}
    assert TASK.identity(wide) != TASK.identity(tall)


def test_settings_that_make_no_puzzle_are_refused():
    with pytest.raises(ValueError, match="even"):
        TASK.Config(cols=7)
    with pytest.raises(ValueError, match="larger canvas"):
        TASK.Config(rows=16, cols=16, canvas=(224, 224))


def test_cells_have_48_px_unless_there_is_a_canvas():
    for rows, cols, shape in ((6, 8, (288, 384, 3)), (5, 4, (256, 192, 3))):
        page = TASK.page(draw(rows=rows, cols=cols), TASK.Style())
        assert page.puzzle.shape == shape
        assert {(p.right - p.left, p.bottom - p.top) for p in page.places} == {(48, 48)}


def test_paints_are_far_apart():
    colours = np.array([WHITE, *PAINTS.values()], float)
    assert min(np.linalg.norm(a - b) for a, b in combinations(colours, 2)) > 70


def read(cell):
    return read_colours(cell, [Place(0, 0, 48, 48)], [WHITE, *PAINTS.values()])[0]


def test_a_cell_has_a_colour_only_when_it_is_full_of_it():
    blank = np.full((48, 48, 3), 255, np.uint8)
    assert read(blank) == 0
    for value, paint in enumerate(PAINTS.values(), 1):
        full = np.full_like(blank, paint)
        assert read(full) == value
        assert read((full * 0.85 + blank * 0.15).astype(np.uint8)) == value
        half, striped = full.copy(), full.copy()
        half[:24] = 255
        striped[::2] = 255
        assert read(half) == read(striped) == read(full // 2 + blank // 2) == -1
        dotted = blank.copy()
        dotted[20:24, 20:24] = paint
        assert read(dotted) == 0
    for colour in ((0, 0, 0), (128, 128, 128), (255, 0, 255), (0, 255, 255)):
        assert read(np.full_like(blank, colour)) == -1


def test_cells_painted_by_mistake_count_against_those_that_are_right():
    instance = draw()
    page = TASK.page(instance, TASK.Style())
    sample = Sample("m", instance, {}, "", page.puzzle, page.filled(page.wanted))

    def progress(values):
        picture = page.filled(values)
        verdict = TASK.check(sample, Prediction("m", "image", content=picture))
        assert not verdict.passed
        return verdict.details["progress"]

    empty, full = page.wanted.index(0), next(i for i, v in enumerate(page.wanted) if v)
    one_more, one_less = list(page.wanted), list(page.wanted)
    one_more[empty], one_less[full] = 3, 0
    assert progress(one_more) == progress(one_less) == pytest.approx(13 / 14, abs=1e-3)
    assert progress([2] * len(page.wanted)) == 0


def test_a_text_answers_with_palette_numbers():
    instance = draw()
    sample = Sample("m", instance, {}, TASK.answer(instance))

    def passes(rows):
        return TASK.check(sample, Prediction("m", "text", text=wrap(str(rows)))).passed

    assert passes(instance.solution)
    assert not passes(instance.data["left"])
    assert not passes([row[:4] * 2 for row in instance.solution])
