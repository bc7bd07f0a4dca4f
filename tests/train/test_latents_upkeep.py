"""What `vtb cache` counts and removes."""

import os
import time

import numpy as np
import pytest
from safetensors.numpy import save_file

from vtb.train.latents.store import Store
from vtb.train.latents.upkeep import collect, usages

DAY = 86_400


@pytest.fixture
def root(tmp_path):
    """A cache with five finished files, one of them fit to stay, and two temporary ones."""
    store = Store.of(tmp_path, "wan2.2-ti2v-5b", "0123456789abcdef")
    store.begin("0123456789abcdef")
    for kind, key, version, age_days in (
        ("latents", "aa1", "1", 2),
        ("latents", "ab2", "1", 40),
        ("latents", "aa3", "0", 2),
        ("latents", "aa4", "1", 2),
        ("text", "aa5", "1", 31),
    ):
        path = store.path(kind, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({"x": np.zeros(100, np.float32)}, path, {"format_version": version})
        aged(path, age_days * DAY)
    damaged = store.path("latents", "aa4")
    damaged.write_bytes(damaged.read_bytes()[:-1])
    for name, age_s in ((".aa6.safetensors.1.tmp", 7_200), (".aa7.safetensors.2.tmp", 5)):
        (damaged.parent / name).write_bytes(b"half")
        aged(damaged.parent / name, age_s)
    return tmp_path


def aged(path, seconds):
    moment = time.time() - seconds
    os.utime(path, (moment, moment))


def files(root):
    return [path for path in root.rglob("*") if path.is_file() and path.name != "meta.json"]


def test_usage_by_model(root):
    (usage,) = usages(root)
    assert (usage.family, usage.latents, usage.texts) == ("wan2.2-ti2v-5b", 4, 1)
    finished = [path for path in files(root) if path.suffix == ".safetensors"]
    assert usage.size_bytes == sum(path.stat().st_size for path in finished)
    # The damaged file was written just now.
    assert time.time() - usage.last_used < 60
    assert usages(root / "none") == []


def test_what_is_of_no_use_goes_and_the_rest_stays(root):
    removed = {"leftover": 1, "unreadable": 1, "outdated": 1, "unused": 2}
    before = files(root)
    size = sum(path.stat().st_size for path in before)
    planned = collect(root, unused_days=30, dry_run=True)
    assert files(root) == before
    done = collect(root, unused_days=30)
    assert planned == done
    assert done.removed == removed
    assert sorted(path.name for path in files(root)) == [
        ".aa7.safetensors.2.tmp",
        "aa1.safetensors",
    ]
    assert (done.kept, done.kept_bytes) == (2, sum(path.stat().st_size for path in files(root)))
    assert done.removed_bytes == size - done.kept_bytes
    assert sum(collect(root, unused_days=30).removed.values()) == 0


def test_use_keeps_a_file_and_tells_whole_from_damaged(root):
    (usage,) = usages(root)
    store = Store(usage.directory)
    assert store.use("latents", "ab2")
    assert not store.use("latents", "aa4")
    assert not store.use("latents", "aa9")
    collect(root, unused_days=30)
    assert store.has("latents", "ab2")
    assert not store.has("latents", "aa4")


def test_an_emptied_store_goes_but_one_that_was_just_begun_stays(root):
    new = Store.of(root, "wan2.2-i2v-a14b", "fedcba98")
    new.begin("fedcba98")
    for path in root.rglob("*.tmp"):
        aged(path, DAY)
    collect(root, unused_days=0)
    assert [usage.directory for usage in usages(root)] == [new.directory]
