"""The latent and text cache with tiny checkpoints: built once, read as it would be encoded."""

import json
import multiprocessing
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open

from vtb.core.errors import DiskError, UnreadableError, UsageError
from vtb.data.clips import clip_rows
from vtb.data.store import open_dataset
from vtb.models.create import create
from vtb.models.wan.checkpoint import open_checkpoint
from vtb.recipe.schema import VideoDataTable
from vtb.train.latents import build, pipeline, processes
from vtb.train.latents.build import Built, build_missing
from vtb.train.latents.cache import LatentCache
from vtb.train.latents.clips import Clip, ClipSource
from vtb.train.latents.encode import ClipEncoder
from vtb.train.latents.pipeline import batched
from vtb.train.latents.read import CachedClips

TABLE = VideoDataTable(height=64, width=64, num_frames=17, fit="pad")
TENSORS = ("latents", "context", "first_frame_latents", "image_condition")


@pytest.fixture
def cache_of(mazes, tiny_wan, tmp_path):
    """Opens the cache of the mazes, with other settings where given."""

    def open_(*, root=tmp_path, model=tiny_wan, dtype="fp32", limit=None, **settings):
        table = VideoDataTable.model_validate({**TABLE.model_dump(), **settings})
        clips = ClipSource(open_dataset(mazes), table, limit=limit)
        return LatentCache.of(clips, open_checkpoint(model), dtype=dtype, root=root), clips

    return open_


@pytest.fixture(scope="module")
def filled(mazes, tiny_wan, tmp_path_factory):
    """Root of a complete cache in float32, and what its first build said; copy before changes."""
    root = tmp_path_factory.mktemp("cache")
    clips = ClipSource(open_dataset(mazes), TABLE)
    cache = LatentCache.of(clips, open_checkpoint(tiny_wan), dtype="fp32", root=root)
    seen = []
    built = build_missing(
        cache, clips, device="cpu", on_progress=lambda done, total: seen.append((done, total))
    )
    return root, built, seen


@pytest.fixture
def no_models(monkeypatch):
    """Fails when anything is loaded to encode with."""

    def load(*args, **options):
        raise AssertionError(f"loaded {options['parts']}")

    monkeypatch.setattr(build, "load_pipeline", load)


def encode_directly(model, clip):
    """All of diffsynth's units with the whole pipeline."""
    from PIL import Image

    from vtb.models.wan.load import load_pipeline

    pipe = load_pipeline(model)
    pipe.scheduler.set_timesteps(1000, training=True)
    images = [Image.fromarray(frame) for frame in clip.frames]
    takes_image = open_checkpoint(model).variant.takes_image
    shared = {"input_video": images, "input_image": images[0] if takes_image else None}
    shared |= {"height": 64, "width": 64, "num_frames": 17, "cfg_scale": 1, "tiled": False}
    shared |= {"seed": 1, "rand_device": "cpu", "vace_scale": 1, "cfg_merge": False}
    inputs = (shared, {"prompt": clip.prompt, "positive": True}, {})
    for unit in pipe.units:
        inputs = pipe.unit_runner(unit, pipe, *inputs)
    return {**inputs[0], **inputs[1]}


def same(first, second):
    values = [(getattr(first, name), getattr(second, name)) for name in TENSORS]
    return all(a is b is None or torch.equal(a, b) for a, b in values)


@pytest.mark.parametrize("family", ["wan2.2-ti2v-5b", "wan2.2-t2v-a14b", "wan2.2-i2v-a14b"])
def test_cached_equals_directly_encoded(family, cache_of, tiny_wan, tiny_a14b):
    model = {"wan2.2-ti2v-5b": tiny_wan, **tiny_a14b}[family]
    cache, clips = cache_of(model=model, limit=1)
    assert build_missing(cache, clips, device="cpu") == Built(latents=1, texts=1)
    cached, direct = CachedClips(cache).read(0), encode_directly(model, clips.read(0))

    assert torch.equal(cached.latents, direct["input_latents"][0])
    n = len(cached.context)
    assert 0 < n < 512
    assert torch.equal(cached.context, direct["context"][0, :n])
    assert not direct["context"][0, n:].any()
    assert cached.context[-1].any()

    assert (cached.first_frame_latents is None) == (family != "wan2.2-ti2v-5b")
    if cached.first_frame_latents is not None:
        assert torch.equal(cached.first_frame_latents, direct["first_frame_latents"][0])
    assert (cached.image_condition is None) == (family != "wan2.2-i2v-a14b")
    if cached.image_condition is not None:
        assert torch.equal(cached.image_condition, direct["y"][0, 4:])
        assert direct["y"].shape[1] == 20


def test_the_first_build_encodes_everything_and_the_second_nothing(filled, cache_of, no_models):
    root, built, seen = filled
    cache, clips = cache_of(root=root)
    texts = len({row.prompt for row in clips.rows})
    assert built == Built(latents=3, texts=texts)
    # An encoder that is loaded counts as nothing done.
    done = [*range(texts + 1), *range(texts, texts + 4)]
    assert seen == [(number, 3 + texts) for number in done]
    assert cache.missing() == []
    assert build_missing(cache, clips, device="cpu") == Built(0, 0)


def test_files_are_safetensors_that_say_what_they_hold(filled, cache_of):
    root, _, _ = filled
    cache, clips = cache_of(root=root)
    files = [path for path in root.rglob("*") if path.is_file()]
    assert {path.suffix for path in files if path.name != "meta.json"} == {".safetensors"}
    assert json.loads((cache.store.directory / "meta.json").read_text()) == {
        "family": "wan2.2-ti2v-5b",
        "vae": cache.encoding.vae,
        "format_version": 1,
    }
    with safe_open(cache.store.path("latents", cache.latents[1]), "np") as file:
        facts = {"id": clips.ids[1], "height": "64", "width": "64", "num_frames": "17"}
        assert file.metadata() == {**facts, "format_version": "1"}


@pytest.mark.parametrize(
    ("settings", "latents", "texts"),
    [
        ({"height": 96}, 3, 0),
        ({"num_frames": 13}, 3, 0),
        ({"frame_plan": "prefix"}, 3, 0),
        ({"fit": "exact"}, 3, 0),
        ({"fps": 24}, 0, 0),
        ({"dtype": "bf16"}, 3, 3),
    ],
    ids=str,
)
def test_other_settings_need_other_entries(settings, latents, texts, filled, cache_of):
    cache, _ = cache_of(root=filled[0], **settings)
    assert len(cache.absent("latents")) == latents
    assert len(cache.absent("text")) == min(texts, filled[1].texts)


def test_another_vae_or_text_encoder_needs_other_entries(filled, cache_of, tiny_wan, tmp_path):
    other = tmp_path / "other"
    create("wan2.2-ti2v-5b", "tiny", 1, other)
    assert len(cache_of(root=filled[0], model=other)[0].absent("latents")) == 3

    shutil.copy(tiny_wan / "Wan2.2_VAE.pth", other)
    cache, _ = cache_of(root=filled[0], model=other)
    assert cache.absent("latents") == set()
    assert len(cache.absent("text")) == filled[1].texts

    shutil.copy(tiny_wan / "models_t5_umt5-xxl-enc-bf16.pth", other)
    cache, _ = cache_of(root=filled[0], model=other)  # another transformer only
    assert cache.missing() == []


def test_a_changed_prompt_encodes_that_prompt_only(filled, cache_of, tmp_path, monkeypatch):
    root = shutil.copytree(filled[0], tmp_path / "copy")

    def changed(dataset, split):
        for row in clip_rows(dataset, split):
            is_changed = row.id == sorted(dataset.ids())[1]
            yield replace(row, prompt="Another one.") if is_changed else row

    monkeypatch.setattr("vtb.train.latents.clips.clip_rows", changed)
    cache, clips = cache_of(root=root)
    assert cache.missing() == [1]
    assert build_missing(cache, clips, device="cpu") == Built(latents=0, texts=1)


def test_shares_of_workers_are_disjoint_and_complete(filled, cache_of, tmp_path):
    cache, clips = cache_of()
    whole, _ = cache_of(root=filled[0])
    first = build_missing(cache, clips, device="cpu", rank=0, world_size=2)
    written = {path: path.read_bytes() for path in tmp_path.rglob("*.safetensors")}
    assert cache.missing()
    second = build_missing(cache, clips, device="cpu", rank=1, world_size=2)
    assert (first.latents + second.latents, first.texts + second.texts) == (3, filled[1].texts)
    assert min(first.latents, second.latents) == 1
    assert cache.missing() == []
    assert all(path.read_bytes() == content for path, content in written.items())
    ones, others = CachedClips(cache), CachedClips(whole)
    assert all(same(ones.read(n), others.read(n)) for n in range(3))


def test_clips_stay_in_memory_while_there_is_room(filled, cache_of, tmp_path):
    root = shutil.copytree(filled[0], tmp_path / "copy")
    cache, _ = cache_of(root=root)
    first = CachedClips(cache).read(0)
    tensors = (first.latents, first.first_frame_latents)
    clips = CachedClips(cache, kept_bytes=sum(t.nbytes for t in tensors if t is not None))
    clips.read(0), clips.read(1)
    for number in (0, 1):
        cache.store.path("latents", cache.latents[number]).unlink()
    assert same(clips.read(0), first)
    with pytest.raises(UnreadableError):
        clips.read(1)


def test_bf16_is_the_rounded_encoding(filled, cache_of):
    cache, clips = cache_of(dtype="bf16", limit=1)
    build_missing(cache, clips, device="cpu")
    half, full = CachedClips(cache).read(0), CachedClips(cache_of(root=filled[0])[0]).read(0)
    for name in TENSORS[:3]:
        assert getattr(half, name).dtype == torch.bfloat16
        assert torch.equal(getattr(half, name), getattr(full, name).bfloat16())


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-7], lambda data: b"", lambda data: data * 2]
)
def test_a_damaged_file_is_named_and_encoded_again(damage, filled, cache_of, tmp_path):
    root = shutil.copytree(filled[0], tmp_path / "copy")
    cache, clips = cache_of(root=root)
    path = cache.store.path("latents", cache.latents[2])
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    with pytest.raises(UnreadableError, match=path.name):
        CachedClips(cache).read(2)
    assert build_missing(cache, clips, device="cpu") == Built(latents=1, texts=0)
    assert len(path.read_bytes()) == len(whole)
    assert same(CachedClips(cache).read(2), CachedClips(cache_of(root=filled[0])[0]).read(2))


def test_a_torn_clip_is_named_and_the_others_stay(cache_of, monkeypatch):
    cache, clips = cache_of()
    last = max(range(3), key=lambda number: cache.latents[number])
    read = ClipSource.read

    def torn(self, number):
        if number == last:
            raise UnreadableError(f"the video of sample `{self.ids[number]}` cannot be read")
        return read(self, number)

    monkeypatch.setattr(ClipSource, "read", torn)
    with pytest.raises(UnreadableError, match=clips.ids[last]):
        build_missing(cache, clips, device="cpu")
    assert cache.missing() == [last]


@pytest.mark.parametrize("left", [3, 2, 1])
def test_an_exception_of_the_observer_ends_the_build(left, cache_of, monkeypatch):
    cache, clips = cache_of()
    monkeypatch.setattr(pipeline, "MAX_UNWRITTEN", 0)

    def stop(done, total):
        if done == total - left:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_missing(cache, clips, device="cpu", on_progress=stop)
    assert len(cache.missing()) == left


def test_what_was_encoded_before_the_end_is_written(cache_of, monkeypatch):
    cache, clips = cache_of()
    write, read = pipeline.write_entry, ClipSource.read
    is_last_read = threading.Event()

    def torn(self, number):
        if number == max(range(3), key=lambda number: cache.latents[number]):
            is_last_read.set()
            raise UnreadableError("torn")
        return read(self, number)

    def late(path, *args, **options):
        assert path.parent.parent.name == "text" or is_last_read.wait(10)
        time.sleep(0.05)
        write(path, *args, **options)

    monkeypatch.setattr(ClipSource, "read", torn)
    monkeypatch.setattr(pipeline, "write_entry", late)
    with pytest.raises(UnreadableError, match="torn"):
        build_missing(cache, clips, device="cpu")
    assert len(cache.missing()) == 1


@pytest.mark.parametrize("unwritten", [0, 256])
def test_a_full_disk_ends_the_build(unwritten, cache_of, monkeypatch):
    cache, clips = cache_of()
    write = pipeline.write_entry

    def full(path, *args, **options):
        if path == cache.store.path("latents", max(cache.latents)):
            time.sleep(0.05)  # so that it is still waited for when all are encoded
            raise DiskError("the disk is full")
        write(path, *args, **options)

    monkeypatch.setattr(pipeline, "MAX_UNWRITTEN", unwritten)
    monkeypatch.setattr(pipeline, "write_entry", full)
    with pytest.raises(DiskError, match="full"):
        build_missing(cache, clips, device="cpu")


def test_clips_of_one_shape_are_batched():
    sides = [32, 64, 32, 32, 64, 32, 96, 32]
    clips = [(str(n), Clip(str(n), np.zeros((5, s, s, 3)), "")) for n, s in enumerate(sides)]
    found = [[key for key, _ in batch] for batch in batched(clips, 2 * 5 * 32 * 32)]
    # One of 64x64 px has more than the budget, and so goes by itself.
    assert found == [["1"], ["0", "2"], ["4"], ["3", "5"], ["6"], ["7"]]
    assert [len(batch) for batch in batched(clips, 0)] == [1] * 8


def assert_same_latents(cache, other):
    found, expected = CachedClips(cache), CachedClips(other)
    for number in range(3):
        for name in ("latents", "first_frame_latents"):
            one, wanted = getattr(found.read(number), name), getattr(expected.read(number), name)
            torch.testing.assert_close(one, wanted)


def test_batches_hold_what_single_clips_hold(filled, cache_of, monkeypatch):
    cache, clips = cache_of()
    sizes, encode = [], ClipEncoder.encode

    def counted(self, frames):
        sizes.append(len(frames))
        return encode(self, frames)

    monkeypatch.setattr(ClipEncoder, "encode", counted)
    monkeypatch.setattr(build, "batch_pixels", lambda device: 2 * 17 * 64 * 64)
    build_missing(cache, clips, device="cpu")
    assert sizes == [2, 1]
    assert_same_latents(cache, cache_of(root=filled[0])[0])


@pytest.mark.slow
def test_processes_encode_what_one_does(filled, cache_of, monkeypatch):
    cache, clips = cache_of()
    monkeypatch.setattr(processes, "SHARE", 2)
    monkeypatch.setattr(build, "worth_processes", lambda *args: True)
    seen = []
    build_missing(cache, clips, device="cpu", on_progress=lambda *counts: seen.append(counts))
    assert seen[-3:] == [(2, 5), (4, 5), (5, 5)]
    assert_same_latents(cache, cache_of(root=filled[0])[0])


@pytest.mark.slow
def test_a_torn_clip_ends_a_process_with_its_name(cache_of, monkeypatch, tmp_path):
    cache, clips = cache_of()
    wrong = replace(clips.request(1), sample_id="absent")
    options = {"model": cache.checkpoint.directory, "device": "cpu", "dtype": "fp32", "log": None}
    paths = [tmp_path / "0", tmp_path / "1"]
    with pytest.raises(UsageError, match="absent"):
        processes.encode_in_processes(
            paths, [clips.request(0), wrong], **options, tell=lambda finished: None
        )
    assert paths[0].exists() and not paths[1].exists()


@pytest.mark.slow
def test_an_exception_of_the_observer_ends_the_processes(cache_of, monkeypatch):
    cache, clips = cache_of()
    monkeypatch.setattr(processes, "SHARE", 1)
    monkeypatch.setattr(build, "worth_processes", lambda *args: True)

    def stop(done, total):
        if done == 3:  # two prompts and a clip
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        build_missing(cache, clips, device="cpu", on_progress=stop)
    # Even while the exception holds on to what it interrupted.
    assert caught.tb and not multiprocessing.active_children()
    assert len(cache.absent("latents")) < 3


@pytest.mark.parametrize(
    ("count", "device", "height", "vae_bytes", "expected"),
    [
        (1000, "cuda:0", 64, 2**27, True),
        (999, "cuda:0", 64, 2**27, False),
        (1000, "cpu", 64, 2**27, False),
        (1000, "cuda:0", 1088, 2**27, False),
        (1000, "cuda:0", 64, 2**20, False),
    ],
)
def test_processes_pay_for_many_small_clips_and_a_small_vae(
    cache_of, monkeypatch, count, device, height, vae_bytes, expected
):
    cache, clips = cache_of(height=height, width=height)
    monkeypatch.setattr(processes, "SMALL_VAE_BYTES", vae_bytes)
    assert processes.worth_processes(cache.checkpoint, clips, count, device) is expected


@pytest.mark.parametrize("family", ["wan2.2-ti2v-5b", "wan2.2-i2v-a14b"])
def test_one_clip_is_encoded_as_by_diffsynths_wrapper(family, tiny_wan, tiny_a14b):
    from vtb.models.wan.load import load_pipeline

    model = {"wan2.2-ti2v-5b": tiny_wan, **tiny_a14b}[family]
    pipe = load_pipeline(model, parts=("vae",))
    frames = np.random.default_rng(0).integers(256, size=(3, 9, 32, 64, 3), dtype=np.uint8)
    encoder = ClipEncoder(pipe, open_checkpoint(model))
    clips = [torch.from_numpy(clip).permute(3, 0, 1, 2).float() * (2 / 255) - 1 for clip in frames]
    grey = [torch.cat([clip[:, :1], torch.zeros_like(clip[:, 1:])], dim=1) for clip in clips]
    wanted = {"latents": clips}
    if family == "wan2.2-ti2v-5b":
        wanted["first_frame_latents"] = [clip[:, :1] for clip in clips]
    else:
        wanted["image_condition"] = grey
    expected = {name: pipe.vae.encode(videos, device="cpu") for name, videos in wanted.items()}
    single, together = encoder.encode(frames[:1]), encoder.encode(frames)
    assert set(single) == set(together) == set(expected)
    for name, latents in expected.items():
        assert torch.equal(single[name], latents[:1])
        torch.testing.assert_close(together[name], latents)


def test_state_tells_what_will_be_written(cache_of):
    cache, clips = cache_of(dtype="bf16", limit=2)
    before = cache.state()
    build_missing(cache, clips, device="cpu")
    assert (before.hits, before.missing) == (0, 2)
    assert (cache.state().hits, cache.state().bytes_to_write) == (2, 0)
    tensors = [CachedClips(cache).read(n) for n in range(2)]
    latents = sum(t.latents.nbytes + t.first_frame_latents.nbytes for t in tensors)
    texts = before.bytes_to_write - latents
    assert 0 < texts == sum(2 * 32 * (len(prompt) // 4 + 1) for prompt in cache.prompts.values())


def test_reading_is_safe_in_threads_and_prompts_are_shared(filled, cache_of):
    cached = CachedClips(cache_of(root=filled[0])[0])
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(cached.read, [0, 1, 2] * 20))
    assert all(same(found[i], found[i % 3]) for i in range(60))
    assert cached.read(0).context is cached.read(0).context


def test_planning_imports_no_torch(mazes, tiny_wan, tmp_path):
    code = f"""
import sys
from pathlib import Path
from vtb.data.store import open_dataset
from vtb.models.wan.checkpoint import open_checkpoint
from vtb.recipe.schema import VideoDataTable
from vtb.train.latents.clips import ClipSource
from vtb.train.latents.cache import LatentCache
clips = ClipSource(open_dataset(Path({str(mazes)!r})), VideoDataTable())
checkpoint = open_checkpoint(Path({str(tiny_wan)!r}))
cache = LatentCache.of(clips, checkpoint, dtype="bf16", root=Path({str(tmp_path / "none")!r}))
print(cache.state().missing, "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "False"]
    assert not (tmp_path / "none").exists()
