import json

import cv2
import numpy as np
import pytest
import torch

from vtb.core.errors import (
    ConflictError,
    LockedError,
    MissingEnvironmentError,
    UnreadableError,
    UsageError,
)
from vtb.core.files import read_json
from vtb.core.frames import FramePlan
from vtb.core.splits import SplitRule
from vtb.data.build import build
from vtb.data.predictions import open_predictions
from vtb.data.request import Request, Task
from vtb.data.store import open_dataset
from vtb.infer import device, video, written
from vtb.infer import settings as infer_settings
from vtb.infer.batches import Order, batches
from vtb.infer.device import Placement, place
from vtb.infer.fill import sample_seed
from vtb.infer.sources import DatasetSource, Job
from vtb.media.fit import Fit, Size
from vtb.media.video import probe, read_frames
from vtb.models.lora.file import Lora, LoraPair, write_lora
from vtb.models.lora.targets import linear_shapes
from vtb.models.structure import read_shapes
from vtb.run.lock import output_lock


def listed(out):
    return [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]


@pytest.fixture
def lora_of(tiny_wan, tmp_path):
    """Writes a LoRA for one layer of the tiny model, of the right size or not."""

    def write(extra_inputs=0, scale=1.0, **metadata):
        files = sorted(tiny_wan.glob("diffusion_pytorch_model*.safetensors"))
        name, (out, inputs) = next(
            (name, shape)
            for name, shape in linear_shapes(read_shapes(files)).items()
            if name.endswith("self_attn.q")
        )
        generator = torch.Generator().manual_seed(0)
        pair = LoraPair(
            torch.randn(2, inputs + extra_inputs, generator=generator),
            scale * torch.randn(out, 2, generator=generator),
            2.0,
        )
        path = tmp_path / f"lora{extra_inputs}.safetensors"
        write_lora(path, Lora({name: pair}, metadata))
        return path

    return write


@pytest.fixture
def set_of(tmp_path):
    """Builds a set of 5x5 mazes with clips."""

    def make(name, count, cell=16):
        task = Task.of("maze-square", {"rows": 5, "cols": 5}, {"cell": cell})
        request = Request([task], 0, FramePlan.of(17, 16), True, rule=SplitRule(1000, 0))
        build(request, tmp_path / name, count)
        return tmp_path / name

    return make


@pytest.fixture
def stub(monkeypatch):
    """Replaces the model by one that repeats the picture; gives the list of jobs it was asked."""
    jobs = []

    def make_frames(orders):
        jobs.extend((order.job.sample_id, order.seed) for order in orders)
        return repeated(orders)

    monkeypatch.setattr(video, "load_model", lambda *_: make_frames)
    return jobs


def repeated(orders, num_frames=17):
    return [np.repeat(o.fit.apply(o.job.picture)[None], num_frames, axis=0) for o in orders]


def test_clip_sidecar_list_and_record(infer, tmp_path, maze_set, tiny_wan):
    result = infer()
    assert (result.n, result.done, result.skipped, dict(result.failed)) == (1, 1, 0, {})
    (sample_id,) = open_dataset(maze_set).ids("test", 1)
    out = tmp_path / "pred"
    info = probe(out / f"{sample_id}.mp4")
    assert (info.num_frames, info.height, info.width, info.fps) == (17, 128, 128, 16)
    sidecar = read_json(out / f"{sample_id}.json")
    assert sidecar["generated_size"] == [64, 64] and sidecar["clip_size"] == [128, 128]
    assert sidecar["seed"] == sample_seed(42, sample_id)
    record = read_json(out / "infer.json")
    assert record["manifest_hash"] == open_dataset(maze_set).manifest_hash
    assert (record["num_frames"], record["steps"], record["lora"]) == (17, 2, None)
    assert (record["device"], record["dtype"]) == ("cpu", "float32")
    assert {"torch", "diffsynth", "vtb-toolkit"} <= set(record["versions"])
    found = open_predictions(out, [sample_id])
    assert found.find(sample_id).sha256 == listed(out)[0]["sha256"] and not found.warnings
    assert found.find(sample_id).model == str(tiny_wan)


def test_lora_changes_the_clip(infer, tmp_path, lora_of):
    infer(out=tmp_path / "base")
    infer(out=tmp_path / "tuned", loras=(lora_of(),))
    base, tuned = listed(tmp_path / "base")[0], listed(tmp_path / "tuned")[0]
    assert base["seed"] == tuned["seed"] and base["sha256"] != tuned["sha256"]
    assert tuned["run"].endswith("lora0.safetensors")


def test_a_lora_of_another_model_is_refused(infer, lora_of, tmp_path):
    with pytest.raises(UnreadableError, match="does not fit"):
        infer(loras=(lora_of(extra_inputs=4),))
    assert not list((tmp_path / "pred").glob("*.mp4"))


def test_a_lora_that_is_not_there_is_named(infer, tmp_path):
    with pytest.raises(UnreadableError, match=r"nothing\.safetensors"):
        infer(loras=(tmp_path / "nothing.safetensors",))


def test_a_lora_of_zeros_is_refused_and_claims_no_folder(infer, lora_of):
    with pytest.raises(UnreadableError, match="changes nothing"):
        infer(loras=(lora_of(scale=0.0),))
    assert infer().done == 1


def test_a_damaged_clip_is_made_again(infer, stub, tmp_path):
    infer()
    clip = next((tmp_path / "pred").glob("*.mp4"))
    whole = clip.read_bytes()
    clip.write_bytes(whole[:300])
    assert infer().done == 1 and clip.read_bytes() == whole


def test_repeating_makes_only_what_is_missing(infer, stub, tmp_path, maze_set):
    ids = open_dataset(maze_set).ids("test")
    infer(limit=2)
    kept = (tmp_path / "pred" / f"{ids[0]}.mp4").stat().st_mtime_ns
    again = infer(limit=3)
    assert (again.done, again.skipped) == (1, 2)
    assert [name for name, _ in stub] == ids[:3]
    assert (tmp_path / "pred" / f"{ids[0]}.mp4").stat().st_mtime_ns == kept
    (tmp_path / "pred" / f"{ids[1]}.mp4").unlink()
    assert infer(limit=3).done == 1
    assert infer(limit=3).done == 0


def test_an_interrupted_run_lists_only_whole_clips(infer, stub, tmp_path, monkeypatch):
    class Stop(BaseException):
        pass

    def stop(*_):
        raise Stop

    infer(limit=1)
    (tmp_path / "pred" / ".x.mp4.0123.tmp").write_bytes(b"half")
    with monkeypatch.context() as patch:
        patch.setattr(written, "append_line", stop)
        with pytest.raises(Stop):
            infer(limit=2)
    assert len(listed(tmp_path / "pred")) == 1
    assert infer(limit=2).done == 1
    assert not list((tmp_path / "pred").glob(".*.tmp"))


def test_seeds_depend_on_id_and_root_seed_only(infer, stub, tmp_path):
    infer(limit=3)
    infer(limit=1, out=tmp_path / "one")
    infer(limit=1, out=tmp_path / "other", seed=43)
    assert stub[0] == stub[3] and stub[0][1] != stub[4][1]
    assert len({seed for _, seed in stub[:3]}) == 3
    assert 0 <= sample_seed(42, "x") < 2**31


def test_a_clip_of_the_wrong_length_is_a_failure_not_a_file(infer, tmp_path, monkeypatch):
    monkeypatch.setattr(video, "load_model", lambda *_: lambda orders: repeated(orders, 13))
    result = infer(limit=2)
    assert (result.done, len(result.failed)) == (0, 2)
    assert not list((tmp_path / "pred").glob("*.mp4"))


def test_a_failing_clip_does_not_take_its_batch_with_it(infer, maze_set, tmp_path, monkeypatch):
    ids = open_dataset(maze_set).ids("test", 4)
    read = DatasetSource.job

    def job(source, sample_id):
        if sample_id == ids[1]:
            raise UnreadableError("no picture")
        return read(source, sample_id)

    def make_frames(orders):
        return [clip[: 13 if o.job.sample_id == ids[2] else 17] for o, clip in made(orders)]

    def made(orders):
        return zip(orders, repeated(orders), strict=True)

    monkeypatch.setattr(DatasetSource, "job", job)
    monkeypatch.setattr(video, "load_model", lambda *_: make_frames)
    result = infer(limit=4, batch=4)
    assert list(result.failed) == [ids[1], ids[2]] and result.done == 2
    assert [row["sample_id"] for row in listed(tmp_path / "pred")] == [ids[0], ids[3]]


def test_clips_of_equal_size_share_a_batch():
    def order(name, side):
        size = Size(side, side)
        return Order(Job(name, "", None, size), Fit.of(size, None, 32, "pad"), 0, "")

    sides = {"a": 64, "b": 96, "c": 60, "d": 90, "e": 64, "f": 64, "g": 128}
    orders = [order(name, side) for name, side in sides.items()]

    def names(count):
        return ["".join(o.job.sample_id for o in batch) for batch in batches(orders, count)]

    assert names(2) == ["ac", "bd", "ef", "g"]
    assert names(3) == ["ace", "bd", "f", "g"]
    assert names(1) == list(sides)


def test_a_batch_changes_no_clip_and_is_no_conflict(infer, tmp_path, maze_set):
    assert infer(limit=1).done == 1
    result = infer(limit=3, batch=2)
    assert (result.done, result.skipped) == (2, 1)
    infer(limit=3, batch=3, out=tmp_path / "together")
    record = read_json(tmp_path / "together" / "infer.json")
    assert record == read_json(tmp_path / "pred" / "infer.json") and "batch" not in record
    for row in listed(tmp_path / "pred"):
        one, other = (
            read_frames(tmp_path / name / row["path"]).astype(int) for name in ("pred", "together")
        )
        assert one.std() > 5 and np.abs(one - other).mean() < 1


def test_other_parameters_are_a_conflict_and_force_starts_afresh(infer, stub):
    infer(limit=2)
    with pytest.raises(ConflictError) as caught:
        infer(limit=2, steps=3)
    assert caught.value.fact == "steps is 2 there, 3 now"
    assert infer(limit=2, steps=3, force=True).done == 2


def test_another_precision_is_a_conflict_and_other_versions_are_not(infer, stub, monkeypatch):
    infer()
    monkeypatch.setattr(infer_settings, "versions", lambda: {"torch": "99"})
    assert infer().skipped == 1
    monkeypatch.setattr(device, "place", lambda name: Placement("cuda:1", torch.bfloat16))
    with pytest.raises(ConflictError) as caught:
        infer()
    assert caught.value.fact == (
        "device is 'cpu' there, 'cuda' now; dtype is 'float32' there, 'bfloat16' now"
    )


def test_a_moved_folder_and_a_larger_set_keep_what_was_made(infer, stub, tmp_path, set_of):
    small, large = set_of("small", 2), set_of("large", 4)
    infer(data=small, limit=None)
    (tmp_path / "pred").rename(tmp_path / "moved")
    result = infer(data=large, out=tmp_path / "moved", limit=None)
    assert (result.done, result.skipped) == (2, 2)
    record = read_json(tmp_path / "moved" / "infer.json")
    assert record["manifest_hash"] == open_dataset(large).manifest_hash
    assert record["data"] == str(large)


def test_a_clip_whose_puzzle_is_drawn_otherwise_is_made_again(infer, stub, tmp_path, set_of):
    infer(data=set_of("one", 3, cell=16), limit=None)
    again = set_of("other", 3, cell=20)
    assert infer(data=again, limit=None).done == 3
    assert infer(data=again, limit=None).done == 0
    ids = open_dataset(again).ids()
    assert [row["sample_id"] for row in listed(tmp_path / "pred")] == [*ids, *ids]
    info = probe(tmp_path / "pred" / f"{ids[0]}.mp4")
    assert (info.height, info.width) == open_dataset(again).sample(ids[0]).puzzle.shape[:2]


def test_a_lora_that_may_have_seen_the_puzzles_is_warned_of(infer, stub, lora_of, tmp_path):
    options = {"loras": (lora_of(train_buckets="[100, 1000]"),), "out": tmp_path / "seen"}
    (warning,) = infer(**options).warnings
    assert "100-999" in warning
    assert read_json(tmp_path / "seen" / "infer.json")["train_buckets"] == [100, 1000]
    assert not infer(loras=(lora_of(),), out=tmp_path / "foreign").warnings


def test_one_writer_at_a_time(infer, tmp_path):
    with output_lock(tmp_path / "pred"), pytest.raises(LockedError):
        infer()


def test_prompt_and_image(infer, stub, tmp_path):
    image = np.full((50, 70, 3), 200, np.uint8)
    cv2.imwrite(str(tmp_path / "start.png"), image)
    options = {"data": None, "prompt": "a line", "image": tmp_path / "start.png"}
    with pytest.raises(UsageError, match="18 frames"):
        infer(**options, num_frames=18)
    infer(**options, num_frames=17, size=None)
    (row,) = listed(tmp_path / "pred")
    assert row["sample_id"].startswith("prompt-")
    info = probe(tmp_path / "pred" / row["path"])
    assert (info.height, info.width) == (50, 70)


@pytest.mark.parametrize(
    "options", [{"data": None}, {"prompt": "x"}, {"data": None, "prompt": "x"}]
)
def test_one_source_must_be_named(infer, options):
    with pytest.raises(UsageError, match="which clips to make"):
        infer(**options)


def test_missing_model_and_unknown_device(infer, tmp_path):
    with pytest.raises(MissingEnvironmentError, match="does not exist"):
        infer(model=tmp_path / "absent")
    with pytest.raises(UsageError, match="unknown device `tpu`"):
        place("tpu")
    with pytest.raises(MissingEnvironmentError, match="not there"):
        place(f"cuda:{torch.cuda.device_count()}")
    assert place("cpu") == ("cpu", torch.float32)
