"""Plans and preflight: what is found before anything starts, and that nothing is loaded."""

import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from vtb.core.errors import ConflictError, MissingEnvironmentError, UnreadableError, UsageError
from vtb.core.frames import FramePlan
from vtb.data.build import build
from vtb.data.request import Request, Task
from vtb.run.provenance import Gpu
from vtb.train import preflight
from vtb.train.child import ChildArguments
from vtb.train.plan import plan_video
from vtb.train.preflight import attention_checks
from vtb.train.run import run_job


def findings(job):
    return {(check.level, check.name): check for check in plan_video(job).checks}


def test_a_sound_plan(job_of, tmp_path, mazes, tiny_wan):
    plan = plan_video(job_of(tmp_path / "run", "data.height=96", "data.width=96"))
    assert plan.checks == ()
    assert plan.argv[:4] == (sys.executable, "-m", "vtb.train.video", str(tmp_path / "run"))
    assert ChildArguments.parse(plan.argv[3:]) == ChildArguments(
        run=tmp_path / "run", data=mazes, model=tiny_wan, device="cpu", steps=6, stop_at=6
    )
    assert plan.estimates.tokens == 5 * 3 * 3
    assert plan.estimates.trainable_parameters == 8448
    assert plan.estimates.memory_gib is None
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("override", "level", "name", "message", "hint"),
    [
        ("data.num_frames=16", "error", "geometry", "16 frames", "use 13 or 17 frames"),
        ("data.width=70", "error", "geometry", "64x70", "nearest legal size is 64x64"),
        ("data.num_frames=21", "error", "frames", "3 clips of 17 frames", "-s data.num_frames=17"),
        ("data.num_frames=13", "warning", "frames", "re-timed to 13", ""),
        ("data.fps=24", "warning", "fps", "3 clips at 16 fps", "-s data.fps=16"),
        ("data.fit=exact", "error", "size", "3 clips of 96x96", "-s data.height=96"),
        ("data.fit=pad", "warning", "size", "scaled and padded", ""),
        ('lora.target_modules=["qkv"]', "error", "target_modules", "`qkv`", "self_attn.q"),
    ],
)
def test_findings(job_of, tmp_path, override, level, name, message, hint):
    check = findings(job_of(tmp_path, override))[level, name]
    assert message in check.message
    assert hint in check.hint


def test_prefix_says_that_it_cuts(job_of, tmp_path):
    job = job_of(tmp_path, "data.num_frames=13", "data.frame_plan=prefix")
    assert "cut to the first 13" in findings(job)["warning", "frames"].message


def test_an_error_stops_the_run_before_anything_is_written(job_of, tmp_path):
    job = job_of(tmp_path / "run", "data.num_frames=21", "data.fit=exact")
    with pytest.raises(UsageError) as caught:
        run_job(job, warn=lambda check: None)
    assert "the recipe wants 21" in caught.value.message
    assert "the recipe wants 64x64" in caught.value.fact
    assert not (tmp_path / "run").exists()


def test_a_data_set_without_videos(job_of, tmp_path):
    task = Task.of("maze-square", {"rows": 5, "cols": 5}, {"cell": 12})
    request = Request([task], seed=0, plan=FramePlan.of(17, 16), video=False, split="train")
    build(request, tmp_path / "set", 2)
    check = findings(job_of(tmp_path, data=tmp_path / "set"))["error", "videos"]
    assert check.message == "2 of 2 samples have no video"
    assert "--video" in check.hint


def test_a_data_set_that_is_all_held_out(job_of, tmp_path):
    task = Task.of("maze-square", {"rows": 7, "cols": 7}, {"cell": 12})
    request = Request([task], seed=0, plan=FramePlan.of(17, 16), video=True, split="test")
    build(request, tmp_path / "set", 1)
    with pytest.raises(UsageError, match="no samples to train on"):
        job_of(tmp_path, data=tmp_path / "set")


def test_missing_and_damaged_model_files(job_of, tmp_path, tiny_wan):
    with pytest.raises(MissingEnvironmentError, match="does not exist"):
        job_of(tmp_path, model=tmp_path / "nowhere")
    copy = tmp_path / "wan"
    copy.mkdir()
    for path in tiny_wan.iterdir():
        (copy / path.name).symlink_to(path)
    (copy / "Wan2.2_VAE.pth").unlink()
    with pytest.raises(MissingEnvironmentError, match=r"Wan2\.2_VAE"):
        job_of(tmp_path, model=copy)
    (copy / "Wan2.2_VAE.pth").symlink_to(tiny_wan / "Wan2.2_VAE.pth")
    shard = copy / "diffusion_pytorch_model-00001-of-00003.safetensors"
    shard.unlink()
    shard.write_bytes(b"no safetensors")
    with pytest.raises(UnreadableError, match="00001-of-00003"):
        plan_video(job_of(tmp_path, model=copy))


def test_length_of_the_run(job_of, tmp_path):
    epochs = job_of(tmp_path, "train.steps=0", "train.epochs=3", "train.accum=2")
    assert (epochs.steps, epochs.stop_at) == (5, 5)  # 9 samples, 2 per step
    capped = job_of(tmp_path, max_steps=4)
    assert (capped.steps, capped.stop_at) == (6, 4)


def test_another_vae_is_a_conflict_on_resume(job_of, tmp_path, tiny_wan):
    model, first = tmp_path / "wan", job_of(tmp_path / "run")
    shutil.copytree(tiny_wan, model)
    assert job_of(tmp_path / "run", model=model).settings == first.settings
    with (model / "Wan2.2_VAE.pth").open("ab") as file:
        file.write(b"!")
    first.run.begin(first.record(), "", plan_video(first))
    with pytest.raises(ConflictError, match="other settings") as caught:
        run_job(job_of(tmp_path / "run", model=model), warn=lambda check: None)
    assert "model.fingerprint" in caught.value.fact


def test_settings_that_decide_the_result(job_of, tmp_path):
    one, other = job_of(tmp_path), job_of(tmp_path, "summary=Another", max_steps=1)
    assert one.settings == other.settings
    assert one.record().id == other.record().id
    assert job_of(tmp_path, "train.seed=7").record().id != one.record().id


def installed(*names):
    return lambda name: name in names


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([], []),
        (["sageattention"], ["attention"]),
        (["sageattention", "flash_attn"], []),
        (["sageattention", "flash_attn_interface"], []),
    ],
)
def test_an_attention_without_backward_is_refused(names, found):
    assert [check.name for check in attention_checks(installed(*names))] == found


def test_memory_and_disk_are_checked(job_of, tmp_path, monkeypatch):
    job = replace(job_of(tmp_path), gpu=Gpu("NVIDIA H200", 10.0))
    plan = plan_video(job)
    assert plan.estimates.memory_gib == pytest.approx(13.3, abs=0.1)  # the encoders, mostly
    assert plan.estimates.seconds_per_step > 0
    errors = {check.name: check for check in plan.errors}
    assert errors["memory"].hint == "-s train.activation_checkpointing=full"
    usage = preflight.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda path: usage)
    assert "are free" in findings(job_of(tmp_path))["error", "disk"].message


def test_planning_imports_no_torch(tiny_wan, mazes, tmp_path):
    code = f"""
import sys
from pathlib import Path
from vtb.train.job import open_job
from vtb.train.plan import plan_video
plan_video(open_job("video/wan2.2-ti2v-5b-tiny", [], data=Path({str(mazes)!r}),
    model=Path({str(tiny_wan)!r}), out=Path({str(tmp_path)!r}), num_gpus=0))
assert not {{"torch", "diffsynth", "transformers", "datasets"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
