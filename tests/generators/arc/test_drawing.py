"""Pictures read again by the centres of their cells, layouts, and the order of filling."""

import numpy as np
import pytest

from generators.arc.config import ArcStyle
from generators.arc.drawing import filling_order
from generators.arc.placement import MAX_AREA_PX, pairs_of, placements
from generators.arc.task import ArcTask
from vtb.core.config import parse
from vtb.core.errors import UsageError
from vtb.core.frames import FramePlan
from vtb.media.compare import psnr
from vtb.media.video import encode, read_frames

ARC = ArcTask()
MIXED = [((3, 5), (6, 2)), ((7, 4), (1, 1)), ((2, 9), (4, 4))]
LARGE = [((30, 30), (30, 30))] * 5
STYLES = [
    {},
    {"cell": 6},
    {"cell": 14},
    {"cell": 64},
    {"canvas": (480, 832)},
    {"canvas": (512, 512)},
    ARC.styles()["soft"],
]


def read_by_centres(picture, layout, style):
    """Every grid as numbers, None where the pixel in the middle has no colour of the palette."""
    numbers = {colour: number for number, colour in enumerate(style.palette)}
    for placement in layout.placements:
        left, top, right, bottom = placement.bbox
        width, height = (right - left) / placement.cols, (bottom - top) / placement.rows
        yield [
            [
                numbers.get(tuple(map(int, picture[int(top + (r + 0.5) * height)][int(left + c)])))
                for c in (np.arange(placement.cols) + 0.5) * width
            ]
            for r in range(placement.rows)
        ]


@pytest.mark.parametrize("style", STYLES)
def test_pictures_show_every_grid(puzzle, sample, style):
    for data in (puzzle(MIXED), puzzle([((1, 1), (1, 2))] * 2)):
        drawn, look = sample(data, **style), ArcStyle(**style)
        layout = placements(data, look)
        assert drawn.puzzle.shape == drawn.solution.shape == (layout.height, layout.width, 3)
        assert layout.height % 32 == layout.width % 32 == 0
        grids = [grid for pair in pairs_of(data) for grid in pair]
        assert list(read_by_centres(drawn.solution, layout, look)) == grids
        *given, answer = read_by_centres(drawn.puzzle, layout, look)
        assert given == grids[:-1]
        assert {cell for row in answer for cell in row} == {None}
        left, top, right, bottom = layout.answer.bbox
        differs = (drawn.puzzle != drawn.solution).any(axis=2)
        assert not differs[:top].any() and not differs[bottom:].any()
        assert not differs[:, :left].any() and not differs[:, right:].any()


@pytest.mark.parametrize("style", STYLES)
def test_grids_and_arrows_do_not_touch(puzzle, style):
    layout = placements(puzzle(MIXED), ArcStyle(**style))
    taken = np.zeros((layout.height, layout.width), int)
    for placement in layout.placements:
        assert placement.bbox.right - placement.bbox.left == placement.cols * layout.cell
        taken[placement.bbox.grown(8).window] += 1
        assert min(placement.bbox) >= 8
    assert taken.max() == 1
    for box, given, wanted in zip(
        layout.arrows, layout.placements[::2], layout.placements[1::2], strict=True
    ):
        assert given.bbox.right == box.left and wanted.bbox.left == box.right


def test_classic_distances(puzzle):
    layout = placements(puzzle([((3, 3), (3, 3))] * 3), ArcStyle())
    first, output, below = layout.placements[:3]
    assert layout.cell == 32
    assert output.bbox.left - first.bbox.right == 72
    assert below.bbox.top - first.bbox.bottom == 36
    assert first.bbox.left >= 24 and first.bbox.top >= 24


def test_a_canvas_takes_the_largest_cells_that_fit(puzzle):
    data = puzzle([((10, 10), (10, 10))] * 2)
    layout = placements(data, ArcStyle(canvas=(512, 512)))
    assert (512 - 48 - 72) / 20 == 19.6 and layout.cell == 18
    widths = {p.bbox.right - p.bbox.left for p in layout.placements}
    assert widths == {180}


def test_large_tasks_get_smaller_cells_or_are_refused(puzzle):
    data = puzzle(LARGE)
    layout = placements(data, ArcStyle())
    assert 6 <= layout.cell < 32
    assert layout.height * layout.width <= MAX_AREA_PX
    with pytest.raises(UsageError) as error:
        placements(data, ArcStyle(canvas=(512, 512)))
    assert "6 px" in error.value.fact and "canvas" in error.value.hint
    height, width = map(int, error.value.fact.split()[-2].split("x"))
    assert placements(data, ArcStyle(canvas=(height, width))).cell >= 6


@pytest.mark.parametrize("cell", [6, 12, 16, 32, 64])
def test_clips_keep_the_colours(puzzle, sample, cell):
    picture = sample(puzzle([((5, 5), (4, 6))] * 2), cell=cell).solution
    height, width = picture.shape[:2]
    clip = encode([picture] * 3, num_frames=3, height=height, width=width, fps=8)
    assert psnr(read_frames(clip)[-1], picture) > 38


@pytest.mark.parametrize(
    "style",
    [
        {"cell": 5},
        {"cell": 15},
        {"canvas": [500, 512]},
        {"background": [40, 40, 40]},
        {"palette": [[0, 0, 0]] * 10},
        {"palette": [[i * 20, 0, 0] for i in range(10)]},
        {"line": [200, 200, 200]},
    ],
)
def test_styles_that_cannot_be_judged_are_refused(style):
    with pytest.raises(UsageError):
        parse(ArcStyle, style, "test")


def test_cells_fill_in_reading_order():
    assert filling_order([[1, 2], [3, 1]]) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    # 70 % is not above 70 %.
    assert filling_order([[5, 1, 1, 1, 1, 1, 1, 1, 5, 5]])[0] == (0, 0)
    order = filling_order([[5, 1, 1, 1], [1, 1, 1, 6]])
    assert order[:6] == [(0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2)]
    assert order[6:] == [(0, 0), (1, 3)]


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (20, 20)])
def test_the_clip_fills_every_cell_once(puzzle, sample, shape):
    data = puzzle([(shape, shape)] * 2)
    drawn = sample(data, cell=8)
    plan = FramePlan.of(49, 16)
    style = ArcStyle(cell=8)
    frames = [f.copy() for f in ARC.render(drawn.instance, style, plan).frames]
    assert len(frames) == 49
    moving = frames[plan.hold_start - 1 : plan.hold_start + plan.motion]
    window = placements(data, style).answer.bbox.window
    finished = [int((f[window] == drawn.solution[window]).all(axis=2).sum()) for f in moving]
    assert finished == sorted(finished)
    assert (moving[-1] == drawn.solution).all() and (moving[-2] != drawn.solution).any()
    assert (moving[1] != moving[0]).any()
