"""One palette for all pictures, films that know what is new, and images under the same identity."""

import copy
from functools import cache
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from generators.eyeballing.colours import PAPER, Palette
from vtb.core import registry
from vtb.core.frames import FramePlan
from vtb.core.generator import Sampler
from vtb.media.image import encode_png
from vtb.media.video import encode

TASKS = [name for name in registry.names() if name.startswith("eyeballing-")]
PLAN = FramePlan.of(49, 16)


@cache
def puzzle(name, **config):
    generator = registry.load(name)
    return Sampler(generator, generator.Config(**config), generator.Style(), 0).draw(1, 0)


def render(name, style="classic", plan=PLAN, **config):
    generator = registry.load(name)
    look = generator.Style(**generator.styles()[style])
    return generator.render(puzzle(name, **config), look, plan)


@pytest.mark.parametrize("name", TASKS)
def test_a_film_knows_what_is_new_in_every_frame(name):
    film = render(name, canvas=(256, 320)).frames
    before = next(film).copy()
    assert film.window == (slice(0, 256), slice(0, 320))
    frames = [before]
    for frame in film:
        new = np.zeros(frame.shape[:2], bool)
        new[film.window] = True
        assert (frame[~new] == before[~new]).all()
        before = frame.copy()
        frames.append(before)
    size = {"num_frames": PLAN.num_frames, "height": 256, "width": 320, "fps": 16}
    again = render(name, canvas=(256, 320)).frames
    assert encode(again, **size) == encode(iter(frames), **size)


@pytest.mark.parametrize("name", ["eyeballing-circumcenter", "eyeballing-triangle-center"])
def test_a_stroke_only_grows(name):
    """No piece of it is rubbed out by what is drawn around its end, nor a circle's start."""
    rendering, data = render(name, plan=FramePlan.of(401, 16)), puzzle(name).data
    dark = [(picture.rgb()[..., 1] < 90) for picture in (rendering.puzzle, rendering.solution)]
    middle = cv2.erode(dark[1].astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    for candidate in data["candidates"]:
        spot = (round(candidate["x"]), round(candidate["y"]))
        cv2.circle(middle.view(np.uint8), spot, 14, 0, -1)
    ink = dark[0] & middle
    assert 0 < ink.sum() < middle.sum()
    for frame in rendering.frames:
        now = (frame[..., 1] < 90) & middle
        assert not (ink & ~now).any()
        ink = now
    assert (ink == middle).all()


@pytest.mark.parametrize("style", ["classic", "paper", "slate"])
@pytest.mark.parametrize("side", [256, 1024])
def test_pictures_have_four_bits_a_pixel(side, style):
    rendering = render("eyeballing-orthocenter", style, canvas=(side, side))
    for picture in (rendering.puzzle, rendering.solution):
        assert picture.palette.shape == (16, 3)
        assert picture.pixels.max() < 16
        assert encode_png(picture)[24] == 4  # the bit depth in the header
        shown = np.asarray(Image.open(BytesIO(encode_png(picture))).convert("RGB"))
        assert (shown == picture.rgb()).all()
    outside = rendering.puzzle.pixels != rendering.solution.pixels
    assert (rendering.puzzle.pixels <= PAPER).all() and outside.any()


def test_the_nearest_colour_of_a_palette_is_itself():
    generator = registry.load(TASKS[0])
    for look in generator.styles().values():
        palette = Palette.of(generator.Style(**look))
        assert len(np.unique(palette.colours, axis=0)) == 16
        indices = np.arange(16, dtype=np.uint8)[None]
        assert (palette.nearest(palette.rgb(indices)) == indices).all()
        assert (palette.rgb(indices) == palette.colours).all()


def turned(value, side):
    """A figure turned by a quarter of a turn on a square canvas."""
    match value:
        case dict():
            return {name: turned(part, side) for name, part in value.items()}
        case [float() | int(), float() | int()]:
            return [value[1], side - value[0]]
        case list():
            return [turned(part, side) for part in value]
    return value


@pytest.mark.parametrize("name", TASKS)
def test_a_turned_puzzle_is_one_of_eight_images(name):
    generator, data = registry.load(name), puzzle(name).data
    image = copy.deepcopy(data)
    image["figure"] = turned(data["figure"], 512)
    for candidate in image["candidates"]:
        candidate["x"], candidate["y"] = candidate["y"], 512 - candidate["x"]
    own, its = list(generator.symmetries(data)), list(generator.symmetries(image))
    assert len(set(own)) == 8 and its[0] != own[0]
    assert set(its) == set(own)
