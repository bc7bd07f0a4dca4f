"""Clips of mazes: their final stable state is judged."""

import numpy as np
import pytest

from generators.maze.square import SquareMaze
from vtb.core.types import Prediction
from vtb.media.video import encode, read_frames

MAZE = SquareMaze()


def verdict_of(content, sample):
    return MAZE.check(sample, Prediction(sample.id, "video", content=content))


@pytest.mark.parametrize(
    "options", [{"crf": 18}, {"crf": 23}, {"lossless": True}], ids=["crf18", "crf23", "lossless"]
)
@pytest.mark.parametrize(("size", "canvas"), [(5, None), (9, 288), (13, 128), (21, 128), (21, 256)])
def test_encoded_truth_passes(size, canvas, options, maze, filmed):
    sample = filmed(maze(size, 2, canvas=canvas), **options)
    verdict = verdict_of(sample.video, sample)
    details = verdict.details
    assert verdict.passed
    assert (details["last_frame"], details["num_frames"]) == ("ok", 17)
    assert details["monotone"] >= 0.95
    assert details["first_frame_psnr"] >= 25
    growth = details["growth_px"]
    assert growth[0] < 0.05 * growth[-1]
    assert growth[6] < 0.8 * growth[-1]
    assert growth[-1] >= 0.95 * max(growth)


def test_the_file_on_disk_is_judged_alike(maze, filmed, tmp_path):
    sample = filmed(maze(7))
    (tmp_path / "a.mp4").write_bytes(sample.video)
    from_disk = MAZE.check(sample, Prediction("maze", "video", path=str(tmp_path / "a.mp4")))
    assert from_disk.details == verdict_of(sample.video, sample).details


def test_a_clip_played_backwards_is_no_answer(maze, filmed):
    sample = filmed(maze(7))
    verdict = verdict_of(read_frames(sample.video)[::-1], sample)
    assert verdict.reason == "no_answer"
    assert verdict.details["monotone"] < 0.5


def test_one_spoiled_last_frame_is_outvoted_and_told(maze):
    sample = maze(9)
    frames = np.stack([sample.puzzle] * 20 + [sample.solution] * 9 + [sample.puzzle])
    verdict = verdict_of(frames, sample)
    assert verdict.passed
    assert verdict.details["last_frame"] == "no_answer"


def test_a_path_that_moves_leaves_no_stable_state(maze):
    """A dot that runs along the path is never a whole path."""
    sample = maze(9)
    is_path = (sample.solution != sample.puzzle).any(axis=2)
    pieces = np.array_split(np.argwhere(is_path), 12)
    frames = np.stack([sample.puzzle] * 12)
    for frame, piece in zip(frames, pieces, strict=True):
        frame[tuple(piece.T)] = (220, 30, 30)
    verdict = verdict_of(frames, sample)
    assert not verdict.passed
    assert verdict.details["monotone"] < 0.5


def test_clips_of_another_size_pass(maze):
    sample = maze(9, cell=32)
    frames = np.stack([sample.puzzle, sample.solution, sample.solution, sample.solution])
    small = frames.reshape(4, 144, 2, 144, 2, 3).mean(axis=(2, 4)).astype(np.uint8)
    data = encode(small, num_frames=4, height=144, width=144, fps=8)
    assert verdict_of(data, sample).passed


@pytest.mark.parametrize("sixteenth", range(0, 16, 3))
def test_cut_clips_are_unreadable(sixteenth, maze, filmed):
    sample = filmed(maze(7))
    cut = sample.video[: len(sample.video) * sixteenth // 16]
    assert verdict_of(cut, sample).reason == "unreadable"
