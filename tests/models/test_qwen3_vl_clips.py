"""The frames of a clip, and that qwen-vl-utils shows them as they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vtb.models.qwen3_vl.clips import ClipLimits
from vtb.models.qwen3_vl.pictures import PictureSize

SMALL = ClipLimits(min_tokens=4, max_tokens=64)
sides = st.integers(16, 2000)


@pytest.mark.parametrize(
    ("num_frames", "fps", "frames"),
    [
        (17, 16, [0, 8, 16]),
        (33, 16, [0, 8, 16, 24, 32]),
        (21, 16, [0, 8, 16, 20]),
        (25, 24, [0, 12, 24]),
        (61, 29.97, [0, 15, 30, 45, 60]),
        (3, 1, [0, 1, 1, 2]),
        (1, 16, [0]),
    ],
)
def test_two_frames_per_second_and_the_last_one(num_frames, fps, frames):
    assert SMALL.frames(num_frames, fps) == frames


@given(st.integers(1, 500), st.sampled_from([1, 8, 12.5, 16, 23.976, 24, 25, 29.97, 30, 60]))
def test_frames_are_in_order_and_at_their_times(num_frames, fps):
    frames = SMALL.frames(num_frames, fps)
    assert frames[0] == 0 and frames[-1] == num_frames - 1 and frames == sorted(frames)
    for place, frame in enumerate(frames[:-1]):
        assert abs(frame / fps - place / SMALL.fps) <= 0.5 / fps + 1e-9
    assert len(frames) <= (num_frames - 1) / fps * SMALL.fps + 2


@given(sides, sides, st.integers(4, 200), st.integers(0, 1000))
def test_frames_are_of_the_wanted_size(width, height, fewest, more):
    limits = ClipLimits(fewest, 4 * fewest + more)
    size = limits.size_of(PictureSize(width, height))
    assert not size.width % 64 and not size.height % 64
    if max(width, height) < 4 * min(width, height):
        assert limits.pair_tokens(size) <= limits.max_tokens
        assert limits.size_of(size) == size


def test_a_frame_of_the_right_size_is_left_alone():
    frame = np.zeros((64, 128, 3), np.uint8)
    assert SMALL.fitted(frame) is frame
    assert SMALL.fitted(frame[:50]).shape == (64, 128, 3)


@pytest.mark.parametrize("size", [(64, 64), (192, 320), (320, 448)])
def test_qwen_vl_utils_shows_them_as_they_are(monkeypatch, size):
    pytest.importorskip("torch")
    import vtb._torchvision  # noqa: F401  torchvision may be of another build than torch's

    vision = pytest.importorskip("qwen_vl_utils.vision_process")
    limits = ClipLimits(min_tokens=4, max_tokens=140)
    # As `vtb.train.vlm.swift.environment` sets them.
    for name, value in {"IMAGE_MIN": 1, "IMAGE_MAX": 140, "VIDEO_MIN": 4, "VIDEO_MAX": 140}.items():
        monkeypatch.setattr(vision, f"{name}_TOKEN_NUM", value)
    height, width = size
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(3)]
    assert limits.size_of(PictureSize(width, height)) == (width, height)
    video, facts = vision.fetch_video(
        {"video": [Image.fromarray(frame) for frame in frames], "sample_fps": 2.0},
        image_patch_size=16,
        return_video_metadata=True,
    )
    shown = video.permute(0, 2, 3, 1).numpy()
    assert np.array_equal(shown, np.stack([*frames, frames[-1]]))
    times = np.array(facts["frames_indices"]).reshape(-1, 2).mean(1) / facts["fps"]
    assert list(limits.pair_times(len(frames))) == times.tolist()
