"""Clips of several sizes in one run: what is planned, trained, resumed and measured."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from vtb.core.errors import UsageError
from vtb.core.files import read_json_lines
from vtb.core.frames import FramePlan
from vtb.core.splits import SplitRule
from vtb.data.build import build
from vtb.data.clips import ClipForm
from vtb.data.request import Request, Task
from vtb.data.store import open_dataset
from vtb.media.video import read_frames
from vtb.recipe.load import load
from vtb.recipe.schema import VideoRecipe
from vtb.run.provenance import Gpu
from vtb.run.rundir import RunDirectory
from vtb.train.flow.schedule import NoiseSchedule
from vtb.train.latents.clips import ClipSource
from vtb.train.latents.encoded import Encoded
from vtb.train.launch.clip_checks import MANY_SIZES, clip_checks
from vtb.train.launch.plan import cache_need, plan_video
from vtb.train.launch.run import run_job
from vtb.train.loop.stopping import StopRequest
from vtb.train.vae_task import VaeTask
from vtb.train.validation.clips import SampledClips

NATIVE = ("data.fit=native", "data.height=96", "data.width=96")
TINY = "video/wan2.2-ti2v-5b-tiny"


@pytest.fixture
def native_job(job_of, two_sizes):
    """Opens a job on the clips of two sizes, which keep theirs."""

    def open_(out, *overrides, **options):
        return job_of(out, *NATIVE, *overrides, data=two_sizes, **options)

    return open_


def findings(job):
    return [(check.level, check.name, check.message, check.hint) for check in clip_checks(job)]


def test_the_plan_lists_the_sizes_and_the_filled_up_epoch(native_job, tmp_path):
    job = native_job(tmp_path, "train.batch=2", "train.steps=0", "train.epochs=3")
    [found] = findings(job)
    fill = "2 repeated in each epoch, to fill batches of one size"
    assert found == ("info", "sizes", f"clips: 5 of 64x64, 3 of 96x96; {fill}", "")
    assert job.steps == 3 * (6 + 4) / 2
    plan = plan_video(job)
    assert not plan.errors
    assert plan.estimates.tokens == 5 * 3 * 3  # of the largest


def test_other_fits_name_what_to_do(job_of, tmp_path, two_sizes):
    job = job_of(tmp_path, "data.fit=exact", data=two_sizes)
    [(level, name, message, hint)] = findings(job)
    assert (level, name) == ("error", "size")
    assert message == "3 clips of 96x96, the recipe wants 64x64"
    assert hint == "-s data.fit=native -s data.height=96 -s data.width=96, or -s data.fit=pad"


def test_a_size_above_the_recipes_is_an_error_that_names_enough_room(native_job, tmp_path):
    job = native_job(tmp_path, "data.height=64", "data.width=128")
    errors = [found for found in findings(job) if found[0] == "error"]
    message = "3 clips of 96x96, the recipe has room for 64x128"
    assert errors == [("error", "size", message, "-s data.height=96 -s data.width=128")]


def test_a_hint_for_several_sizes_is_given_once(native_job, tmp_path):
    job = native_job(tmp_path, "data.height=32", "data.width=32")
    with pytest.raises(UsageError) as caught:
        run_job(job, warn=lambda check: None)
    assert caught.value.hint == "-s data.height=96 -s data.width=96"


def with_sizes(job, *sizes):
    """The job as if its clips, in turn, had these sizes."""
    clips = ClipSource(job.dataset, job.recipe.data)
    rows = [
        replace(row, facts=replace(row.facts, form=ClipForm(17, *size, 16)))
        for row, size in zip(clips.rows * len(sizes), sizes, strict=False)
    ]
    vars(clips)["rows"] = rows
    return replace(job, clips=clips)


def test_a_size_that_the_model_cannot_make_is_an_error(native_job, tmp_path):
    job = with_sizes(native_job(tmp_path), (64, 96), (72, 96))
    [(level, name, message, hint), _] = findings(job)
    assert (level, name) == ("error", "size")
    assert message == "1 clip of 72x96, the model makes multiples of 32"
    assert "data.fit=pad" in hint


def test_many_sizes_are_many_compilations(native_job, tmp_path):
    sizes = [(32, 32 * n) for n in range(1, MANY_SIZES + 2)]
    job = replace(native_job(tmp_path, "data.width=1024"), gpus=(Gpu("NVIDIA H200", 140),))
    levels = [
        [found[0] for found in findings(with_sizes(job, *some))] for some in (sizes[1:], sizes)
    ]
    assert levels == [["info"], ["info", "warning"]]


def test_held_out_clips_are_looked_at_too(job_of, tmp_path):
    small, large = (Task.of("maze-square", {"rows": n, "cols": n}, {"cell": 12}) for n in (5, 7))
    plan, rule = FramePlan.of(17, 16), SplitRule(test=0, validation=500)
    build(Request([small, large], seed=0, plan=plan, video=True, rule=rule), tmp_path / "set", 16)
    dataset = open_dataset(tmp_path / "set")
    counts = []
    for every, splits in ((0, ("train",)), (2, ("train", "validation"))):
        overrides = (*NATIVE, "data.height=64", "data.width=64", "validation.samples=16")
        loss = f"validation.loss_every={every}"
        job = job_of(tmp_path / "run", *overrides, loss, data=dataset.path)
        [error, _] = findings(job)
        rows = [row for split in splits for row in ClipSource(dataset, job.recipe.data, split).rows]
        counts.append(sum(row.facts.form.height == 96 for row in rows))
        assert error[2] == f"{counts[-1]} clips of 96x96, the recipe has room for 64x64"
    assert 0 < counts[0] < counts[1]


def test_what_is_to_be_encoded_is_counted_by_size(native_job, tmp_path, monkeypatch):
    monkeypatch.setenv("VTB_HOME", str(tmp_path / "home"))
    native = cache_need(native_job(tmp_path)).bytes_to_write
    largest = cache_need(native_job(tmp_path, "data.fit=exact")).bytes_to_write
    # Of 6 latent frames with 48 channels, in bfloat16, 4x4 or 6x6 for each clip.
    assert largest - native == 5 * 6 * 48 * (36 - 16) * 2


def events(out):
    rows = read_json_lines(out / "events.jsonl")
    return [[row[key] for key in ("step", "epoch", "loss", "grad_norm")] for row in rows]


def test_two_sizes_train_and_resume_bit_for_bit(native_job, tmp_path, in_process):
    values = ("train.batch=2", "train.micro_batch=2")

    def train(out, *more, **options):
        job = native_job(tmp_path / out, *values, *more, **options)
        warned = []
        run_job(job, warn=warned.append, launch=in_process)
        assert [check.level for check in warned] == ["info"]
        final = tmp_path / out / "final" / "lora.safetensors"
        return events(tmp_path / out), final.exists() and final.read_bytes()

    straight = train("straight")
    assert [epoch for _, epoch, *_ in straight[0]] == [step * 2 / 10 for step in range(1, 7)]
    train("cut", max_steps=3)
    assert train("cut") == straight
    # The size of a micro-batch changes the order of additions, and nothing else.
    one_by_one, _ = train("one", "train.micro_batch=1")
    for ours, theirs in zip(one_by_one, straight[0], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)
    assert RunDirectory(tmp_path / "straight").state()["settings"]["data.fit"] == "native"


def test_a_vae_is_trained_on_clips_of_one_size_at_a_time(two_sizes):
    values = ["train.batch=2", "train.micro_batch=2", *NATIVE]
    recipe = load(VideoRecipe, TINY, values).recipe
    weights = SimpleNamespace(write=None, read=None)
    clips = ClipSource(open_dataset(two_sizes), recipe.data)
    task = VaeTask(SimpleNamespace(), weights, recipe, clips, grid=32)
    assert task.num_samples == 10
    batches = [task.batch(range(start, start + 2)) for start in range(0, 10, 2)]
    sides = [batch.frames.shape[2] for batch in batches]
    assert sorted(sides) == [64, 64, 64, 96, 96]
    for side, batch in zip(sides, batches, strict=True):
        assert batch.frames.shape == (2, 17, side, side, 3)
    assert [task.shape(start) for start in range(0, 10, 2)] == [(side, side) for side in sides]


def test_sampled_clips_are_made_in_the_size_of_their_puzzle(
    two_sizes, tiny_wan, tmp_path, monkeypatch
):
    def half_white(vae, latents):
        _, _, _, height, width = latents.shape
        frames = np.zeros((1, 17, 16 * height, 16 * width, 3), np.uint8)
        frames[..., 8 * width :, :] = 255
        return frames

    monkeypatch.setattr("vtb.train.validation.clips.decode", half_white)
    dataset = open_dataset(two_sizes)
    values = ["validation.steps=1", "train.micro_batch=2", *NATIVE, "data.width=128"]
    recipe = load(VideoRecipe, TINY, values).recipe
    source = ClipSource(dataset, recipe.data)
    encoded = [
        Encoded(torch.zeros(48, 5, h // 16, w // 16), torch.ones(3, 32)) for h, w in source.sizes
    ]
    clips = SimpleNamespace(ids=source.ids, sizes=source.sizes, read=encoded.__getitem__)
    seen = []

    def predict(latents, *_):
        seen.append(tuple(latents.shape))
        return torch.zeros_like(latents)

    measure = SampledClips(
        recipe=recipe,
        run=RunDirectory(tmp_path),
        dataset=dataset,
        model=tiny_wan,
        clips=clips,
        predict=predict,
        dtype=torch.float32,
        schedule=NoiseSchedule.shifted(5.0, weighting="bell"),
        accelerator=Accelerator(cpu=True),
        stop=StopRequest(),
        beat=lambda: None,
    )
    measure(3)
    assert seen == [(2, 48, 5, 4, 4)] * 3 + [(2, 48, 5, 6, 6)] * 2
    for name, size in zip(source.ids, source.sizes, strict=True):
        frames = read_frames(tmp_path / "previews" / "step-000003" / f"{name}.mp4")
        assert frames.shape == (17, *size, 3)
        assert frames[:, :, : size[1] // 2 - 2].max() < 30
        assert frames[:, :, size[1] // 2 + 2 :].min() > 225


@pytest.mark.parametrize(("crop", "hint"), [(48, 32), (96, 64), (16, 32)])
def test_a_crop_must_fit_into_every_clip(native_job, tmp_path, crop, hint):
    job = native_job(tmp_path, "train.target=vae", f"vae.crop={crop}")
    [error] = [finding for finding in findings(job) if finding[0] == "error"]
    assert error[1] == "crop"
    assert f"a crop of {crop} px, from clips of at least 64 px" in error[2]
    assert error[3] == f"-s vae.crop={hint}"


def test_a_crop_that_fits_is_no_error(native_job, tmp_path):
    job = native_job(tmp_path, "train.target=vae", "vae.crop=64")
    assert [finding[0] for finding in findings(job)] == ["info"]
