from pathlib import Path

import pytest

from vtb.infer.settings import VideoRequest
from vtb.infer.video import infer_videos
from vtb.media.fit import Size


@pytest.fixture
def infer(tiny_wan: Path, maze_set: Path, tmp_path: Path):
    """Makes clips of 17 frames in 64x64 px with two steps, unless told otherwise."""

    def run(**options):
        defaults = {
            "model": tiny_wan,
            "out": tmp_path / "pred",
            "data": maze_set,
            "size": Size(64, 64),
            "steps": 2,
            "cfg": 1.0,
            "limit": 1,
            "device": "cpu",
        }
        return infer_videos(VideoRequest(**{**defaults, **options}))

    return run
