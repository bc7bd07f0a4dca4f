"""Pictures and clips of every generator: sizes, exact frames, and the same bytes again."""

from itertools import pairwise

import numpy as np

from vtb.core import registry
from vtb.core.frames import FramePlan
from vtb.media.compare import psnr
from vtb.media.image import decode_image, encode_png
from vtb.media.video import encode, read_frames


def render(name, instance, plan):
    generator = registry.load(name)
    return generator.render(instance, generator.Style.model_validate(instance.style), plan)


def test_clip_has_exactly_the_planned_frames(name, draw):
    for num_frames in (17, 49):
        plan = FramePlan.of(num_frames, 16)
        rendering = render(name, draw(name, 0), plan)
        puzzle, solution = rendering.puzzle.rgb(), rendering.solution.rgb()
        assert puzzle.shape == solution.shape
        assert puzzle.shape[0] % 32 == puzzle.shape[1] % 32 == 0
        assert (puzzle != solution).any()
        frames = np.stack([frame.copy() for frame in rendering.frames])
        assert len(frames) == num_frames
        assert (frames[: plan.hold_start] == puzzle).all()
        assert (frames[-plan.hold_end :] == solution).all()
        assert (frames[-plan.hold_end - 1] == solution).all()
        moving = frames[plan.hold_start : -plan.hold_end]
        assert sum((a != b).any() for a, b in pairwise(moving)) >= 3


def test_decoded_clip_looks_like_its_frames(name, sample):
    truth = sample(name, 1)
    frames = read_frames(truth.video)
    assert psnr(frames[0], truth.puzzle) > 32
    assert psnr(frames[-1], truth.solution) > 32


def test_drawing_again_gives_the_same_bytes(name, draw):
    plan = FramePlan.of(17, 16)
    clips = []
    for _ in range(2):
        rendering = render(name, draw(name, 0), plan)
        height, width = rendering.puzzle.pixels.shape[:2]
        clip = encode(rendering.frames, num_frames=17, height=height, width=width, fps=16)
        pictures = (rendering.puzzle, rendering.solution, *rendering.extra.values())
        clips.append((clip, [encode_png(picture) for picture in pictures]))
        for picture in pictures:
            assert (decode_image(encode_png(picture)) == picture.rgb()).all()
    assert clips[0] == clips[1]


def test_extra_columns_are_those_announced(name, draw):
    rendering = render(name, draw(name, 0), FramePlan.of(17, 16))
    assert tuple(rendering.extra) == registry.load(name).columns()
