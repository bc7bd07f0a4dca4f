"""SIGKILL while encoded clips are written: what has its final name is whole, the rest is made."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from safetensors.torch import load_file

from vtb.train.latents.store import Store, read_metadata
from vtb.train.latents.upkeep import collect

# Writes 3 MB files without end, as the build does.
WRITER = """
import sys
from pathlib import Path
import torch
from vtb.train.latents.entry import write_entry
from vtb.train.latents.store import Store
store = Store(Path(sys.argv[1]))
tensors = {"latents": torch.zeros(48, 21, 30, 52)}
for number in range(10**9):
    write_entry(store.path("latents", f"{number:032x}"), tensors, dtype="bf16", metadata={})
"""


@pytest.mark.parametrize("kills", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_kill_while_writing(tmp_path, kills):
    rng = random.Random(kills)
    store = Store.of(tmp_path, "wan2.2-ti2v-5b", "0123456789")
    for _ in range(kills):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(store.directory)])
        before = len(list(store.files("latents")))
        wait_until(lambda b=before: len(list(store.files("latents"))) >= b + 2, child)
        time.sleep(rng.uniform(0, 0.05))
        child.kill()
        child.wait()
        for path in store.files("latents"):
            assert read_metadata(path)["format_version"] == "1"
            path.unlink()
    for path in store.leftovers():
        os.utime(path, (0, 0))
    assert collect(tmp_path, unused_days=30).removed["unreadable"] == 0
    assert not list(store.leftovers())


def wait_until(is_done, child):
    deadline = time.monotonic() + 120
    while not is_done():
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)


BUILD = """
import sys
import vtb
import torch
from pathlib import Path
from vtb.data.store import open_dataset
from vtb.models.wan.checkpoint import open_checkpoint
from vtb.recipe.schema import VideoDataTable
from vtb.train.latents.clips import ClipSource
from vtb.train.latents.build import build_missing
from vtb.train.latents.cache import LatentCache
torch.set_num_threads(1)
data, model, root = map(Path, sys.argv[1:])
table = VideoDataTable(height=64, width=64, num_frames=17, fit="pad")
clips = ClipSource(open_dataset(data), table, "test")
cache = LatentCache.of(clips, open_checkpoint(model), dtype="bf16", root=root)
build_missing(cache, clips, device="cpu")
"""


@pytest.mark.slow
def test_a_killed_build_goes_on_where_it_was(tmp_path, maze_set, tiny_wan):
    def start(root):
        argv = [sys.executable, "-c", BUILD, maze_set, tiny_wan, root]
        return subprocess.Popen([str(part) for part in argv])

    def finished(root):
        return {path.name: path for path in root.rglob("*.safetensors")}

    straight, broken = tmp_path / "straight", tmp_path / "broken"
    assert start(straight).wait() == 0
    for count in (2, 7):
        child = start(broken)
        wait_until(lambda n=count: len(finished(broken)) >= n, child)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    kept = {name: path.stat().st_ino for name, path in finished(broken).items()}
    assert start(broken).wait() == 0
    made = finished(broken)
    assert all(made[name].stat().st_ino == inode for name, inode in kept.items())
    expected = finished(straight)
    assert set(made) == set(expected)
    assert all(content(made[name]) == content(expected[name]) for name in made)


def content(path):
    # safetensors writes the strings of its header in no fixed order.
    tensors = {name: tensor.float().numpy().tobytes() for name, tensor in load_file(path).items()}
    return read_metadata(path), tensors
