"""From a clip of the data set to a clip of the model."""

import numpy as np
import pytest

from vtb.core.errors import UnreadableError
from vtb.data.clips import clip_hash
from vtb.data.store import Dataset, open_dataset
from vtb.recipe.schema import VideoDataTable
from vtb.train.latents.clips import ClipSource, fit, frame_indices


def test_uniform_keeps_both_ends_and_prefix_the_start():
    assert frame_indices(97, 17, "uniform") == [6 * i for i in range(17)]
    assert frame_indices(81, 81, "uniform") == list(range(81))
    assert frame_indices(97, 17, "prefix") == list(range(17))
    assert frame_indices(5, 1, "uniform") == [0]


def test_a_fitting_clip_is_left_as_it_is():
    frames = np.random.default_rng(0).integers(0, 256, (17, 64, 64, 3), np.uint8)
    table = VideoDataTable(height=64, width=64, num_frames=17)
    assert np.array_equal(fit(frames, table), frames)


def test_padding_keeps_the_shape_and_repeats_the_border():
    frames = np.zeros((17, 48, 96, 3), np.uint8)
    frames[:, :, :48] = 200
    table = VideoDataTable(height=64, width=64, num_frames=17, fit="pad")
    fitted = fit(frames, table)
    assert fitted.shape == (17, 64, 64, 3)
    assert (fitted[:, :, :30] == 200).all()
    assert (fitted[:, :, 34:] == 0).all()


def test_clips_come_by_id_with_their_prompt(mazes):
    dataset = open_dataset(mazes)
    source = ClipSource(dataset, VideoDataTable(height=64, width=64, num_frames=13, fit="pad"))
    assert source.ids == sorted(dataset.ids("train"))
    clip = source.read(1)
    assert (clip.id, clip.frames.shape) == (source.ids[1], (13, 64, 64, 3))
    assert clip.prompt == dataset.row(clip.id)["prompt"]


def test_a_torn_clip_is_named(mazes, monkeypatch):
    source = ClipSource(open_dataset(mazes), VideoDataTable(height=96, width=96, num_frames=17))
    row = Dataset.row

    def torn(self, sample_id, columns=None):
        whole = row(self, sample_id, columns)
        return {**whole, "video": {"bytes": whole["video"]["bytes"][:600], "path": None}}

    monkeypatch.setattr(Dataset, "row", torn)
    with pytest.raises(UnreadableError, match=source.ids[0]):
        source.read(0)


def test_a_limit_spreads_over_all_ids(maze_set):
    dataset, table = open_dataset(maze_set), VideoDataTable()
    ids = sorted(dataset.ids("test"))
    assert ClipSource(dataset, table, "test", limit=4).ids == ids[::3]
    assert ClipSource(dataset, table, "test", limit=100).ids == ids
    assert ClipSource(dataset, table, "train", limit=4).ids == []


def test_rows_come_by_number(maze_set):
    dataset = open_dataset(maze_set)
    source = ClipSource(dataset, VideoDataTable(), "test", limit=4)
    stored = [dataset.row(name) for name in source.ids]
    assert [row.prompt for row in source.rows] == [row["prompt"] for row in stored]
    hashes = [clip_hash(row["video"]["bytes"]) for row in stored]
    assert [row.facts.hash for row in source.rows] == hashes
    assert len(set(hashes)) == 4


def test_clips_have_the_size_of_the_recipe_or_their_own(two_sizes):
    dataset = open_dataset(two_sizes)
    padded = ClipSource(dataset, VideoDataTable(height=96, width=128, num_frames=17, fit="pad"))
    assert set(padded.sizes) == {(96, 128)}
    native = ClipSource(dataset, VideoDataTable(height=96, width=128, num_frames=17, fit="native"))
    assert sorted(native.sizes) == [(64, 64)] * 5 + [(96, 96)] * 3
    for source in (padded, native):
        shapes = [source.read(number).frames.shape for number in range(8)]
        assert shapes == [(17, *size, 3) for size in source.sizes]


def test_a_clip_of_its_own_size_is_encoded_as_if_the_recipe_had_that_size(two_sizes):
    dataset, table = open_dataset(two_sizes), VideoDataTable(height=96, width=96, num_frames=17)
    native = ClipSource(dataset, table.model_copy(update={"fit": "native"}))
    larger = VideoDataTable(height=480, width=832, num_frames=17, fit="native")
    for number, (height, width) in enumerate(native.sizes):
        own = table.model_copy(update={"height": height, "width": width})
        assert native.geometry(number) == own
        assert ClipSource(dataset, larger).geometry(number) == own


def test_a_missing_video_is_named(mazes, monkeypatch):
    source = ClipSource(open_dataset(mazes), VideoDataTable())
    monkeypatch.setattr(Dataset, "row", lambda *args, **options: {"prompt": "", "video": None})
    with pytest.raises(UnreadableError, match=source.ids[0]):
        source.read(0)
