"""Point and shape constructions against oracles of their own: shapely, or another formula."""

import math
from itertools import combinations, pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, MultiPoint, Point, Polygon

from vtb.core import registry
from vtb.core.generator import Sampler

TASKS = [
    "circle-center",
    "circumcenter",
    "fermat-point",
    "incenter",
    "midpoint",
    "orthocenter",
    "reflection",
    "ray-intersection",
    "triangle-center",
    "isosceles-trapezoid",
    "parallelogram",
    "right-triangle",
    "square-outlier",
]


def draw(task, seed=0, index=0, **config):
    generator = registry.load(f"eyeballing-{task}")
    return Sampler(generator, generator.Config(**config), generator.Style(), seed).draw(index, 0)


def errors(task, figure, options):
    """How wrong every option (shapely Points) is, px, by a way of its own."""
    match task:
        case "circle-center":
            rim = Point(figure["centre"]).buffer(figure["radius"], quad_segs=256)
            return [p.distance(rim.centroid) for p in options]
        case "midpoint":
            middle = LineString(figure["ends"]).interpolate(0.5, normalized=True)
            return [p.distance(middle) for p in options]
        case "circumcenter":
            corners = [Point(c) for c in figure["corners"]]
            return [spread(p.distance(c) for c in corners) for p in options]
        case "incenter":
            ring = Polygon(figure["corners"]).exterior.coords
            sides = [LineString(pair) for pair in pairwise(ring)]
            return [spread(p.distance(side) for side in sides) for p in options]
        case "orthocenter":
            a, b, c = figure["corners"]
            return [
                max(abs(cosine(a, p.coords[0], b, c)), abs(cosine(b, p.coords[0], a, c))) * 100
                for p in options
            ]
        case "triangle-center":
            return [p.distance(Polygon(figure["corners"]).centroid) for p in options]
        case "fermat-point":
            angles = [
                [
                    math.degrees(angle(p.coords[0], a, b))
                    for a, b in combinations(figure["corners"], 2)
                ]
                for p in options
            ]
            return [max(abs(x - 120) for x in three) for three in angles]
        case "reflection":
            (x, y), axis = figure["source"], [complex(*p) for p in figure["axis"]]
            turned = (complex(x, y) - axis[0]) / (axis[1] - axis[0])
            image = turned.conjugate() * (axis[1] - axis[0]) + axis[0]
            return [p.distance(Point(image.real, image.imag)) for p in options]
        case "ray-intersection":
            rays = [LineString([far, lengthen(far, near)]) for far, near in figure["rays"]]
            return [max(p.distance(ray) for ray in rays) for p in options]
        case "parallelogram":
            a, b, c = figure["corners"]
            fourth = Point(a[0] + c[0] - b[0], a[1] + c[1] - b[1])
            return [p.distance(fourth) for p in options]
        case "isosceles-trapezoid":
            return [
                min(trapezoid_error([*figure["corners"], p.coords[0]], k) for k in (0, 1))
                for p in options
            ]
    raise AssertionError(task)


def spread(values):
    numbers = list(values)
    return max(numbers) - min(numbers)


def lengthen(far, near):
    return (far[0] + 9 * (near[0] - far[0]), far[1] + 9 * (near[1] - far[1]))


def angle(corner, a, b):
    u, v = (complex(x - corner[0], y - corner[1]) for x, y in (a, b))
    return abs(math.atan2((u.conjugate() * v).imag, (u.conjugate() * v).real))


def cosine(corner, point, a, b):
    """Of the angle between corner-point and the line a-b."""
    u = complex(point[0] - corner[0], point[1] - corner[1])
    v = complex(b[0] - a[0], b[1] - a[1])
    return (u.conjugate() * v).real / (abs(u) * abs(v)) if abs(u) else 1.0


def trapezoid_error(corners, first):
    """With sides `first` and `first + 2` as bases: not parallel, or diagonals not equal, px."""
    p = [complex(*corner) for corner in corners]
    p = p[first:] + p[:first]
    base, other = p[1] - p[0], p[2] - p[3]
    parallel = abs((base.conjugate() * other).imag) / abs(base)
    return max(parallel, abs(abs(p[2] - p[0]) - abs(p[3] - p[1])))


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**40), index=st.integers(0, 10**6))
@pytest.mark.parametrize(
    "task", [t for t in TASKS if t not in ("right-triangle", "square-outlier")]
)
def test_only_the_right_option_completes_the_figure(task, seed, index):
    data = draw(task, seed, index).data
    options = {c["label"]: Point(c["x"], c["y"]) for c in data["candidates"]}
    off = dict(zip(options, errors(task, data["figure"], list(options.values())), strict=True))
    assert off.pop(data["answer"]) < 1e-3
    assert min(off.values()) > 4


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**40), index=st.integers(0, 10**6))
def test_one_triple_has_a_right_angle_at_the_answer(seed, index):
    data = draw("right-triangle", seed, index).data
    spots = {c["label"]: (c["x"], c["y"]) for c in data["candidates"]}
    right = [
        corner
        for corner, a, b in permutations(spots, 3)
        if a < b and abs(math.degrees(angle(spots[corner], spots[a], spots[b])) - 90) < 16
    ]
    assert right == [data["answer"]]


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**40), index=st.integers(0, 10**6))
def test_four_points_are_a_square_without_the_answer(seed, index):
    data = draw("square-outlier", seed, index).data
    spots = {c["label"]: (c["x"], c["y"]) for c in data["candidates"]}

    def is_square(points):
        hull = MultiPoint(points).convex_hull
        box = hull.minimum_rotated_rectangle
        sides = [Point(a).distance(Point(b)) for a, b in combinations(points, 2)]
        return hull.area > 0.93 * box.area and spread(sorted(sides)[:4]) < 0.05 * max(sides)

    found = [left for left in spots if is_square([spots[x] for x in spots if x != left])]
    assert found == [data["answer"]]


@pytest.mark.parametrize("task", ["right-triangle", "square-outlier"])
def test_the_answer_has_every_rank_alike(task):
    ranks = [0] * 5
    for index in range(200):
        data = draw(task, 5, index).data
        spots = {c["label"]: complex(c["x"], c["y"]) for c in data["candidates"]}
        middle = sum(spots.values()) / 5
        own = abs(spots[data["answer"]] - middle)
        ranks[sum(abs(spot - middle) < own for spot in spots.values())] += 1
    possible = ranks[:4] if task == "right-triangle" else ranks
    assert min(possible) > 0.6 * 200 / len(possible)
    assert max(possible) < 1.4 * 200 / len(possible)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    "config",
    [
        {"canvas": (256, 256)},
        {"canvas": (480, 832)},
        {"gap": (0.036, 0.08), "point_radius": 6},
        {"options": 3},
        {"options": 7},
        {"margin": 0.1, "line_width": 8},
    ],
    ids=str,
)
def test_figures_fit_whatever_the_configuration(task, config):
    if registry.load(f"eyeballing-{task}").fixed_options and "options" in config:
        pytest.skip("five points are the figure")
    instance = draw(task, 1, 2, **config)
    data, (height, width) = instance.data, config.get("canvas", (512, 512))
    assert data["canvas"] == [width, height]
    side, radius = min(height, width), data["point_radius"]
    spots = [complex(c["x"], c["y"]) for c in data["candidates"]]
    assert len(spots) == config.get("options", 5)
    margin = config.get("margin", 0.06) * side
    for spot in spots:
        assert margin <= spot.real - radius and spot.real + radius <= width - margin
        assert margin <= spot.imag - radius and spot.imag + radius <= height - margin
    assert min(abs(a - b) for a, b in combinations(spots, 2)) >= 2 * radius
    low, high = config.get("gap", (0.055, 0.055))
    if task not in ("right-triangle", "square-outlier"):
        assert low <= instance.difficulty["gap_rel"] + 1e-5
        assert instance.difficulty["gap_rel"] <= 1.31 * high
