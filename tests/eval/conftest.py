from pathlib import Path

import pytest

from vtb.data.store import open_dataset
from vtb.eval.puzzles import PuzzleEval, evaluate


@pytest.fixture
def score(maze_set: Path, tmp_path: Path):
    """Scores the small mazes into `tmp_path/eval` unless told otherwise."""

    def run(**options):
        return evaluate(PuzzleEval(**{"data": maze_set, "out": tmp_path / "eval", **options}))

    return run


@pytest.fixture(scope="session")
def mazes(maze_set: Path):
    """The samples of the small mazes, with pixels and clips."""
    return list(open_dataset(maze_set).samples(video=True))
