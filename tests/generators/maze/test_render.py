import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from generators.maze.layout import square_layout
from generators.maze.render import maze_palette, path_width_px
from generators.maze.square import SquareMaze
from vtb.core.errors import UsageError
from vtb.core.frames import FramePlan
from vtb.core.generator import Sampler
from vtb.media.video import encode, read_frames

MAZE = SquareMaze()
PLAN = FramePlan.of(49, 16)
STYLES = tomllib.loads(
    (Path(__file__).parents[3] / "generators" / "maze" / "styles.toml").read_text()
)["maze_square"]


def render(style=None, plan=PLAN, index=0, **config):
    style = style or MAZE.Style()
    instance = Sampler(MAZE, MAZE.Config(**config), style, 0).draw(index, 0)
    return instance, MAZE.render(instance, style, plan)


def drawn_by_pillow(instance, style, layout, with_path):
    """The same picture from rectangles of another library."""
    image = Image.new("RGB", (layout.width, layout.height), style.background)
    draw = ImageDraw.Draw(image)

    def block(cell_id, colour):
        x, y = layout.corner(cell_id)
        draw.rectangle((x, y, x + layout.cell - 1, y + layout.cell - 1), fill=colour)

    for cell_id, text in enumerate("".join(instance.data["grid"])):
        block(cell_id, style.corridor if text == "." else style.wall)
    margin = (layout.cell - path_width_px(layout, style)) // 2
    if with_path:
        for a, b in zip(instance.solution, instance.solution[1:], strict=False):
            (x0, x1), (y0, y1) = map(sorted, zip(layout.corner(a), layout.corner(b), strict=True))
            low, high = margin, layout.cell - 1 - margin
            draw.rectangle((x0 + low, y0 + low, x1 + high, y1 + high), fill=style.path)
    block(instance.data["start"], style.start)
    block(instance.data["goal"], style.goal if style.endpoints == "two-colour" else style.start)
    return np.asarray(image)


@pytest.mark.parametrize("name", STYLES)
@pytest.mark.parametrize("sides", [(9, 9), (5, 13)])
def test_puzzle_and_solution_in_every_shipped_style(name, sides):
    style = MAZE.Style(**STYLES[name])
    instance, rendering = render(style, rows=sides[0], cols=sides[1])
    layout = square_layout(*sides, style.cell)
    assert np.array_equal(
        rendering.puzzle.rgb(), drawn_by_pillow(instance, style, layout, with_path=False)
    )
    assert np.array_equal(
        rendering.solution.rgb(), drawn_by_pillow(instance, style, layout, with_path=True)
    )
    assert rendering.puzzle.pixels.shape == tuple(-(-n * style.cell // 32) * 32 for n in sides)


def test_classic_is_the_default_and_the_benchmark_look():
    assert MAZE.Style(**STYLES["classic"]) == MAZE.Style()
    assert MAZE.Style(**STYLES["videothinkbench"]) == MAZE.Style()


@pytest.mark.parametrize("frames", [17, 49, 81])
@pytest.mark.parametrize("endpoints", ["same", "two-colour"])
def test_frames_lead_from_puzzle_to_solution_at_constant_speed(frames, endpoints):
    plan = FramePlan.of(frames, 16)
    style = MAZE.Style(endpoints=endpoints, cell=20)
    instance, rendering = render(style, plan, index=3)
    clip = np.stack([frame.copy() for frame in rendering.frames])
    assert len(clip) == frames
    assert (clip[: plan.hold_start] == rendering.puzzle.rgb()).all()
    assert (clip[-plan.hold_end - 1 :] == rendering.solution.rgb()).all()
    assert not np.array_equal(clip[-plan.hold_end - 2], rendering.solution.rgb())
    drawn = (clip != rendering.puzzle.rgb()).any(axis=-1)
    assert (drawn[1:] >= drawn[:-1]).all(), "what is drawn stays"
    area = drawn[plan.hold_start : plan.hold_start + plan.motion].sum(axis=(1, 2))
    visible_px = (len(instance.solution) - 2) * 20
    steps = np.arange(1, plan.motion + 1)
    width = path_width_px(square_layout(9, 9, 20), style)
    assert area.tolist() == (width * (visible_px * steps // plan.motion)).tolist()


@pytest.mark.parametrize("style", [{}, {"cell": 33}, STYLES["paper"], STYLES["slate"]])
def test_clips_survive_encoding(style):
    _, rendering = render(MAZE.Style(**style))
    frames = [frame.copy() for frame in rendering.frames]
    height, width = frames[0].shape[:2]
    content = encode(frames, num_frames=PLAN.num_frames, height=height, width=width, fps=PLAN.fps)
    error = np.mean((read_frames(content).astype(float) - frames) ** 2)
    assert 10 * np.log10(255**2 / error) > 38


def test_clip_starts_at_the_start():
    instance, rendering = render(MAZE.Style(endpoints="two-colour"), index=5, min_path=6)
    puzzle = rendering.puzzle.rgb()
    early = next(frame for frame in rendering.frames if not np.array_equal(frame, puzzle))
    ys, xs = np.nonzero((early != puzzle).any(axis=-1))
    layout = square_layout(9, 9, 32)
    next_block = layout.corner(instance.solution[1])
    assert (xs // 32 * 32 == next_block[0]).all()
    assert (ys // 32 * 32 == next_block[1]).all()


@pytest.mark.parametrize("share", [0.15, 1 / 3, 0.5])
def test_path_width_is_near_its_share_with_even_margins(share):
    style = MAZE.Style(path_width=share)
    for cell in range(6, 129):
        width = path_width_px(square_layout(5, 5, cell), style)
        assert (cell - width) % 4 == 0
        assert max(2, cell * share - 2) <= width <= max(5, cell * share + 2)


def test_ids_are_printed_on_every_block_and_nowhere_else():
    style = MAZE.Style(cell=40)
    _, rendering = render(style, rows=7, cols=9)
    (column,) = MAZE.columns()
    printed, puzzle = rendering.extra[column].rgb(), rendering.puzzle.rgb()
    layout = square_layout(7, 9, 40)
    inked = (printed != puzzle).any(axis=-1)
    for cell_id in range(63):
        x, y = layout.corner(cell_id)
        assert 20 < inked[y : y + 40, x : x + 40].sum() < 500
        inked[y + 4 : y + 36, x + 4 : x + 36] = False
    assert not inked.any()
    assert (printed == style.ids).all(axis=-1).sum() > 1000


def test_ids_differ_between_blocks():
    _, rendering = render(MAZE.Style(cell=40), rows=5, cols=5)
    mask = rendering.extra["image_vlm"].pixels - rendering.puzzle.pixels
    tiles = {
        mask[y : y + 40, x : x + 40].tobytes() for y in range(0, 200, 40) for x in range(0, 200, 40)
    }
    assert len(tiles) == 25


def test_canvas_takes_the_largest_whole_blocks_and_centres_them():
    _, rendering = render(MAZE.Style(canvas=(480, 832)), rows=9, cols=9)
    pixels = rendering.puzzle.pixels
    assert pixels.shape == (480, 832)
    corridor = np.argwhere(pixels > 1)
    assert corridor.min(axis=0).tolist() == [1 + 53, 177 + 53]
    assert corridor.max(axis=0).tolist() == [1 + 53 * 8 - 1, 177 + 53 * 8 - 1]


def test_a_canvas_that_is_too_small_is_a_usage_error():
    with pytest.raises(UsageError, match="does not fit its canvas"):
        render(MAZE.Style(canvas=(96, 96)), rows=21, cols=21)


@pytest.mark.parametrize(
    "style",
    [
        {"wall": (120, 120, 120)},
        {"corridor": (120, 120, 120)},
        {"path": (30, 30, 220)},
        {"path": (120, 0, 0)},
        {"canvas": (500, 500)},
        {"cell": 5},
        {"path_width": 0.9},
        {"ids": (0, 0, 256)},
    ],
)
def test_styles_that_a_verifier_could_not_read_are_refused(style):
    with pytest.raises(ValueError, match="validation error"):
        MAZE.Style(**style)


def test_palette_has_one_entry_per_ink():
    palette = maze_palette(MAZE.Style(endpoints="two-colour"))
    assert palette.shape == (6, 3)
    assert tuple(palette[4]) == MAZE.Style().goal
