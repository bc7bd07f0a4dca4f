import math
from dataclasses import replace
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from generators.maze.hexagon import HexagonMaze
from generators.maze.hexagon_board import hexagon_cells
from generators.maze.labyrinth import LabyrinthMaze
from generators.maze.square import SquareMaze
from vtb.core.frames import FramePlan
from vtb.core.generator import Sampler
from vtb.core.types import Prediction, Sample
from vtb.media.video import encode, read_frames

MAZE = SquareMaze()
CELL_MAZES = {"hexagon": HexagonMaze(), "labyrinth": LabyrinthMaze()}
PLAN = FramePlan.of(17, 16)
SCALE = 6


def maze_sample(size=9, index=0, *, canvas=None, cell=16, seed=0, config=None, **style) -> Sample:
    """A drawn square maze; `canvas` is the side of a square one and overrides `cell`."""
    style = MAZE.Style(cell=cell, canvas=(canvas, canvas) if canvas else None, **style)
    config = MAZE.Config(rows=size, cols=size, **(config or {}))
    instance = Sampler(MAZE, config, style, seed).draw(index, 0)
    drawn = MAZE.render(instance, style, PLAN)
    puzzle, solution = drawn.puzzle.rgb(), drawn.solution.rgb()
    return Sample("maze", instance, {}, MAZE.answer(instance), puzzle, solution)


def with_video(sample: Sample, **options) -> Sample:
    """The sample with its encoded solution clip of 17 frames."""
    style = MAZE.Style.model_validate(sample.instance.style)
    frames = MAZE.render(sample.instance, style, PLAN).frames
    height, width = sample.puzzle.shape[:2]
    clip = encode(frames, num_frames=17, height=height, width=width, fps=16, **options)
    return replace(sample, video=clip)


def check_image(sample: Sample, picture, **options):
    return MAZE.check(sample, Prediction(sample.id, "image", content=picture), **options)


def coded(picture, crf):
    height, width = picture.shape[:2]
    data = encode([picture] * 3, num_frames=3, height=height, width=width, fps=8, crf=crf)
    return read_frames(data)[-1]


def resized(picture, height, width):
    shrinks = height * width < picture.shape[0] * picture.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(picture, (width, height), interpolation=method)


def scaled(picture, factor):
    return resized(picture, round(picture.shape[0] * factor), round(picture.shape[1] * factor))


def jpeg(picture):
    file = BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=85)
    return np.array(Image.open(file))


def letterboxed(picture, aspect=16 / 9):
    bar = (round(picture.shape[0] * aspect) - picture.shape[1]) // 2
    return cv2.copyMakeBorder(picture, 0, 0, bar, bar, cv2.BORDER_CONSTANT)


def shifted(picture, down, right):
    return np.roll(picture, (down, right), (0, 1))


def noisy(picture, sigma):
    noise = np.random.default_rng(0).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).round().astype(np.uint8)


HARMLESS = {
    "crf18": lambda p: coded(p, 18),
    "crf23": lambda p: coded(p, 23),
    "half": lambda p: scaled(p, 0.5),
    "one_and_a_half": lambda p: scaled(p, 1.5),
    "stretched_jpeg": lambda p: jpeg(resized(p, 480, 896)),
    "letterboxed": letterboxed,
    "shifted": lambda p: shifted(p, 1, -1),
    "shifted_2_percent": lambda p: shifted(p, -int(0.02 * len(p)), int(0.02 * len(p))),
    "blurred": lambda p: cv2.GaussianBlur(p, (0, 0), 1),
    "noisy": lambda p: noisy(p, 4),
    "crf23_half": lambda p: scaled(coded(p, 23), 0.5),
    "darker": lambda p: (p * 0.8 + 15).astype(np.uint8),
}


# The reasons for which corruptions fail.
EXPECTED = {
    "unsolved": {"no_answer"},
    "blank": {"changed_scene"},
    "all_red": {"changed_scene"},
    "flooded": {"not_simple"},
    "flooded_path": {"not_simple"},
    "gap": {"disconnected"},
    "partial": {"disconnected"},
    "dead_end": {"not_simple"},
    "decoy": {"not_simple"},
    "loop": {"not_simple"},
    "straight": {"touches_wall"},
    "crossed_wall": {"touches_wall"},
    "opened_wall": {"touches_wall", "changed_scene"},
    "removed_wall": {"changed_scene"},
    "off_centre": {"touches_wall"},
    "erased_maze": {"changed_scene"},
    "erased_end": {"changed_scene"},
    "added_wall": {"changed_scene"},
    "shut_passage": {"changed_scene"},
    "moved_end": {"changed_scene"},
    "video_late": {"no_answer"},
    "video_undone": {"no_answer"},
    "video_unsolved": {"no_answer"},
    "video_gap": {"disconnected"},
    "video_partial": {"disconnected"},
}


def cell_maze_sample(kind, index=0, *, canvas=None, seed=0, config=None, **style) -> Sample:
    """A drawn hexagonal maze or labyrinth; `canvas` is the side of a square one."""
    generator = CELL_MAZES[kind]
    style = generator.Style(canvas=(canvas, canvas) if canvas else None, **style)
    instance = Sampler(generator, generator.Config(**(config or {})), style, seed).draw(index, 0)
    drawn = generator.render(instance, style, PLAN)
    puzzle, solution = drawn.puzzle.rgb(), drawn.solution.rgb()
    return Sample("maze", instance, {}, generator.answer(instance), puzzle, solution)


class Pillow:
    """Drawing by another library, six times as large and averaged."""

    def __init__(self, height, width, colour):
        self.image = Image.new("RGB", (width * SCALE, height * SCALE), tuple(colour))
        self.draw = ImageDraw.Draw(self.image)

    def polygon(self, points, colour):
        self.draw.polygon([(x * SCALE, y * SCALE) for x, y in points], fill=tuple(colour))

    def disc(self, x, y, radius, colour):
        box = [(v + r) * SCALE for r in (-radius, radius) for v in (x, y)]
        self.draw.ellipse(box, fill=tuple(colour))

    def bar(self, a, b, width, overhang, colour):
        a, b = np.array(a), np.array(b)
        along = (b - a) / np.hypot(*(b - a))
        across = np.array([along[1], -along[0]]) * width / 2
        a, b = a - overhang * along, b + overhang * along
        self.polygon([a + across, b + across, b - across, a - across], colour)

    def pixels(self):
        small = np.asarray(self.image, float)
        height, width = (side // SCALE for side in small.shape[:2])
        return small.reshape(height, SCALE, width, SCALE, 3).mean(axis=(1, 3))


def hexagon_by_pillow(data, style, s, wall, height, width):
    """The specification of the drawing, step by step."""
    canvas = Pillow(height, width, style.background)
    cells = hexagon_cells(data["radius"])
    rim = 1.5 * max(4, s - 0.8 * wall) if style.light_rim else s + 0.5

    def corners(cell, distance):
        q, r = cells[cell]
        x = width / 2 + 1.5 * q * s
        y = height / 2 + math.sqrt(3) * (r + q / 2) * s
        angles = [math.radians(60 * k) for k in range(6)]
        return [(x + distance * math.cos(a), y + distance * math.sin(a)) for a in angles]

    for cell in range(len(cells)):
        canvas.polygon(corners(cell, rim), style.corridor)
    passages = {tuple(edge) for edge in data["passages"]}
    ways = [(1, -1), (1, 0), (0, 1), (-1, 1), (-1, 0), (0, -1)]
    sides = [(5, 0), (0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]
    for cell, (q, r) in enumerate(cells):
        for (dq, dr), (a, b) in zip(ways, sides, strict=True):
            beyond = cells.index((q + dq, r + dr)) if (q + dq, r + dr) in cells else None
            if beyond is None or (min(cell, beyond), max(cell, beyond)) not in passages:
                points = corners(cell, s)
                canvas.bar(points[a], points[b], wall, 0.275 * wall, style.wall)
    for end, colour in ((data["start"], style.start), (data["goal"], style.goal_colour)):
        x, y = np.mean(corners(end, s), axis=0)
        canvas.disc(x, y, max(6, 0.45 * s), colour)
    return canvas.pixels()


def labyrinth_by_pillow(data, style, w, wall, height, width):
    """The specification of the drawing, step by step."""
    canvas = Pillow(height, width, style.background)
    rings, segments = data["rings"], data["segments"]
    radii = [max(12, 2 * wall, w // 2) + i * (w + wall) for i in range(rings + 1)]
    passages = {tuple(edge) for edge in data["passages"]}

    def at(radius, turn):
        angle = math.tau * turn / segments
        return width / 2 + radius * math.cos(angle), height / 2 - radius * math.sin(angle)

    for ring in range(rings, -1, -1):
        canvas.disc(width / 2, height / 2, radii[ring] + w, style.wall)
        canvas.disc(width / 2, height / 2, radii[ring] + w - wall, style.corridor)
        if ring:
            canvas.disc(width / 2, height / 2, radii[ring], style.wall)
    for ring in range(1, rings + 1):
        first = 1 + (ring - 1) * segments
        for k in range(segments):
            cell, before = first + k, first + (k - 1) % segments
            if (min(cell, before), max(cell, before)) not in passages:
                inner, outer = at(radii[ring], k), at(radii[ring] + w - wall, k)
                canvas.bar(inner, outer, wall, wall / 2, style.wall)
            inside = cell - segments if ring > 1 else 0
            if (inside, cell) in passages:
                half, middle = max(1.5 * wall, 4), radii[ring] - wall
                ends = at(middle - half, k + 0.5), at(middle + half, k + 0.5)
                canvas.bar(*ends, int(1.5 * wall), 0, style.corridor)
    for end, colour in ((data["start"], style.start), (data["goal"], style.goal_colour)):
        ring, k = (0, 0) if end == 0 else divmod(end - 1 + segments, segments)
        radius = radii[ring] + (w - wall) / 2 if ring else 0
        chord = radius * math.sin(math.pi / segments) if ring else math.inf
        canvas.disc(*at(radius, k + 0.5), max(4, min(w / 2, chord) - 0.9 * wall - 1), colour)
    return canvas.pixels()


BY_PILLOW = {"hexagon": hexagon_by_pillow, "labyrinth": labyrinth_by_pillow}


@pytest.fixture(scope="session")
def by_pillow():
    return BY_PILLOW


@pytest.fixture(scope="session")
def pillow():
    return Pillow


@pytest.fixture(scope="session")
def harmless():
    return HARMLESS


@pytest.fixture(scope="session")
def expected():
    return EXPECTED


@pytest.fixture(scope="session", name="coded")
def coded_fixture():
    return coded


@pytest.fixture(scope="session")
def cell_maze():
    return cell_maze_sample


@pytest.fixture(scope="session")
def maze():
    return maze_sample


@pytest.fixture(scope="session")
def filmed():
    return with_video


@pytest.fixture(scope="session")
def judged():
    return check_image
