from pathlib import Path

import pytest

from vtb.core.frames import FramePlan
from vtb.core.splits import SplitRule
from vtb.data.build import build
from vtb.data.request import Request, Task
from vtb.data.store import Dataset, open_dataset


def maze_request(
    size=7, seed=0, *, video=False, frames=17, split=None, duplicates=False, style=None, **config
):
    """A small maze request; 7x7 blocks at 8 px keep rendering out of the way."""
    return Request(
        tasks=[
            Task.of("maze-square", {"rows": size, "cols": size, **config}, style or {"cell": 8})
        ],
        seed=seed,
        plan=FramePlan.of(frames, 16),
        video=video,
        rule=SplitRule(),
        split=split,
        allow_duplicates=duplicates,
    )


def content(directory: Path) -> dict[str, bytes]:
    """Every file below a directory with its bytes."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def request_of():
    return maze_request


@pytest.fixture
def content_of():
    return content


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> Dataset:
    """Twelve 7x7 mazes with videos of 17 frames; do not write into it."""
    out = tmp_path_factory.mktemp("small") / "set"
    build(maze_request(video=True, style={"cell": 16}), out, 12)
    return open_dataset(out)
