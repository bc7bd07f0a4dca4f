"""Antialiased shapes: where they are, how much they cover, what stays outside."""

import math
from itertools import pairwise

import numpy as np
import pytest

from vtb.media.canvas import Canvas, arc_points

WHITE, BLACK = 255, 0


def blank(side=64, colour=WHITE):
    return Canvas.blank(side, side, colour)


def ink(canvas):
    """The covered area in px."""
    return float((WHITE - canvas.pixels.astype(float)).sum() / WHITE)


def middle(canvas):
    """The centre of the ink (x, y), in the canvas's own coordinates."""
    dark = WHITE - canvas.pixels.astype(float)
    y, x = np.mgrid[: dark.shape[0], : dark.shape[1]] + 0.5
    return (x * dark).sum() / dark.sum(), (y * dark).sum() / dark.sum()


@pytest.mark.parametrize("centre", [(32, 32), (31.5, 30.25), (20.75, 40.1)])
def test_disc_has_its_area_and_place_to_a_fraction_of_a_pixel(centre):
    canvas = blank()
    canvas.disc(centre, 10, BLACK)
    assert ink(canvas) == pytest.approx(math.pi * 10**2, rel=0.03)
    assert middle(canvas) == pytest.approx(centre, abs=0.1)


def test_line_lies_between_its_ends_with_its_width():
    canvas = blank()
    canvas.line((10, 32.5), (50, 32.5), 5, BLACK)
    assert middle(canvas) == pytest.approx((30, 32.5), abs=0.1)
    assert (canvas.pixels[:, 30] < 128).sum() in (5, 6)
    assert (canvas.pixels[:29] == WHITE).all() and (canvas.pixels[36:] == WHITE).all()


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 6.5, 8, 10, 13])
def test_strokes_are_as_wide_as_asked_for_within_a_pixel(width):
    line, ring = blank(128), blank(128)
    line.line((14, 60), (114, 70), width, BLACK)
    ring.circle((64, 64), 40, width, BLACK)
    assert ink(line) / (100.5 + 0.8 * width) == pytest.approx(width, abs=1.1)
    assert ink(ring) / (2 * math.pi * 40) == pytest.approx(width, abs=1.1)


def test_circle_is_a_ring_and_arc_a_part_of_it_clockwise():
    ring, quarter = blank(), blank()
    ring.circle((32, 32), 20, 3, BLACK)
    quarter.arc((32, 32), 20, 0, 90, 3, BLACK)
    assert ring.pixels[32, 32] == WHITE
    assert ink(quarter) == pytest.approx(ink(ring) / 4, rel=0.25)
    x, y = middle(quarter)
    assert x > 40 and y > 40  # from the right downwards
    assert not ((quarter.pixels < 100) & (ring.pixels > 250)).any()


def test_polygon_is_filled():
    canvas = blank()
    canvas.polygon([(10, 10), (50, 10), (10, 50)], BLACK)
    assert ink(canvas) == pytest.approx(800 + 0.5 * (80 + 57), rel=0.05)


def test_edges_are_antialiased_and_colours_are_exact():
    canvas = Canvas.blank(64, 64, (255, 255, 255))
    canvas.disc((32, 32), 20, (198, 24, 24))
    colours = {tuple(c) for c in canvas.pixels.reshape(-1, 3).tolist()}
    assert {(255, 255, 255), (198, 24, 24)} < colours
    assert len(colours) > 10


def test_text_is_centred_and_grows_with_its_size():
    small, large = blank(), blank()
    small.text((32, 32), "A", 12, BLACK)
    large.text((32, 32), "A", 30, BLACK)
    rows = np.flatnonzero((large.pixels < 128).any(axis=1))
    assert rows[-1] - rows[0] + 1 == pytest.approx(0.73 * 30, abs=2)
    assert (rows[0] + rows[-1] + 1) / 2 == pytest.approx(32, abs=1)
    assert 2 < ink(large) / ink(small) < 9


def test_text_beyond_the_rim_is_cut_off():
    canvas = blank(16)
    for centre in ((0, 0), (16, 16), (-40, 8), (8, 40)):
        canvas.text(centre, "W", 14, BLACK)
    assert canvas.pixels.shape == (16, 16)


def test_colour_text_blends():
    canvas = Canvas.blank(32, 32, (255, 255, 255))
    canvas.text((16, 16), "B", 24, (0, 0, 255))
    assert (canvas.pixels[..., 2] == 255).all()
    assert canvas.pixels[..., 0].min() == 0


def test_arc_points_are_dense_enough():
    points = arc_points((0, 0), 200, 10, -200)
    assert points[0] == pytest.approx(
        (200 * math.cos(math.radians(10)), 200 * math.sin(math.radians(10)))
    )
    middles = [((a[0] + b[0]) / 2, (a[1] + b[1]) / 2) for a, b in pairwise(points)]
    assert min(math.hypot(*m) for m in middles) > 199.9
    assert points[len(points) // 2][1] < 0  # a negative sweep runs upwards
