"""Pictures of mazes: what must pass, what must fail, and what verdicts tell."""

import cv2
import networkx as nx
import numpy as np
import pytest

from generators.maze.square import SquareMaze
from generators.maze.square_scene import instance_layout
from vtb.core.types import Prediction

MAZE = SquareMaze()
LAYOUTS = [(5, None), (7, 160), (9, 288), (13, 128), (17, 128), (21, 128), (21, 256), (15, 512)]


@pytest.fixture(scope="module")
def nine(maze):
    return maze(9, canvas=288)


def sketch_of(sample):
    return MAZE.sketch(sample.instance, sample.puzzle)


def layout_of(sample):
    return instance_layout(sample.instance.data, sample.instance.style)


def truth_in(sample, colour, width):
    """The solution painted over by a line of other colour and width."""
    layout = layout_of(sample)
    picture = sample.puzzle.copy()
    half = layout.cell // 2
    centres = [layout.corner(cell) for cell in sample.instance.solution]
    points = np.array([(x + half, y + half) for x, y in centres], np.int32)
    cv2.polylines(picture, [points], False, colour, width)
    return picture


@pytest.mark.parametrize(("size", "canvas"), LAYOUTS)
def test_truth_passes_however_it_is_stored(size, canvas, maze, judged, harmless):
    for style in ({}, {"endpoints": "two-colour"}):
        sample = maze(size, index=size, canvas=canvas, **style)
        verdict = judged(sample, sample.solution)
        assert (verdict.score, verdict.passed) == (1, True), verdict
        assert verdict.details["cells"] == sample.instance.solution
        for name, harm in harmless.items():
            assert judged(sample, harm(sample.solution)).passed, (name, style)


@pytest.mark.parametrize(("size", "canvas"), LAYOUTS)
def test_an_untouched_puzzle_is_no_answer(size, canvas, maze, judged, harmless):
    sample = maze(size, index=size, canvas=canvas)
    for name, harm in {"png": lambda p: p, **harmless}.items():
        verdict = judged(sample, harm(sample.puzzle))
        assert (verdict.reason, verdict.score) == ("no_answer", 0), name


@pytest.mark.parametrize("colour", [(160, 20, 20), (230, 70, 30), (255, 0, 0), (230, 80, 90)])
@pytest.mark.parametrize("factor", [0.5, 1, 1.5])
def test_other_reds_and_widths_pass(colour, factor, nine, judged, coded):
    width = round(factor * 32 / 3)
    assert judged(nine, coded(truth_in(nine, colour, width), 23)).passed


def test_other_colours_are_no_path(nine, judged):
    for colour in ((220, 150, 30), (30, 220, 30), (40, 40, 240), (255, 215, 215)):
        assert not judged(nine, truth_in(nine, colour, 10)).passed


def test_stray_pixels_and_bleed_are_no_hits(nine, judged):
    picture = nine.solution.copy()
    picture[16, 16] = picture[200, 280] = (255, 0, 0)
    near_path = (cv2.dilate((picture != nine.puzzle).any(axis=2) * np.uint8(1), None)) > 0
    bled = picture.copy()
    bled[near_path] = (220, 30, 30)
    assert judged(nine, picture).passed
    assert judged(nine, bled).passed


def test_the_line_may_stop_short_of_an_end_but_not_by_half_a_cell(nine, judged):
    layout = layout_of(nine)
    end, before = nine.instance.solution[-1], nine.instance.solution[-2]
    (x, y), (px, py) = layout.corner(end), layout.corner(before)
    towards = np.sign([x - px, y - py])

    def cut(cells):
        pixels = int(cells * 32)
        picture = nine.solution.copy()
        x0, y0 = np.array([px, py]) + np.maximum(towards, 0) * (32 - pixels)
        high, wide = np.where(towards[::-1] != 0, pixels, 32)
        picture[y0 : y0 + high, x0 : x0 + wide] = 255
        return judged(nine, picture)

    assert cut(0.4).passed
    assert cut(0.8).reason == "disconnected"


def test_a_slip_into_a_side_alley_is_forgiven_a_branch_is_not(maze, judged):
    sample = next(s for s in (maze(9, i, canvas=288) for i in range(20)) if side_alley(s))
    path_cell, alley = side_alley(sample)
    layout = layout_of(sample)
    (x, y), (ax, ay) = layout.corner(path_cell), layout.corner(alley)

    def poked(cells):
        start = np.array([x + 16, y + 16])
        tip = start + (np.array([ax - x, ay - y]) * (0.5 + cells)).astype(int)
        picture = sample.solution.copy()
        cv2.line(picture, start.tolist(), tip.tolist(), (220, 30, 30), 10, cv2.LINE_4)
        return judged(sample, picture)

    assert poked(0.05).passed
    assert poked(0.5).reason == "not_simple"
    assert poked(1).reason == "not_simple"


def side_alley(sample):
    path = sample.instance.solution
    open_cells = {
        i for i, block in enumerate("".join(sample.instance.data["grid"])) if block == "."
    }
    sides = [(a, a + step) for a in path[1:-1] for step in (1, -1, 9, -9)]
    return next(((a, b) for a, b in sides if b in open_cells and b not in path), None)


@pytest.mark.parametrize(("size", "canvas"), [(5, None), (9, 288), (13, 128), (21, 256), (15, 512)])
@pytest.mark.parametrize("algorithm", ["wilson", "braid"])
def test_every_corruption_fails_for_its_reason(
    size, canvas, algorithm, maze, judged, coded, expected
):
    sample = maze(size, 1, canvas=canvas, config={"algorithm": algorithm, "braid_share": 1})
    seen = set()
    for name, prediction in MAZE.corruptions(sample):
        seen.add(name)
        verdict = MAZE.check(sample, prediction)
        assert not verdict.passed, name
        assert verdict.score <= 0.5, name
        if prediction.kind != "text":
            assert verdict.reason in expected[name], name
        if prediction.kind == "image":
            stored = judged(sample, coded(prediction.content, 23))
            assert (stored.passed, stored.reason in expected[name]) == (False, True), name
    needs_room = {"dead_end", "decoy", "loop", "straight", "partial", "added_wall", "moved_end"}
    needs_room |= {"video_partial", "shut_passage", "off_centre"}
    rare = {"loop", "straight", "shut_passage"}
    assert seen >= expected.keys() - (needs_room if size == 5 else rare)
    assert ("loop" in seen) >= (size > 5 and algorithm == "braid")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_sweep_of_sizes_and_canvases(seed, maze, judged, harmless):
    rng = np.random.default_rng(seed)
    size = int(rng.choice([5, 7, 9, 11, 13, 15, 17, 19, 21]))
    canvas = int(rng.choice([c for c in (128, 160, 192, 224, 256, 320, 384, 512) if c >= 6 * size]))
    style = {"endpoints": str(rng.choice(["same", "two-colour"]))}
    sample = maze(size, canvas=canvas, seed=1000 + seed, **style)
    for name, harm in harmless.items():
        assert judged(sample, harm(sample.solution)).passed, name
    for name, prediction in MAZE.corruptions(sample):
        assert not MAZE.check(sample, prediction).passed, name
        if prediction.kind == "image":
            for harm_name in ("crf23", "half", "blurred", "noisy"):
                picture = harmless[harm_name](prediction.content)
                assert not judged(sample, picture).passed, (name, harm_name)


def is_legal(sample, path):
    """networkx's opinion of a path, in either direction."""
    data = sample.instance.data
    open_cells = [i for i, block in enumerate("".join(data["grid"])) if block == "."]
    graph = nx.Graph((i, i + step) for i in open_cells for step in (1, data["cols"]))
    graph = graph.subgraph(open_cells)
    joins_ends = {path[0], path[-1]} == {data["start"], data["goal"]}
    return joins_ends and set(path) <= set(graph) and nx.is_simple_path(graph, path)


@pytest.mark.parametrize("size", [5, 9])
def test_foreign_and_mirrored_paths_pass_only_where_they_are_legal(size, maze, judged):
    verdicts = set()
    for index in range(60):
        sample, other = (maze(size, index, seed=seed, cell=12) for seed in (0, 1))
        own = np.arange(size * size).reshape(size, size)
        path = sample.instance.solution
        images = [view.ravel()[path].tolist() for view in (own[:, ::-1], own[::-1], own.T)]
        for foreign in (other.instance.solution, *images):
            verdict = judged(sample, sketch_of(sample).strokes(foreign))
            assert verdict.passed == is_legal(sample, foreign)
            verdicts.add(verdict.passed)
    assert verdicts == ({True, False} if size == 5 else {False} | verdicts)


def test_pictures_of_other_mazes_are_another_scene(nine, maze, judged):
    assert judged(nine, maze(9, 5, canvas=288).solution).reason == "changed_scene"
    assert judged(nine, nine.solution[:, ::-1]).reason == "changed_scene"
    assert judged(nine, nine.solution.transpose(1, 0, 2)).reason == "changed_scene"


def test_another_shape_without_the_scene_is_the_wrong_size(nine, judged):
    assert judged(nine, np.zeros((200, 600, 3), np.uint8)).reason == "wrong_size"
    assert judged(nine, nine.solution[:140]).reason == "wrong_size"


def test_any_simple_path_of_a_braided_maze_passes(maze, judged):
    passed = 0
    for index in range(12):
        config = {"algorithm": "braid", "braid_share": 1, "min_path": 5}
        sample = maze(9, index, cell=12, config=config)
        data = sample.instance.data
        cells = [i for i, block in enumerate("".join(data["grid"])) if block == "."]
        graph = nx.Graph((i, i + step) for i in cells for step in (1, 9)).subgraph(cells)
        for path in list(nx.all_simple_paths(graph, data["goal"], data["start"]))[:3]:
            verdict = judged(sample, sketch_of(sample).strokes(path))
            assert verdict.passed
            assert verdict.details["cells"] in (path, path[::-1])
            passed += path[::-1] != sample.instance.solution
    assert passed > 5


@pytest.mark.parametrize("dots", [1, 2, 3])
def test_red_dots_do_not_hide_a_removed_wall(dots, maze, judged):
    sample = maze(21, canvas=512)
    layout = layout_of(sample)
    removed = dict(MAZE.corruptions(sample))["removed_wall"].content
    changed = judged(sample, removed).details["changed_regions"]
    x, y = layout.corner(changed[0])
    for dy in range(0, 24, 6):
        for dx in range(0, 24, 6):
            removed[y + dy : y + dy + dots, x + dx : x + dx + dots] = (220, 30, 30)
    assert judged(sample, removed).reason in ("changed_scene", "touches_wall")


def test_half_a_wall_may_not_go_nor_half_a_wall_come(nine, judged):
    layout, grid = layout_of(nine), "".join(nine.instance.data["grid"])
    inner_wall = next(i for i in range(10, 71) if grid[i] == "#" and 0 < i % 9 < 8)
    unused = next(i for i, b in enumerate(grid) if b == "." and i not in nine.instance.solution)
    for cell, colour in ((inner_wall, 255), (unused, 0)):
        x, y = layout.corner(cell)
        for part in (np.s_[y : y + 32, x : x + 16], np.s_[y + 11 : y + 21, x : x + 32]):
            picture = nine.solution.copy()
            picture[part] = colour
            verdict = judged(nine, picture)
            assert verdict.reason == "changed_scene"
            assert verdict.details["changed_regions"] == [cell]


def test_a_thin_line_through_a_wall_is_a_hit(maze, judged):
    sample = maze(21, canvas=512)
    layout = layout_of(sample)
    crossing = dict(MAZE.corruptions(sample))["crossed_wall"].content
    thick = judged(sample, crossing)
    assert thick.reason == "touches_wall"
    (wall,) = thick.details["walls_hit"]
    x, y = layout.corner(wall)
    for part in (np.s_[y : y + 24, x + 11 : x + 13], np.s_[y + 11 : y + 13, x : x + 24]):
        picture = sample.solution.copy()
        picture[part] = (220, 30, 30)
        verdict = judged(sample, picture)
        assert (verdict.reason, verdict.details["walls_hit"]) == ("touches_wall", [wall])


def test_red_outside_of_the_maze_is_a_hit(maze, judged):
    sample = maze(9, cell=16)  # 8 px of padding on each side
    picture = sample.solution.copy()
    picture[:5, 100:110] = (220, 30, 30)
    verdict = judged(sample, picture)
    assert verdict.reason == "touches_wall"
    assert (verdict.details["outside_px"], verdict.details["walls_hit"]) == (50, [])


def test_score_never_rises_as_less_of_the_path_is_drawn(nine, judged):
    sketch, path = sketch_of(nine), nine.instance.solution
    scores = [judged(nine, sketch.strokes(path[:length])).score for length in range(1, len(path))]
    assert scores == sorted(scores)
    assert scores[0] == 0
    assert 0.3 < scores[-2] <= 0.5


def test_score_never_rises_with_the_gap(nine, judged):
    sketch, path = sketch_of(nine), nine.instance.solution
    solved = sketch.strokes(path)
    scores = [
        judged(nine, sketch.fill(path[4 : 4 + length], (255, 255, 255), solved)).score
        for length in range(1, len(path) - 5)
    ]
    assert scores == sorted(scores, reverse=True)
    assert judged(nine, solved).score > scores[0]


def test_details_of_a_partial_path(nine, judged):
    path = nine.instance.solution
    details = judged(nine, sketch_of(nine).strokes(path[:5])).details
    assert details["cells"] == path[:5]
    assert details["precision"] == 1
    assert details["recall"] == pytest.approx(6 / len(path), abs=1e-3)
    assert details["legal_prefix"] == pytest.approx(4 / (len(path) - 1), abs=1e-3)
    assert (details["wall_hit"], details["walls_hit"], details["changed_regions"]) == (0, [], [])
    assert 0.2 < details["coverage"] < 0.4


def test_changing_the_style_changes_no_verdict(maze, judged, coded, expected):
    styles = (
        {"cell": 9},
        {"cell": 32, "path_width": 0.2},
        {"wall": (44, 50, 58), "corridor": (214, 218, 224), "endpoints": "two-colour"},
        {"start": (30, 60, 200), "path_width": 0.45, "background": (62, 44, 30)},
    )
    for style in styles:
        sample = maze(11, 3, **style)
        assert judged(sample, coded(sample.solution, 23)).passed
        for name, prediction in MAZE.corruptions(sample):
            if prediction.kind == "image":
                assert judged(sample, coded(prediction.content, 23)).reason in expected[name], name


def test_overlay_tells_legal_extra_and_missing_cells_apart(maze, judged):
    sample = maze(9, 1, canvas=288)
    sketch, path = sketch_of(sample), sample.instance.solution
    layout = layout_of(sample)
    drawn = dict(MAZE.corruptions(sample))["dead_end"].content
    overlay = judged(sample, drawn, overlay=True).overlay
    assert overlay.shape == sample.puzzle.shape
    assert judged(sample, drawn).overlay is None

    def corner_colour(picture, cell):
        x, y = layout.corner(cell)
        return picture[y + 2, x + 2].astype(int)

    extra = judged(sample, drawn).details["cells"]
    partial = judged(sample, sketch.strokes(path[:5]), overlay=True).overlay
    assert np.argmax(corner_colour(partial, path[2])) == 1
    assert np.argmax(corner_colour(partial, path[7])) == 2
    assert len(extra) < len(path)
    branch = corner_colour(overlay, next(c for c in path[1:-1] if c not in extra))
    assert branch[2] < branch[1] <= branch[0] + 60
    crossed = judged(sample, dict(MAZE.corruptions(sample))["crossed_wall"].content, overlay=True)
    assert (crossed.overlay == (230, 0, 200)).all(axis=2).any()


def test_without_a_puzzle_picture_nothing_is_scored(nine, maze, judged):
    from dataclasses import replace

    for puzzle in (None, maze(9, cell=8).puzzle):
        verdict = judged(replace(nine, puzzle=puzzle), nine.solution)
        assert (verdict.score, verdict.passed) == (None, False)


def test_arrays_are_unreadable(nine):
    verdict = MAZE.check(nine, Prediction("maze", "arrays", content=nine.solution))
    assert verdict.reason == "unreadable"
