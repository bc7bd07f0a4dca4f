"""Puzzles for image models."""

import pytest

from vtb.core.frames import FramePlan
from vtb.core.splits import SplitRule
from vtb.data.build import build
from vtb.data.request import Request, Task

pytest.importorskip("diffsynth")


@pytest.fixture(scope="session")
def puzzles(tmp_path_factory):
    """Four mazes without clips, 160 px a side, all of them to train on; do not write into it."""
    task = Task.of("maze-square", {"rows": 5, "cols": 5}, {})
    path = tmp_path_factory.mktemp("image") / "puzzles"
    rule = SplitRule(test=0, validation=0)
    build(Request([task], 1, FramePlan.of(17, 16), False, rule=rule), path, 4)
    return path
