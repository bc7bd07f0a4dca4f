"""The ten line tasks: right by other formulas, and nothing to be learned from where options are."""

import json
import math
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import LineString, Point

from generators.eyeballing.board import Board, from_json
from generators.eyeballing.shapes import Arc, Dot, Line
from vtb.core import registry
from vtb.core.errors import VtbError
from vtb.core.frames import FramePlan
from vtb.core.generator import Sampler
from vtb.core.rng import stream

TASKS = [
    "angle_bisector",
    "arc_connect",
    "arc_connect_point_ver",
    "circle_tangent_line",
    "circle_tangent_point",
    "parallel",
    "perpendicular",
    "perpendicular_bisector",
    "ray",
    "ray_reflect",
]
ARCS = ["arc_connect", "arc_connect_point_ver"]
CONFIGS = [
    {},
    {"canvas": (256, 256)},
    {"canvas": (1024, 1024)},
    {"canvas": (480, 832)},
    {"gap": (0.031, 0.031), "point_radius": 4.8},
    {"gap": (0.06, 0.09), "line_width": 8},
    {"options": 3},
    {"options": 7},
]


def load(task):
    return registry.load("eyeballing-" + task.replace("_", "-"))


def draw(task, index=0, seed=0, **config):
    generator = load(task)
    return Sampler(generator, generator.Config(**config), generator.Style(), seed).draw(index, 0)


@cache
def crowd(task, count):
    generator = load(task)
    sampler = Sampler(generator, generator.Config(), generator.Style(), 5)
    return [sampler.draw(index, 0) for index in range(count)]


# How far a point is from being right, from the stored figure, by formulas of their own.


def unit(vector):
    return np.asarray(vector, float) / np.hypot(*vector)


def heading(vector):
    return math.atan2(vector[1], vector[0])


def off_angle_bisector(figure, point):
    vertex, arms = np.array(figure["vertex"]), np.array(figure["arms"])
    turns = [
        abs(math.remainder(heading(point - vertex) - heading(arm - vertex), math.tau))
        for arm in arms
    ]
    return np.hypot(*(point - vertex)) * abs(math.sin((turns[0] - turns[1]) / 2))


def off_parallel(figure, point):
    a, b = np.array(figure["line"])
    side = np.array([[0, -1], [1, 0]]) @ unit(b - a)
    return abs(side @ point - side @ figure["through"])


def off_perpendicular(figure, point):
    a, b = np.array(figure["line"])
    return abs(unit(b - a) @ (point - figure["through"]))


def off_perpendicular_bisector(figure, point):
    a, b = np.array(figure["segment"])
    return abs(unit(b - a) @ (point - (a + b) / 2))


def off_circle_tangent_line(figure, point):
    centre = np.array(figure["centre"])
    return abs(unit(figure["contact"] - centre) @ (point - centre) - figure["radius"])


def off_circle_tangent_point(figure, point):
    centre, outer, radius = np.array(figure["centre"]), figure["point"], figure["radius"]
    middle, half = heading(outer - centre), math.acos(radius / math.dist(outer, centre))
    contacts = [
        centre + radius * np.array([math.cos(turn), math.sin(turn)])
        for turn in (middle - half, middle + half)
    ]
    return min(math.dist(contact, point) for contact in contacts)


def path(mirrors, source, ahead):
    """Corners of a ray by shapely: the nearest mirror hit, then the law of reflection."""
    lines = [LineString(mirror) for mirror in mirrors]
    corners, way, last = [np.array(source)], unit(np.subtract(ahead, source)), None
    while len(corners) < 20:
        start = corners[-1]
        beam = LineString([start, start + 9000 * way])
        hits = [
            (Point(start).distance(spot), k, np.array(spot.coords[0]))
            for k, line in enumerate(lines)
            if k != last and not (spot := beam.intersection(line)).is_empty
        ]
        if not hits:
            return [*corners, start + 9000 * way]
        _, last, hit = min(hits, key=lambda entry: entry[0])
        corners.append(hit)
        a, b = np.array(mirrors[last])
        normal = np.array([[0, -1], [1, 0]]) @ unit(b - a)
        way = way - 2 * (way @ normal) * normal
    raise AssertionError("endless ray")


def off_ray(figure, point):
    corners = path(figure["mirrors"], figure["source"], figure["ray_end"])
    return LineString(corners).distance(Point(point))


def off_ray_reflect(figure, point):
    _, hit, beyond = path([figure["mirror"]], figure["source"], figure["ray_end"])
    return LineString([hit, beyond]).distance(Point(point))


def height(piece, radius, x):
    """Where the circle of an arc is at `x`, on the side of the arc."""
    (cx, cy), (_, y) = piece["centre"], piece["outer"]
    return cy + math.copysign(math.sqrt(radius**2 - (x - cx) ** 2), y - cy)


def off_arcs(figure, point):
    radius, left = figure["radius"], figure["left"]
    right = min(figure["right"], key=lambda piece: math.dist(piece["outer"], point))
    assert right["outer"][1] == pytest.approx(point[1]) and right["outer"][0] < point[0]
    x = (left["inner"][0] + right["inner"][0]) / 2
    return abs(height(left, radius, x) - height(right, radius, x))


OFF = {task: globals().get(f"off_{task}", off_arcs) for task in TASKS}


def spots(data):
    return np.array([[c["x"], c["y"]] for c in data["candidates"]])


def offsets(instance):
    """How far the right option is off, and each of the others."""
    data, measure = instance.data, OFF[instance.task]
    off = [measure(data["figure"], spot) for spot in spots(data)]
    return off.pop("ABCDEFGH".index(data["answer"])), off


def outline(shape):
    """The middle of a stroke, or the area of a dot, as shapely sees it."""
    match shape:
        case Line(a, b):
            return LineString([(a.real, a.imag), (b.real, b.imag)])
        case Dot(centre, radius):
            return Point(centre.real, centre.imag).buffer(radius, 64)
        case Arc():
            turns = [shape.start_deg + shape.sweep_deg * k / 512 for k in range(513)]
            points = [shape.centre + shape.radius * np.exp(1j * math.radians(t)) for t in turns]
            return LineString([(point.real, point.imag) for point in points])


def ink(instance):
    generator = load(instance.task)
    board = Board.of(generator.Config(**instance.config), 0)
    return [outline(s) for s in generator.ink(from_json(instance.data["figure"]), board)]


@pytest.mark.parametrize("task", TASKS)
@settings(
    max_examples=14,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(config=st.sampled_from(CONFIGS), seed=st.integers(0, 2**40), index=st.integers(0, 99))
def test_exactly_one_option_is_right_and_everything_has_room(task, config, seed, index):
    instance = draw(task, index, seed, **config)
    data = instance.data
    width, height_px = data["canvas"]
    gap_px = instance.config["gap"][0] * min(data["canvas"])
    right, wrong = offsets(instance)
    assert right < 1e-6 * min(data["canvas"])
    assert min(wrong) >= 0.9 * gap_px
    assert instance.difficulty["violation_min"] == pytest.approx(min(wrong), abs=0.01)
    radius, markers = data["point_radius"], [Point(spot) for spot in spots(data)]
    assert len(markers) == instance.config["options"]
    assert all(a.distance(b) > 2 * radius for a in markers for b in markers if a is not b)
    canvas = LineString([(0, 0), (width, height_px)]).envelope
    given_ink = ink(instance)
    assert all(canvas.contains(marker.buffer(radius)) for marker in markers)
    assert all(canvas.contains(shape) for shape in given_ink)
    strokes = given_ink[1:] if task == "circle_tangent_point" else given_ink
    least = radius + data["line_width"] / 2
    assert all(shape.distance(marker) > least for shape in strokes for marker in markers)
    assert json.loads(json.dumps(data)) == data


@pytest.mark.parametrize("task", TASKS)
def test_each_option_could_be_the_right_one(task):
    """This is what makes positions say nothing: which is right is decided afterwards."""
    generator, rng = load(task), stream("line-tasks", task)
    board = Board.of(generator.Config(), 0.055)
    drafts = [draft for _ in range(600) if (draft := generator.draft(rng, board)) is not None][:12]
    assert len(drafts) == 12
    for draft in drafts:
        assert len(draft.figures) == len(draft.positions) == board.options
        for right, figure in enumerate(draft.figures):
            off = [generator.residual(figure, point) for point in draft.positions]
            assert off.pop(right) < 1e-6 * board.side
            assert min(off) >= 0.9 * board.gap


@pytest.mark.parametrize("task", TASKS)
def test_letters_are_stratified(task):
    letters = "".join(instance.solution for instance in crowd(task, 1000))
    assert all(sorted(letters[k : k + 5]) == list("ABCDE") for k in range(0, len(letters), 5))


def probes(task, count):
    """The share of puzzles in which an option chosen without looking at the figure is right."""
    instances = crowd(task, count)
    xy = np.array([spots(instance.data) for instance in instances])
    answers = np.array(["ABCDE".index(instance.solution) for instance in instances])
    apart = np.linalg.norm(xy[:, :, None] - xy[:, None], axis=-1)
    nearest = np.where(np.eye(5, dtype=bool), np.inf, apart).min(axis=2)
    measures = {
        "canvas centre": np.linalg.norm(xy - 256, axis=-1),
        "centroid": np.linalg.norm(xy - xy.mean(axis=1, keepdims=True), axis=-1),
        "x": xy[..., 0],
        "y": xy[..., 1],
        "mean distance": apart.mean(axis=2),
        "nearest neighbour": nearest,
        "letter": np.broadcast_to(np.arange(5), xy.shape[:2]),
    }
    # Ties, as in a row, are broken by a hair of noise.
    noise = np.random.default_rng(0).random(xy.shape[:2]) * 1e-3
    return {
        f"{name}, rank {rank}": float((order[:, rank] == answers).mean())
        for name, measure in measures.items()
        for order in [np.argsort(measure + noise, axis=1)]
        for rank in range(5)
    }


@pytest.mark.parametrize("task", TASKS)
def test_positions_and_letters_give_nothing_away(task):
    shares = probes(task, 1000)
    assert max(shares.values()) <= 0.26, shares


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_positions_and_letters_give_nothing_away_in_five_thousand(task):
    shares = probes(task, 5000)
    assert max(shares.values()) <= 0.225 and min(shares.values()) >= 0.175, shares


def test_the_middle_of_the_given_line_does_not_tell_where_its_perpendicular_goes():
    hits = 0
    for instance in crowd("perpendicular", 1000):
        middle = np.mean(instance.data["figure"]["line"], axis=0)
        distances = np.linalg.norm(spots(instance.data) - middle, axis=1)
        hits += "ABCDE"[distances.argmin()] == instance.solution
    assert hits <= 400


def test_a_perpendicular_crosses_the_line_and_a_parallel_does_not():
    for task, crosses in (("perpendicular", True), ("parallel", False)):
        for instance in crowd(task, 1000)[:100]:
            figure, letter = instance.data["figure"], instance.solution
            right = spots(instance.data)["ABCDE".index(letter)]
            drawn = LineString([figure["through"], right])
            assert drawn.crosses(LineString(figure["line"])) is crosses


def test_both_contacts_of_a_circle_are_used_alike_and_others_make_no_right_angle():
    left = 0
    for instance in crowd("circle_tangent_point", 1000):
        figure, answer = instance.data["figure"], "ABCDE".index(instance.solution)
        rim = spots(instance.data) - figure["centre"]
        assert np.hypot(*rim.T) == pytest.approx(figure["radius"])
        outward = np.subtract(figure["point"], figure["centre"]) - rim
        cosines = abs((rim * outward).sum(1)) / np.hypot(*rim.T) / np.hypot(*outward.T)
        assert cosines[answer] < 1e-6 and np.delete(cosines, answer).min() >= 0.28
        spread = math.degrees(math.acos((rim[0] @ rim[4]) / figure["radius"] ** 2))
        assert 96 - 1e-6 <= spread <= 132
        left += rim[answer][0] * outward[answer][1] > rim[answer][1] * outward[answer][0]
    assert 420 <= left <= 580


def test_a_reflected_ray_keeps_the_rule():
    for instance in crowd("ray_reflect", 1000)[:200]:
        figure, side = instance.data["figure"], 512
        source, end = np.array(figure["source"]), np.array(figure["ray_end"])
        a, b = np.array(figure["mirror"])
        hit = np.array(path([figure["mirror"]], source, end)[1])
        assert end == pytest.approx((source + hit) / 2)
        assert 0.24 <= math.dist(a, hit) / math.dist(a, b) <= 0.76
        cosine = abs(unit(b - a) @ unit(hit - source))
        assert 0.47 <= cosine <= 0.88  # from the mirror, and so from its normal
        assert LineString([a, b]).distance(Point(source)) >= 0.22 * side - 1e-6


def test_rays_are_reflected_before_their_option_and_stay_off_the_others():
    for instance in crowd("ray", 1000)[:60]:
        figure, side = instance.data["figure"], 512
        mirrors = [LineString(mirror) for mirror in figure["mirrors"]]
        assert len(mirrors) == 12 and all(0.12 <= m.length / side <= 0.22 for m in mirrors)
        assert min(a.distance(b) for a in mirrors for b in mirrors if a is not b) > 0.04 * side
        corners = path(figure["mirrors"], figure["source"], figure["ray_end"])
        assert 2 <= len(corners) - 2 == instance.difficulty["n_reflections"]
        assert all(math.dist(a, b) > 0.05 * side for a, b in pairwise(corners))
        right = spots(instance.data)["ABCDE".index(instance.solution)]
        first = LineString(corners[:3])
        inside = LineString(corners).intersection(LineString([(0, 0), (512, 512)]).envelope)
        before = LineString(corners).project(Point(right))
        assert before >= max(inside.length / 2, first.length) - 1e-3 or first.touches(Point(right))
        assert min(offsets(instance)[1]) >= max(8, 0.03 * side)


def test_the_ray_is_drawn_to_the_border_of_the_canvas():
    generator, instance = load("ray"), draw("ray", canvas=(480, 832))
    board = Board.of(generator.Config(canvas=(480, 832)), 0)
    strokes = generator.construction(from_json(instance.data["figure"]), 0j, board)
    figure = instance.data["figure"]
    corners = path(figure["mirrors"], figure["source"], figure["ray_end"])
    assert [stroke.b for stroke in strokes[:-1]] == pytest.approx(
        [complex(*corner) for corner in corners[1:-1]]
    )
    end = strokes[-1].b
    assert min(end.real, end.imag, 832 - end.real, 480 - end.imag) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("canvas", [(512, 512), (256, 256), (480, 832)])
@pytest.mark.parametrize("task", ARCS)
def test_the_solution_joins_the_left_arc_to_the_right_one_alone(task, canvas):
    generator = load(task)
    for index in range(4):
        instance = draw(task, index, canvas=canvas)
        drawn = generator.render(instance, generator.Style(), FramePlan.of(17, 16))
        data, figure = instance.data, instance.data["figure"]
        parts = cv2.connectedComponents((drawn.solution.rgb()[..., 1] < 128).astype(np.uint8))[1]
        left, *rights = (
            parts[int(piece["outer"][1]), int(piece["outer"][0])]
            for piece in (figure["left"], *figure["right"])
        )
        assert [right == left != 0 for right in rights] == [
            c["label"] == data["answer"] for c in data["candidates"]
        ]
        board = Board.of(generator.Config(canvas=canvas), 0)
        band = generator.veil(figure, board)
        hidden = drawn.puzzle.rgb()[:, math.ceil(band.left) : math.floor(band.right)]
        assert (hidden == hidden[:, :1]).all()  # no stroke shows through or beyond the band


def test_what_videothinkbench_records_of_the_figures():
    recorded = {
        "angle_bisector": {"vertex", "ray_endpoints", "angle_degrees"},
        "parallel": {"reference_line_endpoints", "through_point"},
        "perpendicular": {"reference_line_endpoints", "through_point"},
        "ray_reflect": {"light_source", "mirror_line", "reflection_point"},
    }
    common = {"margin", "candidates", "correct_option", "point_radius", "line_width"}
    for task in TASKS:
        fields = load(task).videothinkbench(draw(task))
        assert fields.keys() - common == recorded.get(task, set())
    fields = load("angle_bisector").videothinkbench(draw("angle_bisector"))
    (ax, ay), (bx, by) = np.subtract(fields["ray_endpoints"], fields["vertex"])
    opening = math.degrees(math.atan2(abs(ax * by - ay * bx), ax * bx + ay * by))
    assert fields["angle_degrees"] == pytest.approx(opening) and 54 <= opening <= 112


def test_too_many_contacts_for_one_rim_say_so():
    with pytest.raises(VtbError, match="circle_tangent_point") as error:
        draw("circle_tangent_point", options=8)
    assert "fewer options" in str(error.value.hint)
