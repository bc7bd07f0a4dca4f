import io
import pickle
import random
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest

from vtb.core.errors import UnreadableError, UsageError
from vtb.data.build import build
from vtb.data.store import open_dataset
from vtb.media.video import read_frames


def test_no_dataset(tmp_path):
    with pytest.raises(UnreadableError, match="holds no dataset"):
        open_dataset(tmp_path / "absent")


def test_unknown_split_and_sample(small):
    with pytest.raises(UsageError, match="unknown split `val`") as caught:
        small.count("val")
    assert "validation" in caught.value.hint
    with pytest.raises(UsageError, match="no sample"):
        small.sample("maze_square-000000000000")


def test_rows_samples_and_ids_agree(small):
    ids = small.ids()
    assert len(ids) == small.count() == 12
    assert [row["id"] for row in small.rows(columns=["id"])] == ids
    assert [sample.id for sample in small.samples(pixels=False)] == ids
    assert small.ids(limit=3) == ids[:3]
    assert [row["id"] for row in small.rows(columns=["id"], limit=3)] == ids[:3]
    assert sum(small.count(split) for split in ("train", "validation", "test")) == 12


def test_one_sample(small):
    name = small.ids()[-1]
    sample = small.sample(name, video=True)
    assert sample.id == name and sample.instance.task == "maze_square"
    frames = read_frames(sample.video)
    assert frames.shape[0] == 17
    assert np.abs(frames[0].astype(int) - sample.puzzle).mean() < 3
    assert np.abs(frames[-1].astype(int) - sample.solution).mean() < 3


def test_rows_in_any_order_and_any_thread(small):
    expected = {row["id"]: row for row in small.rows()}
    ids = small.ids() * 5
    random.Random(0).shuffle(ids)
    copy = pickle.loads(pickle.dumps(small))
    for dataset in (small, copy):
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(dataset.row, ids)) == [expected[name] for name in ids]
    some = small.row(ids[0], columns=["video", "prompt"])
    assert some == {name: expected[ids[0]][name] for name in ("prompt", "video")}


def test_a_row_is_checked_although_its_footer_is_known(tmp_path, request_of):
    build(request_of(), tmp_path, 10)
    dataset = open_dataset(tmp_path)
    name = dataset.ids("train")[0]
    content = dataset.row(name)["image"]["bytes"]
    shard = next((tmp_path / "data").glob("train*.parquet"))
    whole = shard.read_bytes()
    at = whole.index(content) + len(content) // 2
    shard.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    with pytest.raises(UnreadableError, match=shard.name):
        dataset.row(name)
    shard.unlink()
    with pytest.raises(UnreadableError, match=shard.name):
        dataset.row(name)


def test_a_dataset_made_anew_is_read_anew(tmp_path, request_of):
    found = []
    for count in (10, 20):
        build(request_of(), tmp_path, count)
        dataset = open_dataset(tmp_path)
        assert [dataset.row(name)["id"] for name in dataset.ids()] == dataset.ids()
        found.append(len(dataset.ids()))
    assert found == [10, 20]


def test_truncated_shard(tmp_path, request_of):
    build(request_of(), tmp_path, 10)
    shard = next((tmp_path / "data").glob("train*.parquet"))
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    with pytest.raises(UnreadableError, match=shard.name):
        list(open_dataset(tmp_path).rows())


def test_huggingface_datasets_reads_it(tmp_path, monkeypatch, small):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    loaded = datasets.load_dataset(str(small.path), cache_dir=str(tmp_path))
    row = loaded["train"][0]
    assert row["image"].mode == "RGB" and row["image"].size == (128, 128)
    with av.open(io.BytesIO(row["video"]["bytes"])) as clip:
        assert sum(1 for _ in clip.decode(video=0)) == 17
    assert {name: len(part) for name, part in loaded.items()} == {
        name: small.count(name) for name in loaded
    }


def test_a_grown_dataset_is_not_read_from_a_stale_cache(tmp_path, request_of):
    datasets = pytest.importorskip("datasets")
    cache = str(tmp_path / "cache")
    for count in (10, 20):
        build(request_of(), tmp_path / "set", count)
        loaded = datasets.load_dataset(str(tmp_path / "set"), cache_dir=cache)
        assert sum(len(part) for part in loaded.values()) == count
