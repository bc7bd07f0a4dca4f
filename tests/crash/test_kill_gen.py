"""SIGKILL while building: loadable from the first finished shard on, complete after a repeat."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vtb.data.store import open_dataset
from vtb.data.verify import verify

COUNT, SHARD = 120, 10


def command(out: Path) -> list[str]:
    options = f"--size 9 --cell 8 --frames 17 -n {COUNT} --shard-size {SHARD} --workers 2 -q"
    return [sys.executable, "-m", "vtb", "gen", "maze", *options.split(), "-o", str(out)]


def content(directory: Path) -> dict[str, bytes]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def start(out: Path) -> subprocess.Popen:
    return subprocess.Popen(command(out), stdout=subprocess.DEVNULL, start_new_session=True)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "set"
    begin = time.monotonic()
    assert start(out).wait() == 0
    return content(out), time.monotonic() - begin


@pytest.mark.parametrize(
    "kills", [3, pytest.param(10, marks=pytest.mark.slow)], ids=["three", "ten"]
)
def test_kill(tmp_path, uninterrupted, kills):
    expected, seconds = uninterrupted
    rng = random.Random(kills)
    out = tmp_path / "set"
    for _ in range(kills):
        child = start(out)
        delay_s = rng.uniform(0.2, 1.0) * seconds
        try:
            child.wait(delay_s)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        assert_loadable(out, tmp_path / "cache")
        if content(out) == expected:
            shutil.rmtree(out)
    assert start(out).wait() == 0
    assert content(out) == expected


def assert_loadable(out: Path, cache: Path) -> None:
    """What README lists loads afresh, and the manifest lists no more than is on disk."""
    if not (out / "README.md").exists():
        return
    import datasets

    loaded = datasets.load_dataset(str(out), cache_dir=str(cache))
    rows = sum(len(part) for part in loaded.values())
    listed = open_dataset(out)
    assert 0 < rows <= listed.count() <= COUNT
    assert len(list(listed.rows(columns=["id"]))) == listed.count()
    assert verify(listed, limit=2, corruptions=False).ok
