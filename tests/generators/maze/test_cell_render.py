"""Pictures and clips of hexagonal mazes and labyrinths."""

import math
from itertools import pairwise

import numpy as np
import pytest

from generators.maze.hexagon import HexagonMaze
from generators.maze.hexagon_layout import hexagon_layout
from generators.maze.labyrinth import LabyrinthMaze
from generators.maze.labyrinth_layout import labyrinth_layout
from vtb.core.errors import UsageError
from vtb.core.frames import FramePlan
from vtb.core.generator import Sampler
from vtb.media.video import encode, read_frames

MAZES = {"hexagon": HexagonMaze(), "labyrinth": LabyrinthMaze()}
PLAN = FramePlan.of(49, 16)
STYLES = [(kind, name) for kind, maze in MAZES.items() for name in maze.styles()]


def render(kind, style=None, plan=PLAN, index=0, **config):
    maze = MAZES[kind]
    style = maze.Style.model_validate(style or {})
    instance = Sampler(maze, maze.Config(**config), style, 0).draw(index, 0)
    return instance, maze.render(instance, style, plan)


def facts(kind, instance):
    """Cell size, wall, height and width of a drawing."""
    maze = MAZES[kind]
    layout = maze.layout(instance.data, maze.Style.model_validate(instance.style))
    return layout.cell, layout.wall, layout.height, layout.width


@pytest.mark.parametrize(("kind", "name"), STYLES)
def test_puzzle_in_every_shipped_style(kind, name, by_pillow):
    maze = MAZES[kind]
    instance, rendering = render(kind, maze.styles()[name], index=4)
    style = maze.Style.model_validate(instance.style)
    ours = rendering.puzzle.rgb().astype(float)
    theirs = by_pillow[kind](instance.data, style, *facts(kind, instance))
    error = np.abs(ours - theirs).max(axis=2)
    assert error.mean() < 1.5
    assert (error > 100).mean() < 5e-4


@pytest.mark.parametrize(
    ("kind", "config", "style"),
    [
        ("hexagon", {"radius": 5}, {"canvas": (256, 256)}),
        ("hexagon", {"radius": 1, "min_path": 2}, {"cell": 60, "wall_px": 14}),
        ("hexagon", {"radius": 2}, {"canvas": (320, 224), "light_rim": True}),
        ("labyrinth", {"rings": 5, "segments": 6}, {"canvas": (256, 256)}),
        ("labyrinth", {"rings": 1, "segments": 3}, {"cell": 60, "wall_px": 8}),
        ("labyrinth", {"rings": 2, "segments": 16}, {"canvas": (320, 480), "wall_px": 6}),
    ],
)
def test_puzzle_at_other_sizes(kind, config, style, by_pillow):
    instance, rendering = render(kind, style, **config)
    whole = MAZES[kind].Style.model_validate(instance.style)
    theirs = by_pillow[kind](instance.data, whole, *facts(kind, instance))
    error = np.abs(rendering.puzzle.rgb().astype(float) - theirs).max(axis=2)
    assert error.mean() < 3
    assert (error > 110).mean() < 1e-3


def lines_by_pillow(pillow, layout, path, width):
    """The share of each pixel that a line along the path covers, markers left out."""
    canvas = pillow(layout.height, layout.width, (0, 0, 0))
    for a, b in pairwise(path):
        for c, d in pairwise(layout.track(a, b)):
            canvas.bar(c, d, width, 0, (255, 255, 255))
            canvas.disc(*c, width / 2, (255, 255, 255))
    for end in (path[0], path[-1]):
        canvas.disc(*layout.centre(end), layout.marker_radius(end) + 1, (0, 0, 0))
    return canvas.pixels()[..., 0] / 255


@pytest.mark.parametrize("kind", MAZES)
def test_the_solution_adds_one_line_in_path_colour(kind, pillow):
    maze = MAZES[kind]
    style = maze.Style(canvas=(512, 512), endpoints="two-colour")
    instance, rendering = render(kind, style, index=6, min_path=6)
    layout = maze.layout(instance.data, style)
    width = layout.path_px(style.path_width)
    puzzle, solution = rendering.puzzle.rgb(), rendering.solution.rgb()
    narrow = lines_by_pillow(pillow, layout, instance.solution, width - 3)
    assert (solution[narrow > 0.99] == style.path).all()
    y, x = np.indices(narrow.shape) + 0.5
    ends = [np.hypot(x - cx, y - cy) for cx, cy in map(layout.centre, instance.solution[::-1])]
    wide = lines_by_pillow(pillow, layout, instance.solution, width + 2)
    away = (wide == 0) & (ends[0] > 20) & (ends[-1] > 20)
    assert np.array_equal(solution[away], puzzle[away])
    for end, colour in ((0, style.start), (-1, style.goal)):
        inside = ends[::-1][end] < layout.marker_radius(instance.solution[end]) - 1
        assert (solution[inside] == colour).all()


def test_tracks_of_labyrinths_follow_the_rings():
    layout = labyrinth_layout(3, 8, 48)
    for ring in (1, 2, 3):
        for k in range(8):
            cell, after = 1 + (ring - 1) * 8 + k, 1 + (ring - 1) * 8 + (k + 1) % 8
            points = np.array(layout.track(cell, after)) - layout.middle
            radii = np.hypot(*points.T)
            assert np.allclose(radii, layout.inner_radius(ring) + layout.corridor / 2)
            assert np.allclose(points[0] + layout.middle, layout.centre(cell))
            assert np.allclose(points[-1] + layout.middle, layout.centre(after))
            assert len(points) >= 9
            steps = np.hypot(*np.diff(points, axis=0).T)
            assert steps.max() <= 2 * radii[0] * math.sin(math.radians(1)) + 1e-6
            assert np.allclose(layout.track(after, cell), layout.track(cell, after)[::-1])
    assert len(layout.track(0, 3)) == len(layout.track(3, 11)) == len(layout.track(3, 7)) == 2


@pytest.mark.parametrize("frames", [17, 49, 81])
@pytest.mark.parametrize("kind", MAZES)
@pytest.mark.parametrize("endpoints", ["same", "two-colour"])
def test_frames_lead_from_puzzle_to_solution_at_constant_speed(kind, frames, endpoints):
    plan = FramePlan.of(frames, 16)
    style = {"canvas": (256, 256), "endpoints": endpoints}
    _, rendering = render(kind, style, plan, index=3, min_path=6)
    puzzle, solution = rendering.puzzle.rgb(), rendering.solution.rgb()
    clip = np.stack([frame.copy() for frame in rendering.frames])
    assert len(clip) == frames
    assert (clip[: plan.hold_start] == puzzle).all()
    assert (clip[-plan.hold_end - 1 :] == solution).all()
    assert not np.array_equal(clip[-plan.hold_end - 2], solution)
    is_puzzle, is_solution = (clip == puzzle).all(axis=-1), (clip == solution).all(axis=-1)
    assert (is_puzzle | is_solution).all(), "only the solution's pixels are uncovered"
    drawn = ~is_puzzle
    assert (drawn[1:] >= drawn[:-1]).all(), "what is drawn stays"
    growth = np.diff(drawn[plan.hold_start - 1 : plan.hold_start + plan.motion].sum(axis=(1, 2)))
    assert growth.min() > 0
    inner = growth[1:-1]
    assert inner.max() < 2.5 * np.median(inner) + 12


@pytest.mark.parametrize("kind", MAZES)
def test_clip_starts_at_the_start(kind):
    maze = MAZES[kind]
    style = maze.Style(endpoints="two-colour", canvas=(512, 512))
    instance, rendering = render(kind, style, index=5, min_path=5)
    puzzle = rendering.puzzle.rgb()
    early = next(frame for frame in rendering.frames if not np.array_equal(frame, puzzle))
    ys, xs = np.nonzero((early != puzzle).any(axis=-1))
    layout = maze.layout(instance.data, style)
    x, y = layout.centre(instance.solution[0])
    assert np.hypot(xs - x, ys - y).max() < 1.5 * layout.cell


@pytest.mark.parametrize("name", ["videothinkbench", "slate"])
@pytest.mark.parametrize("kind", MAZES)
def test_clips_survive_encoding(kind, name):
    _, rendering = render(kind, MAZES[kind].styles()[name])
    frames = [frame.copy() for frame in rendering.frames]
    height, width = frames[0].shape[:2]
    content = encode(frames, num_frames=PLAN.num_frames, height=height, width=width, fps=PLAN.fps)
    error = np.mean((read_frames(content).astype(float) - frames) ** 2)
    assert 10 * np.log10(255**2 / error) > 38


@pytest.mark.parametrize("kind", MAZES)
def test_ids_are_printed_in_every_cell_and_nowhere_else(kind):
    maze = MAZES[kind]
    style = maze.Style(canvas=(512, 512))
    instance, rendering = render(kind, style)
    (column,) = maze.columns()
    printed, puzzle = rendering.extra[column].rgb(), rendering.puzzle.rgb()
    inked = (printed != puzzle).any(axis=-1)
    layout = maze.layout(instance.data, style)
    y, x = np.indices(inked.shape) + 0.5
    for cell in range(layout.num_cells):
        cx, cy = layout.centre(cell)
        near = np.hypot(x - cx, y - cy) < layout.clearance(cell)
        assert 20 < inked[near].sum() < 0.4 * near.sum()
        inked[near] = False
    assert not inked.any()
    assert (printed == style.ids).all(axis=-1).sum() > 1000


@pytest.mark.parametrize("kind", MAZES)
def test_ids_differ_between_cells(kind):
    maze = MAZES[kind]
    style = maze.Style(canvas=(512, 512))
    instance, rendering = render(kind, style)
    inked = (rendering.extra["image_vlm"].rgb() != rendering.puzzle.rgb()).any(axis=-1)
    layout = maze.layout(instance.data, style)
    tiles = set()
    for cell in range(layout.num_cells):
        x, y = (round(v) for v in layout.centre(cell))
        tiles.add(inked[y - 12 : y + 12, x - 14 : x + 14].tobytes())
    assert len(tiles) == layout.num_cells


@pytest.mark.parametrize(
    ("layout", "cell", "wall", "height", "width"),
    [
        (hexagon_layout(3, 99, None, (512, 512)), 40, 6, 512, 512),
        (hexagon_layout(4, 99, None, (480, 480)), 29, 6, 480, 480),
        (hexagon_layout(3, 40), 40, 6, 512, 480),
        (hexagon_layout(3, 40, 10), 40, 10, 544, 480),
        (hexagon_layout(1, 60), 60, 10, 352, 320),
        (labyrinth_layout(3, 8, 9, None, (512, 512)), 49, 12, 512, 512),
        (labyrinth_layout(3, 8, 48), 48, 12, 512, 512),
        (labyrinth_layout(6, 18, 18, 6), 18, 6, 352, 352),
        (labyrinth_layout(2, 6, 20, None, (480, 832)), 60, 15, 480, 832),
    ],
)
def test_canvas_takes_the_largest_whole_cells(layout, cell, wall, height, width):
    assert (layout.cell, layout.wall) == (cell, wall)
    assert (layout.height, layout.width) == (height, width)


def test_a_labyrinth_reaches_from_edge_to_edge_as_published():
    layout = labyrinth_layout(3, 8, 9, None, (512, 512))
    assert layout.inner_radius(0) == 24
    assert layout.inner_radius(3) + layout.cell == 256


@pytest.mark.parametrize(
    ("kind", "style", "config", "fact"),
    [
        ("hexagon", {"canvas": (224, 224)}, {"radius": 5}, "hexagons of 10 px"),
        ("hexagon", {"cell": 12, "wall_px": 9}, {}, "walls of 9 px"),
        ("hexagon", {"canvas": (32, 32)}, {"radius": 60}, "no cell fits"),
        ("labyrinth", {"cell": 11}, {}, "rings of 11 px"),
        ("labyrinth", {"cell": 20}, {"segments": 40}, "40 segments"),
        ("labyrinth", {"canvas": (128, 128)}, {"rings": 5}, "no cell fits|rings of"),
    ],
)
def test_mazes_too_small_to_be_verified_are_refused(kind, style, config, fact):
    with pytest.raises(UsageError, match="too small to be verified") as error:
        render(kind, style, **config)
    assert any(part in error.value.fact for part in fact.split("|"))
    assert "larger" in error.value.hint


@pytest.mark.parametrize(("kind", "smallest"), [("hexagon", 12), ("labyrinth", 12)])
def test_the_smallest_cells(kind, smallest):
    render(kind, {"cell": smallest})


@pytest.mark.parametrize("kind", MAZES)
@pytest.mark.parametrize(
    "style",
    [
        {"wall": (120, 120, 120)},
        {"corridor": (120, 120, 120)},
        {"path": (30, 30, 220)},
        {"canvas": (500, 500)},
        {"cell": 6},
        {"wall_px": 5},
        {"path_width": 0.9},
        {"start": (220, 230, 240)},
    ],
)
def test_styles_that_a_verifier_could_not_read_are_refused(kind, style):
    with pytest.raises(ValueError, match="validation error"):
        MAZES[kind].Style(**style)


def test_a_path_is_never_wider_than_an_opening():
    layout = labyrinth_layout(2, 6, 60, 8)
    assert layout.opening_px == 12
    assert layout.path_px(0.35) == 8
    assert labyrinth_layout(3, 8, 9, None, (512, 512)).path_px(0.2) == 9
    assert hexagon_layout(3, 40).path_px(0.35) == 14


@pytest.mark.parametrize("kind", MAZES)
def test_the_preset_is_drawn_as_published(kind):
    maze = MAZES[kind]
    preset = maze.presets()["videothinkbench"]
    style = maze.Style(**maze.styles()[preset["style"]])
    instance, rendering = render(kind, style, **preset["config"])
    assert rendering.puzzle.pixels.shape == (512, 512)
    layout = maze.layout(instance.data, style)
    assert (layout.cell, layout.wall) == {"hexagon": (40, 6), "labyrinth": (49, 12)}[kind]
    colours = {(16, 16, 16), (0, 0, 0), (240, 240, 240), (220, 30, 30)}
    assert colours <= {tuple(c) for c in np.unique(rendering.puzzle.rgb().reshape(-1, 3), axis=0)}
