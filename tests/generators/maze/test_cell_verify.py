"""Answers to hexagonal mazes and labyrinths: what must pass, what must fail, and why."""

import itertools
import json

import cv2
import networkx as nx
import numpy as np
import pytest

from generators.maze.hexagon import HexagonMaze
from generators.maze.labyrinth import LabyrinthMaze
from vtb.core.answers import wrap
from vtb.core.errors import UsageError
from vtb.core.types import Prediction
from vtb.media.video import encode

MAZES = {"hexagon": HexagonMaze(), "labyrinth": LabyrinthMaze()}
RED, WHITE = (220, 30, 30), (240, 240, 240)
LAYOUTS = [
    ("hexagon", {"radius": 1}, {"canvas": 128}),
    ("hexagon", {"radius": 3}, {"canvas": 352}),
    ("hexagon", {"radius": 5}, {"canvas": 256}),
    ("hexagon", {"radius": 2}, {"cell": 12}),
    ("labyrinth", {"rings": 1, "segments": 4}, {"canvas": 128}),
    ("labyrinth", {}, {"canvas": 352}),
    ("labyrinth", {"rings": 5, "segments": 8}, {"canvas": 256}),
    ("labyrinth", {"rings": 2, "segments": 16}, {"canvas": 320}),
    ("labyrinth", {"rings": 2, "segments": 6}, {"cell": 12}),
]
# Red lines along thin walls tint them when they are encoded.
TINTED = {name: {"touches_wall", "changed_scene"} for name in ("off_centre", "straight")}
# Only these do not touch the edges of their canvas.
MAY_MOVE = {"hexagon"}


def judged(sample, picture, **options):
    maze = MAZES[sample.instance.generator.removeprefix("maze-")]
    return maze.check(sample, Prediction(sample.id, "image", content=picture), **options)


def told(sample, ids):
    maze = MAZES[sample.instance.generator.removeprefix("maze-")]
    return maze.check(sample, Prediction(sample.id, "text", text=wrap(json.dumps(ids))))


def generator_of(sample):
    return MAZES[sample.instance.generator.removeprefix("maze-")]


def sketch_of(sample):
    return generator_of(sample).sketch(sample.instance, sample.puzzle)


def layout_of(sample):
    maze = generator_of(sample)
    return maze.layout(sample.instance.data, maze.Style.model_validate(sample.instance.style))


def graph_of(sample):
    return nx.Graph(map(tuple, sample.instance.data["passages"]))


@pytest.mark.parametrize(("kind", "config", "drawing"), LAYOUTS)
def test_truth_passes_however_it_is_stored(kind, config, drawing, cell_maze, harmless):
    for index, style in enumerate(({}, {"endpoints": "two-colour"})):
        sample = cell_maze(kind, index + 2, config=config, **drawing, **style)
        verdict = judged(sample, sample.solution)
        assert (verdict.score, verdict.passed) == (1, True), verdict
        assert verdict.details["cells"] in (
            sample.instance.solution,
            sample.instance.solution[::-1],
        )
        for name, harm in harmless.items():
            if name != "shifted_2_percent" or kind in MAY_MOVE:
                assert judged(sample, harm(sample.solution)).passed, (name, style)


@pytest.mark.parametrize(("kind", "config", "drawing"), LAYOUTS)
def test_an_untouched_puzzle_is_no_answer(kind, config, drawing, cell_maze, harmless):
    sample = cell_maze(kind, 1, config=config, **drawing)
    for name, harm in {"png": lambda p: p, **harmless}.items():
        if name != "shifted_2_percent" or kind in MAY_MOVE:
            verdict = judged(sample, harm(sample.puzzle))
            assert (verdict.reason, verdict.score) == ("no_answer", 0), name


def test_hexagons_pass_with_a_blur_of_two_pixels(cell_maze):
    for drawing in ({"canvas": 256}, {"canvas": 512}):
        sample = cell_maze("hexagon", 4, **drawing)
        assert judged(sample, cv2.GaussianBlur(sample.solution, (0, 0), 2)).passed


@pytest.mark.parametrize("kind", MAZES)
def test_neighbouring_ends_need_a_line_between_them(kind, cell_maze):
    for index in range(6):
        sample = cell_maze(kind, index, config={"min_path": 2, "max_path": 2}, canvas=256)
        assert judged(sample, sample.puzzle).reason == "no_answer"
        assert judged(sample, sample.solution).passed
        assert told(sample, sample.instance.solution).passed


@pytest.mark.parametrize("number", range(len(LAYOUTS)))
def test_every_corruption_fails_for_its_reason(number, cell_maze, coded, expected):
    kind, config, drawing = LAYOUTS[number]
    algorithm = ("wilson", "braid")[number % 2]
    config = {**config, "algorithm": algorithm, "braid_share": 1}
    sample = cell_maze(kind, 3, config=config, **drawing)
    allowed = expected | TINTED
    if len(sample.instance.solution) == 3:  # only the stubs at both ends are left
        allowed["gap"] = allowed["video_gap"] = {"disconnected", "no_answer"}
    seen = set()
    for name, prediction in generator_of(sample).corruptions(sample):
        seen.add(name)
        verdict = generator_of(sample).check(sample, prediction)
        assert not verdict.passed, name
        assert verdict.score <= 0.5, name
        if prediction.kind != "text":
            assert verdict.reason in allowed[name], name
        if prediction.kind == "image":
            stored = judged(sample, coded(prediction.content, 23))
            assert (stored.passed, stored.reason in allowed[name]) == (False, True), name
    small = {"dead_end", "decoy", "loop", "straight", "partial", "video_partial", "off_centre"}
    small |= {"added_wall", "moved_end", "shut_passage", "crossed_wall", "opened_wall"}
    rare = small | {"removed_wall"}
    assert seen >= expected.keys() - rare
    if len(graph_of(sample)) > 20:
        assert seen >= {"dead_end", "crossed_wall", "opened_wall", "removed_wall", "shut_passage"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", MAZES)
@pytest.mark.parametrize("seed", range(40))
def test_sweep_of_sizes_and_canvases(kind, seed, cell_maze, harmless):
    rng = np.random.default_rng(seed)
    config = {"algorithm": str(rng.choice(["wilson", "dfs", "braid"]))}
    config["endpoints"] = str(rng.choice(["random", "corners"]))
    if kind == "hexagon":
        config["radius"] = int(rng.integers(1, 6))
    else:
        config["rings"] = int(rng.integers(1, 6))
        config["segments"] = int(rng.choice([4, 5, 6, 8, 12, 16]))
    style = {"endpoints": str(rng.choice(["same", "two-colour"]))}
    try:
        canvas = int(rng.choice([192, 256, 320, 384, 512]))
        sample = cell_maze(kind, seed=1000 + seed, canvas=canvas, config=config, **style)
    except UsageError:
        pytest.skip("too small to be verified")
    for name, harm in harmless.items():
        if name != "shifted_2_percent" or kind in MAY_MOVE:
            assert judged(sample, harm(sample.solution)).passed, name
    for name, prediction in generator_of(sample).corruptions(sample):
        assert not generator_of(sample).check(sample, prediction).passed, name
        if prediction.kind == "image":
            for harm_name in ("crf23", "half", "blurred", "noisy"):
                picture = harmless[harm_name](prediction.content)
                assert not judged(sample, picture).passed, (name, harm_name)


@pytest.mark.parametrize("kind", MAZES)
@pytest.mark.parametrize("colour", [(160, 20, 20), (230, 70, 30), (255, 0, 0), (230, 80, 90)])
@pytest.mark.parametrize("factor", [0.5, 1, 1.5])
def test_other_reds_and_widths_pass(kind, colour, factor, cell_maze, coded):
    sample = cell_maze(kind, 5, canvas=384)
    layout = layout_of(sample)
    width = round(factor * layout.path_px(generator_of(sample).Style().path_width))
    picture = sample.puzzle.copy()
    for a, b in itertools.pairwise(sample.instance.solution):
        points = np.array(layout.track(a, b)).round().astype(np.int32)
        cv2.polylines(picture, [points], False, colour, width)
    assert judged(sample, coded(picture, 23)).passed


@pytest.mark.parametrize("kind", MAZES)
def test_other_colours_are_no_path(kind, cell_maze):
    sample = cell_maze(kind, 5, canvas=256)
    is_path = (sample.solution != sample.puzzle).any(axis=2, keepdims=True)
    for colour in ((220, 150, 30), (30, 220, 30), (40, 40, 240), (255, 215, 215)):
        assert not judged(sample, np.where(is_path, np.uint8(colour), sample.solution)).passed


@pytest.mark.parametrize("kind", MAZES)
def test_foreign_and_mirrored_paths_pass_only_where_they_are_legal(kind, cell_maze):
    maze, verdicts = MAZES[kind], []
    config = {"hexagon": {"radius": 1}, "labyrinth": {"rings": 1, "segments": 5}}[kind]
    for index in range(40):
        sample, other = (
            cell_maze(kind, index, seed=seed, canvas=128, config=config) for seed in (0, 1)
        )
        graph, path = graph_of(sample), sample.instance.solution
        ends = {sample.instance.data["start"], sample.instance.data["goal"]}
        images = [[int(row[cell]) for cell in path] for row in maze.board(config).moved[1::3]]
        for foreign in (other.instance.solution, *images):
            legal = {foreign[0], foreign[-1]} == ends and nx.is_simple_path(graph, foreign)
            assert judged(sample, sketch_of(sample).strokes(foreign)).passed == legal
            assert told(sample, foreign).passed == legal
            verdicts.append(legal)
    assert set(verdicts) == {True, False}


@pytest.mark.parametrize("kind", MAZES)
def test_pictures_of_other_mazes_are_another_scene(kind, cell_maze):
    sample = cell_maze(kind, canvas=256)
    assert judged(sample, cell_maze(kind, 5, canvas=256).solution).reason == "changed_scene"
    for turned in (sample.solution[:, ::-1], sample.solution[::-1]):
        assert judged(sample, np.ascontiguousarray(turned)).reason == "changed_scene"
    assert judged(sample, np.zeros((200, 600, 3), np.uint8)).reason == "wrong_size"


@pytest.mark.parametrize("kind", MAZES)
def test_any_simple_path_of_a_braided_maze_passes(kind, cell_maze):
    passed = 0
    for index in range(10):
        config = {"algorithm": "braid", "braid_share": 1, "min_path": 4}
        sample = cell_maze(kind, index, canvas=256, config=config)
        data, graph = sample.instance.data, graph_of(sample)
        every = nx.all_simple_paths(graph, data["goal"], data["start"])
        for path in itertools.islice(every, 3):
            verdict = judged(sample, sketch_of(sample).strokes(path))
            assert verdict.passed
            assert verdict.details["cells"] in (path, path[::-1])
            passed += path[::-1] != sample.instance.solution
    assert passed > 8


def test_a_path_may_round_its_corners(cell_maze):
    sample = cell_maze("hexagon", 6, canvas=384, config={"min_path": 6})
    path = sample.instance.solution
    centres = [np.array(layout_of(sample).centre(cell)) for cell in path]
    quarters = [p + (q - p) * t for p, q in itertools.pairwise(centres) for t in (0.25, 0.75)]
    picture = sample.puzzle.copy()
    line = np.array([centres[0], *quarters, centres[-1]]).round().astype(np.int32)
    cv2.polylines(picture, [line], False, RED, 8)
    assert judged(sample, picture).passed


def test_a_labyrinth_may_be_crossed_beside_its_centre(cell_maze):
    samples = (cell_maze("labyrinth", i, canvas=512) for i in range(60))
    sample = next(s for s in samples if 0 in s.instance.solution[1:-1])
    layout, path = layout_of(sample), sample.instance.solution
    at = path.index(0)
    a, b = (np.array(layout.centre(path[i])) for i in (at - 1, at + 1))
    middle = np.array(layout.middle)
    inside = layout.inner_radius(0) + layout.corridor - 14
    picture = sketch_of(sample).strokes(path[:at])
    picture = sketch_of(sample).strokes(path[at + 1 :], picture)
    corners = [a, *(middle + inside * (p - middle) / np.hypot(*(p - middle)) for p in (a, b)), b]
    cv2.polylines(picture, [np.array(corners).round().astype(np.int32)], False, RED, 9)
    verdict = judged(sample, picture)
    assert verdict.passed
    assert 0 in verdict.details["cells"]


def open_piece(sample, *, on_path):
    """The region of a passage, on the path or not."""
    steps = {*itertools.pairwise(sample.instance.solution)}
    steps |= {(b, a) for a, b in steps}
    passages = sketch_of(sample).passages
    return next(region for edge, region in passages.items() if (edge in steps) == on_path)


def closed_piece(sample, *, along_ring=False):
    """The region of a wall between two cells, and these."""
    for cell in range(len(graph_of(sample))):
        for region, beyond in sketch_of(sample).walls_beside(cell):
            if not along_ring or (cell and beyond and abs(cell - beyond) == 1):
                return region, cell, beyond
    raise AssertionError


@pytest.mark.parametrize("kind", MAZES)
def test_every_wall_and_passage_is_judged_by_itself(kind, cell_maze):
    sample = cell_maze(kind, 2, canvas=512)
    scene, sketch = generator_of(sample).scene(sample.instance), sketch_of(sample)
    wall, passage = closed_piece(sample)[0], open_piece(sample, on_path=False)
    for region, colour in ((wall, WHITE), (passage, (0, 0, 0))):
        picture = sketch.fill([region], colour, sample.solution)
        verdict = judged(sample, picture)
        assert verdict.reason == "changed_scene"
        assert verdict.details["changed_regions"] == [region]
        ys, xs = np.nonzero(scene.parts == region)
        middle = np.median(xs) if np.ptp(xs) >= np.ptp(ys) else np.median(ys)
        half = (xs if np.ptp(xs) >= np.ptp(ys) else ys) < middle
        part = sample.solution.copy()
        part[ys[half], xs[half]] = colour
        assert judged(sample, part).details["changed_regions"] == [region]


@pytest.mark.parametrize(
    ("kind", "config", "style"),
    [
        ("hexagon", {"radius": 2}, {"cell": 12}),
        ("hexagon", {"radius": 2}, {"cell": 20, "wall_px": 12}),
        ("labyrinth", {"rings": 2, "segments": 6}, {"cell": 12}),
        ("labyrinth", {"rings": 2, "segments": 5}, {"cell": 14, "wall_px": 8}),
    ],
)
def test_no_wall_or_passage_is_too_small_to_be_judged(kind, config, style, cell_maze):
    sample = cell_maze(kind, 1, config=config, **style)
    sketch = sketch_of(sample)
    cells = range(len(graph_of(sample)))
    walls = {region for cell in cells for region, _ in sketch.walls_beside(cell)}
    steps = {frozenset(step) for step in itertools.pairwise(sample.instance.solution)}
    unused = {region for edge, region in sketch.passages.items() if frozenset(edge) not in steps}
    assert len(walls) + len(sketch.passages) == len(generator_of(sample).board(config).edges)
    for regions, colour in ((walls, WHITE), (unused, (0, 0, 0))):
        for region in regions:
            picture = sketch.fill([region], colour, sample.solution)
            assert judged(sample, picture).details["changed_regions"] == [region]


@pytest.mark.parametrize("kind", MAZES)
def test_outer_walls_are_judged_too(kind, cell_maze):
    sample = cell_maze(kind, 2, canvas=512)
    scene = generator_of(sample).scene(sample.instance)
    board = generator_of(sample).board(sample.instance.data)
    first = len(board.points) + len(board.edges)
    always = np.arange(first, scene.num_regions - 2)
    assert len(always) == {"hexagon": 6 * 7, "labyrinth": 4 * 8}[kind]
    assert set(always) <= set(np.unique(scene.regions))
    for region in always[:: len(always) // 6]:
        picture = sketch_of(sample).fill([region], WHITE, sample.solution)
        assert judged(sample, picture).details["changed_regions"] == [region]


def test_a_passage_of_the_path_that_a_wall_closes_is_a_change(cell_maze):
    sample = cell_maze("hexagon", 2, canvas=512)
    region = open_piece(sample, on_path=True)
    picture = sketch_of(sample).fill([region], (0, 0, 0), sample.solution)
    is_path = (sample.solution != sample.puzzle).any(axis=2)
    picture[is_path] = sample.solution[is_path]
    verdict = judged(sample, picture)
    assert verdict.reason == "changed_scene"
    assert region in verdict.details["changed_regions"]


@pytest.mark.parametrize("kind", MAZES)
def test_a_thin_line_through_a_wall_is_a_hit(kind, cell_maze):
    sample = cell_maze(kind, 2, canvas=512)
    region, cell, beyond = closed_piece(sample)
    layout = layout_of(sample)
    for width in (2, 4):
        picture = sample.solution.copy()
        points = np.array(layout.track(cell, beyond)).round().astype(np.int32)
        cv2.polylines(picture, [points], False, RED, width)
        verdict = judged(sample, picture)
        assert verdict.reason == "touches_wall"
        assert verdict.details["walls_hit"] == [region]


@pytest.mark.parametrize("kind", MAZES)
def test_red_outside_of_the_maze_is_a_hit(kind, cell_maze):
    sample = cell_maze(kind, 2, canvas=512)
    picture = sample.solution.copy()
    picture[4:9, 20:30] = RED
    verdict = judged(sample, picture)
    assert verdict.reason == "touches_wall"
    assert verdict.details["outside_px"] == 50


def test_a_red_rim_around_a_hexagonal_maze_is_a_hit(cell_maze):
    sample = cell_maze("hexagon", 2, canvas=512, light_rim=True)
    assert judged(sample, sample.solution).passed
    picture = sample.solution.copy()
    layout = layout_of(sample)
    corner = np.array(layout.corners(0, 1.25 * layout.cell)[3]).round().astype(int)
    cv2.circle(picture, tuple(map(int, corner)), 3, RED, -1)
    assert judged(sample, picture).reason == "touches_wall"


@pytest.mark.parametrize("kind", MAZES)
def test_stray_pixels_are_no_hits(kind, cell_maze):
    sample = cell_maze(kind, 2, canvas=512)
    scene = generator_of(sample).scene(sample.instance)
    ys, xs = np.nonzero(scene.solid)
    picture = sample.solution.copy()
    picture[ys[::9000], xs[::9000]] = (255, 0, 0)
    assert judged(sample, picture).passed


@pytest.mark.parametrize("kind", MAZES)
def test_the_line_may_stop_short_of_an_end_but_not_in_the_cell_before(kind, cell_maze):
    sample = cell_maze(kind, 3, canvas=512, config={"min_path": 5})
    layout, path = layout_of(sample), sample.instance.solution
    x, y = layout.centre(path[-1])
    down, right = np.indices(sample.puzzle.shape[:2]) + 0.5
    away = np.hypot(right - x, down - y)

    def without(radius):
        picture = sample.solution.copy()
        picture[away < radius] = sample.puzzle[away < radius]
        return judged(sample, picture)

    assert without(layout.end_reach(path[-1]) - 3).passed
    assert without(1.5 * layout.cell).reason == "disconnected"


@pytest.mark.parametrize("kind", MAZES)
def test_an_erased_or_moved_marker_is_a_change(kind, cell_maze):
    for index in range(4):
        sample = cell_maze(kind, index, canvas=256, endpoints="two-colour")
        layout, goal = layout_of(sample), sample.instance.data["goal"]
        x, y = (round(v) for v in layout.centre(goal))
        radius = round(layout.marker_radius(goal)) + 1
        picture = sample.solution.copy()
        cv2.circle(picture, (x, y), radius, WHITE, -1)
        verdict = judged(sample, picture)
        assert verdict.reason == "changed_scene"
        cv2.circle(picture, (x, y), radius, RED, -1)  # covered by the path's colour
        assert judged(sample, picture).passed


@pytest.mark.parametrize("kind", MAZES)
def test_score_never_rises_as_less_of_the_path_is_drawn(kind, cell_maze):
    sample = cell_maze(kind, 4, canvas=256, config={"min_path": 8})
    sketch, path = sketch_of(sample), sample.instance.solution
    scores = [judged(sample, sketch.strokes(path[:n])).score for n in range(1, len(path))]
    assert scores == sorted(scores)
    assert scores[0] == 0
    assert 0.3 < scores[-1] <= 0.5


@pytest.mark.parametrize("kind", MAZES)
def test_changing_the_style_changes_no_verdict(kind, cell_maze, coded, expected):
    maze = MAZES[kind]
    allowed = expected | TINTED
    for style in (*maze.styles().values(), {"wall_px": 8}):
        sample = cell_maze(kind, 3, config={"min_path": 5}, **{**style, "canvas": 224})
        assert judged(sample, coded(sample.solution, 23)).passed
        for name, prediction in maze.corruptions(sample):
            if prediction.kind == "image":
                reason = judged(sample, coded(prediction.content, 23)).reason
                assert reason in allowed[name], (name, style)


@pytest.mark.parametrize("kind", MAZES)
def test_two_colours_fix_the_direction_of_texts(kind, cell_maze):
    same, two = (cell_maze(kind, 1, endpoints=ends) for ends in ("same", "two-colour"))
    path = same.instance.solution
    assert told(same, path).passed and told(same, path[::-1]).passed
    assert told(two, path).passed
    assert told(two, path[::-1]).reason == "wrong_answer"


@pytest.mark.parametrize("kind", MAZES)
def test_texts_through_walls_are_told_from_jumps(kind, cell_maze):
    sample = cell_maze(kind, 3, config={"min_path": 5})
    path = sample.instance.solution
    _, cell, beyond = closed_piece(sample)
    assert told(sample, [*path[:2], cell, beyond, *path[2:]]).reason == "touches_wall"
    assert told(sample, path[:1] + path[2:]).reason in ("disconnected", "touches_wall")
    assert told(sample, [*path, 1000]).reason == "disconnected"
    assert told(sample, path[:2] + path).reason in ("disconnected", "not_simple")


@pytest.mark.parametrize("kind", MAZES)
def test_baselines(kind, cell_maze):
    maze, straight, random = MAZES[kind], 0, 0
    for index in range(24):
        sample = cell_maze(kind, index, canvas=256, config={"min_path": 2, "max_path": 4})
        board, path = maze.board(sample.instance.data), sample.instance.solution
        headings = {board.steps[step].heading for step in itertools.pairwise(path)}
        verdict = maze.check(sample, maze.baseline("straight", sample, 0))
        if len(headings) > 1 and kind == "hexagon":
            assert not verdict.passed
        if len(headings) == 1 and (kind == "hexagon" or min(headings) >= 0):
            assert verdict.passed
        straight += verdict.passed
        random += maze.check(sample, maze.baseline("random", sample, index)).passed
        assert maze.baseline("oracle", sample, 0) is None
    assert 2 < straight < 24
    assert 2 < random < 24


@pytest.mark.parametrize("kind", MAZES)
@pytest.mark.parametrize("options", [{"crf": 18}, {"crf": 23}, {"lossless": True}])
def test_encoded_clips(kind, options, cell_maze):
    maze = MAZES[kind]
    sample = cell_maze(kind, 2, canvas=256)
    style = maze.Style.model_validate(sample.instance.style)
    from vtb.core.frames import FramePlan

    frames = maze.render(sample.instance, style, FramePlan.of(17, 16)).frames
    clip = encode(frames, num_frames=17, height=256, width=256, fps=16, **options)
    verdict = maze.check(sample, Prediction(sample.id, "video", content=clip))
    assert verdict.passed
    assert verdict.details["last_frame"] == "ok"
    assert verdict.details["monotone"] >= 0.95


@pytest.mark.parametrize("kind", MAZES)
def test_overlay_tells_legal_extra_and_missing_cells_apart(kind, cell_maze):
    sample = cell_maze(kind, 3, canvas=512, config={"min_path": 8})
    sketch, path, layout = sketch_of(sample), sample.instance.solution, layout_of(sample)
    overlay = judged(sample, sketch.strokes(path[:4]), overlay=True).overlay
    assert overlay.shape == sample.puzzle.shape

    def beside_the_line(cell):
        scene = generator_of(sample).scene(sample.instance)
        inner = (scene.inner == cell) & (overlay.min(axis=2) > 60)
        return overlay[inner].mean(axis=0)

    assert np.argmax(beside_the_line(path[1])) == 1
    assert np.argmax(beside_the_line(path[-3])) == 2
    assert layout.num_cells == len(graph_of(sample))


def test_without_a_puzzle_picture_nothing_is_scored(cell_maze):
    from dataclasses import replace

    sample = cell_maze("hexagon", canvas=256)
    verdict = judged(replace(sample, puzzle=None), sample.solution)
    assert (verdict.score, verdict.passed) == (None, False)
