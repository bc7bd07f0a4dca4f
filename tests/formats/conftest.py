import pytest

from vtb.core.frames import FramePlan
from vtb.data.build import build
from vtb.data.request import Request, Task
from vtb.data.store import Dataset, open_dataset


@pytest.fixture(scope="session")
def mazes(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Five mazes with clips, on a canvas that leaves a different margin on each side."""
    task = Task.of("maze-square", {"rows": 5, "cols": 9}, {"canvas": (96, 160)})
    request = Request([task], seed=3, plan=FramePlan.of(17, 16), video=True)
    out = tmp_path_factory.mktemp("dataset") / "mazes"
    build(request, out, 5)
    return open_dataset(out)
