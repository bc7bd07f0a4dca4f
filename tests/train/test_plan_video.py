"""Plans and preflight: what is found before anything starts, and that nothing is loaded."""

import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from vtb.core.errors import ConflictError, MissingEnvironmentError, UnreadableError, UsageError
from vtb.core.frames import FramePlan
from vtb.core.home import cache_root
from vtb.data.build import build
from vtb.data.request import Request, Task
from vtb.models.structure import parameter_count
from vtb.run.provenance import Gpu
from vtb.run.rundir import RunDirectory
from vtb.train.launch import following, resources
from vtb.train.launch.child import ChildArguments
from vtb.train.launch.following import showing_life, wait_for_main
from vtb.train.launch.invocation import require_no_errors
from vtb.train.launch.job import Machines, wanted_experts
from vtb.train.launch.plan import plan_video
from vtb.train.launch.resources import FP8_NAMES, environment_checks
from vtb.train.launch.run import fill_cache, run_job
from vtb.train.launch.workload import transformer_workload

TINY = "video/wan2.2-ti2v-5b-tiny"


def findings(job):
    return {(check.level, check.name): check for check in plan_video(job).checks}


def test_a_sound_plan(job_of, tmp_path, mazes, tiny_wan):
    plan = plan_video(job_of(tmp_path / "run", "data.height=96", "data.width=96"))
    assert plan.checks == ()
    assert plan.argv[:4] == (sys.executable, "-m", "vtb.train", str(tmp_path / "run"))
    assert ChildArguments.parse(plan.argv[3:]) == ChildArguments(
        run=tmp_path / "run",
        data=mazes,
        model=tiny_wan,
        cache=cache_root(),
        device="cpu",
        steps=6,
        stop_at=6,
    )
    assert plan.recipe["train.steps"] == {"value": 6, "origin": "--set train.steps=6"}
    assert plan.files == {}
    assert plan.estimates.tokens == 5 * 3 * 3
    assert plan.estimates.samples == 3
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
        ("train.micro_batch=2", "error", "batch", "multiple of 2", "-s train.batch=2"),
        ("train.base_precision=fp8", "error", "fp8", "a CPU does not compute in fp8", "bf16"),
        ("validation.loss_every=1", "error", "validation", "no validation samples", "-n"),
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
    epochs = job_of(tmp_path, "train.steps=0", "train.epochs=3", "train.batch=2")
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


def test_a_run_may_go_on_with_other_machines_and_another_micro_batch(job_of, tmp_path):
    overrides = ["train.batch=4", "train.micro_batch=2", "train.activation_checkpointing=full"]
    overrides += ["train.compile=false", "dist.strategy=zero2", 'log.trackers=["tensorboard"]']
    other = job_of(tmp_path, *overrides, machines=Machines(0, launcher="torchrun"))
    assert other.settings == job_of(tmp_path, "train.batch=4").settings


def installed(*names):
    return lambda name: name if name in names else None


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([], []),
        (["sageattention"], ["attention"]),
        (["sageattention", "flash_attn"], []),
        (["sageattention", "flash_attn_interface"], []),
    ],
)
def test_an_attention_without_backward_is_refused(job_of, tmp_path, names, found):
    checks = environment_checks(job_of(tmp_path), installed(*names))
    assert [check.name for check in checks] == found


def test_packages_that_are_missing_or_slow(job_of, tmp_path):
    job = job_of(tmp_path, 'log.trackers=["wandb"]', "dist.strategy=zero2")
    found = {check.name: check for check in environment_checks(job, installed(), lambda: "2.9.1")}
    assert set(found) == {"torch", "deepspeed", "trackers"}
    assert "pip install wandb" in found["trackers"].hint
    assert all(check.is_environment for check in found.values())


@pytest.mark.parametrize(
    ("overrides", "error", "first", "second"),
    [
        (["train.base_precision=fp8"], MissingEnvironmentError, "a CPU does not compute", ""),
        # What is wrong on every machine comes first.
        (["train.base_precision=fp8", "train.micro_batch=2"], UsageError, "multiple", "a CPU"),
    ],
)
def test_what_only_this_machine_lacks_is_no_usage_error(
    job_of, tmp_path, overrides, error, first, second
):
    plan = plan_video(job_of(tmp_path, *overrides))
    with pytest.raises(error) as caught:
        require_no_errors(replace(plan, checks=plan.checks[::-1]))
    assert first in caught.value.message and second in caught.value.fact
    assert "-s train.base_precision=bf16" in caught.value.hint


@pytest.mark.parametrize(
    ("num_gpus", "num_parameters", "warns"),
    [(None, 5_000_000_000, True), (None, 5_000_000, False), (0, 5_000_000_000, False)],
)
def test_a_large_model_on_a_cpu_that_nobody_asked_for(
    job_of, tmp_path, monkeypatch, num_gpus, num_parameters, warns
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    job = job_of(tmp_path, machines=Machines(num_gpus))
    found = list(resources.cpu_checks(job, num_parameters, is_auto=job.is_auto))
    assert [check.level for check in found] == ["warning"] * warns
    assert all("5.0 billion parameters runs on the CPU" in check.message for check in found)
    assert (
        list(
            resources.cpu_checks(
                on_gpus(job, "NVIDIA H200", 140), num_parameters, is_auto=job.is_auto
            )
        )
        == []
    )


@pytest.mark.parametrize("target", ["lora", "full", "vae"])
def test_the_whole_model_counts_as_large(job_of, tmp_path, monkeypatch, target):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    job = job_of(tmp_path, f"train.target={target}", machines=Machines(None))
    assert ("warning", "device") not in findings(job)
    part = job.checkpoint.part("vae" if target == "vae" else "dit")
    monkeypatch.setattr(
        resources, "MAX_CPU_PARAMETERS", parameter_count(job.checkpoint.shapes(part)) - 1
    )
    assert ("warning", "device") in findings(job)


@pytest.mark.parametrize(
    ("family", "i2v_prob", "message"),
    [
        ("wan2.2-t2v-a14b", 0.5, "is given no first frame"),
        ("wan2.2-i2v-a14b", 0.5, "is given each sample's first frame"),
        ("wan2.2-i2v-a14b", 1, None),
        ("wan2.2-ti2v-5b", 0.5, None),
    ],
)
def test_where_the_share_of_first_frames_is_fixed(
    job_of, tmp_path, tiny_wan, tiny_a14b, family, i2v_prob, message
):
    has_experts = family in tiny_a14b
    job = job_of(
        tmp_path,
        f"model.family={family}",
        f"train.i2v_prob={i2v_prob}",
        model=tiny_a14b.get(family, tiny_wan),
        expert="high" if has_experts else None,
    )
    found = [check.message for check in plan_video(job).checks if check.name == "i2v_prob"]
    assert len(found) == bool(message)
    assert not message or message in found[0]


@pytest.mark.parametrize(
    ("name", "can"),
    [
        ("NVIDIA H100 80GB HBM3", True),
        ("NVIDIA H200", True),
        ("NVIDIA GeForce RTX 4090", True),
        ("NVIDIA L40S", True),
        ("NVIDIA RTX 6000 Ada Generation", True),
        ("NVIDIA B200", True),
        ("NVIDIA A100-SXM4-80GB", False),
        ("NVIDIA GeForce RTX 3090", False),
        ("Tesla V100", False),
    ],
)
def test_devices_that_compute_in_fp8(name, can):
    assert bool(FP8_NAMES.search(name)) == can


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["train.ema=0.9"], "no whole float32 weights"),
        (["train.target=full"], "trains a LoRA only"),
        (["train.base_precision=fp8"], "would turn fp8 weights into bf16"),
    ],
)
def test_what_does_not_go_with_zero(job_of, tmp_path, overrides, message):
    job = job_of(tmp_path, "dist.strategy=zero2", *overrides)
    assert message in findings(job)["error", "strategy"].message


def test_zero3_neither_compiles_nor_cuts_unevenly(job_of, tmp_path):
    job = on_gpus(job_of(tmp_path, "dist.strategy=zero3", "train.batch=3"), "NVIDIA H200", 140, 3)
    hints = {check.hint for check in plan_video(job).checks if check.name == "strategy"}
    assert hints == {"-s train.compile=false", "use 2, 4, 8, … devices"}


def on_gpus(job, name, memory_gib, count=1):
    cluster = replace(job.cluster, processes=count)
    return replace(job, gpus=(Gpu(name, memory_gib),) * count, cluster=cluster)


def test_memory_and_disk_are_checked(job_of, tmp_path, monkeypatch):
    monkeypatch.setenv("VTB_HOME", str(tmp_path / "home"))
    overrides = ("train.batch=4", "train.micro_batch=2", "train.activation_checkpointing=none")
    job = job_of(tmp_path, *overrides)
    plan = plan_video(on_gpus(job, "NVIDIA H200", 0.4, 2))
    assert plan.estimates.memory_gib == pytest.approx(0.5, abs=0.01)
    assert plan.estimates.seconds_per_step > 0
    assert (plan.estimates.devices, plan.estimates.accum) == (2, 1)
    errors = {check.name: check for check in plan.errors}
    assert errors["memory"].hint == "use smaller or shorter clips"
    assert errors["memory"].is_environment
    usage = resources.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(resources.shutil, "disk_usage", lambda path: usage)
    lacking = [check for check in plan_video(job).errors if check.name == "disk"]
    assert all(check.is_environment for check in lacking)
    messages = [check.message for check in lacking]
    assert ["checkpoints" in messages[0], "encoded samples" in messages[1]] == [True, True]


@pytest.mark.parametrize(
    ("overrides", "memory_gib", "hint"),
    [
        (["train.activation_checkpointing=none"], 100, "-s train.activation_checkpointing=full"),
        (["train.activation_checkpointing=full", "train.micro_batch=4"], 24, "micro_batch=1"),
        (["train.activation_checkpointing=full"], 14, "-s train.base_precision=fp8"),
        (["train.activation_checkpointing=full"], 5, "use smaller or shorter clips"),
    ],
)
def test_the_first_change_that_would_fit(job_of, tmp_path, overrides, memory_gib, hint):
    from vtb.train.launch.estimate import TransformerShape, Workload
    from vtb.train.launch.resources import memory_checks

    job = on_gpus(job_of(tmp_path, "train.batch=4", *overrides), "NVIDIA H200", memory_gib)
    shape = TransformerShape(18480, layers=30, dim=3072, ffn_dim=14336)
    work = Workload(shape, 5_000_000_000, 80_000_000, job.recipe.train.micro_batch)
    [check] = memory_checks(job, work, 1000.0)
    assert hint in check.hint


def test_a_plan_for_several_processes(job_of, tmp_path):
    job = job_of(tmp_path, "train.batch=4", machines=Machines(0, 2, 1, "host:99", "accelerate"))
    plan = plan_video(job)
    [(path, text)] = plan.files.items()
    assert path == str(tmp_path / "accelerate-1.yaml")
    assert "main_process_ip: host" in text
    assert (plan.estimates.devices, plan.estimates.accum) == (2, 2)
    assert ChildArguments.parse(plan.argv[plan.argv.index("vtb.train") + 1 :]).steps == 6


def test_what_the_cache_lacks(job_of, tmp_path, monkeypatch):
    monkeypatch.setenv("VTB_HOME", str(tmp_path / "home"))
    need = plan_video(job_of(tmp_path)).cache
    assert (need.hits, need.missing) == (0, 3)
    assert need.bytes_to_write > 3 * 48 * 6 * 4 * 4 * 2
    assert need.directory.startswith(str(tmp_path / "home"))


def test_filling_the_cache_leaves_no_run(job_of, tmp_path, in_process, monkeypatch):
    monkeypatch.setenv("VTB_HOME", str(tmp_path / "home"))
    job = job_of(tmp_path / "run", is_cache_only=True)
    cached = fill_cache(job, warn=lambda check: None, launch=in_process)
    assert (cached.samples, cached.encoded) == (3, 3)
    assert cached.num_bytes > 0
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert "recipe.toml" in names
    assert names <= {"recipe.toml", "encoding.json", "heartbeats", "log.txt"}
    again = fill_cache(job, warn=lambda check: None, launch=None)
    assert (again.encoded, again.payload()["status"]) == (0, "cached")


def test_experts(job_of, tmp_path, tiny_a14b):
    assert wanted_experts(TINY, [], None) == (None,)
    assert wanted_experts(TINY, ["model.expert=low"], None) == ("low",)
    assert wanted_experts(TINY, ["model.expert=low"], "both") == ("high", "low")
    with pytest.raises(UsageError, match="no experts to choose from"):
        job_of(tmp_path, expert="high")
    family = "wan2.2-t2v-a14b"
    options = {"model": tiny_a14b[family]}
    with pytest.raises(UsageError, match="two experts") as caught:
        job_of(tmp_path, f"model.family={family}", **options)
    assert "--expert" in caught.value.hint
    job = job_of(tmp_path, f"model.family={family}", expert="low", **options)
    plan = plan_video(job)
    words = plan.argv[plan.argv.index("vtb.train") + 1 :]
    assert ChildArguments.parse(words).expert == "low"
    assert job.settings["model.expert"] == "low"


def test_a_vae_is_trained_once_whatever_the_recipe_says_of_experts(job_of, tmp_path, tiny_a14b):
    family = "wan2.2-t2v-a14b"
    overrides = (f"model.family={family}", "model.expert=both", "train.target=vae")
    assert wanted_experts(TINY, overrides, None) == (None,)
    with pytest.raises(UsageError, match="without the experts"):
        wanted_experts(TINY, overrides, "both")
    job = job_of(tmp_path, *overrides, "data.height=96", "data.width=96", model=tiny_a14b[family])
    plan = plan_video(job)
    assert (job.expert, plan.checks) == (None, ())
    assert plan.estimates.trainable_parameters > 0
    assert "--expert" not in plan.argv


@pytest.mark.parametrize(
    ("overrides", "is_full", "is_averaged", "frozen_bytes"),
    [
        ((), False, False, 2),
        (("train.target=full",), True, False, 2),
        (("train.ema=0.9", "train.base_precision=fp8"), False, True, 1),
    ],
)
def test_what_is_estimated(job_of, tmp_path, overrides, is_full, is_averaged, frozen_bytes):
    job = job_of(tmp_path, *overrides)
    work = transformer_workload(job.recipe, job.checkpoint, job.expert, world=1)
    assert (work.is_full, work.is_averaged) == (is_full, is_averaged)
    assert work.frozen_bytes == frozen_bytes
    whole = parameter_count(job.checkpoint.shapes(job.checkpoint.part("dit")))
    expected = (0, whole) if is_full else (whole, 8448)
    assert (work.frozen_parameters, work.trained_parameters) == expected


def test_another_machine_waits_for_the_first_one(job_of, tmp_path, monkeypatch):
    job = job_of(tmp_path, machines=Machines(0, 2, 1, "host:99"), max_steps=None)
    waited = []

    def wait(meanwhile):
        waited.clear()
        monkeypatch.setattr(following.time, "sleep", lambda s: waited.append(s) or meanwhile())
        wait_for_main(job, wait_s=0.2)

    with pytest.raises(MissingEnvironmentError, match="node 0 has not begun") as caught:
        wait(lambda: None)
    assert "--node-rank 0" in caught.value.hint
    show = showing_life(job.run, lambda: None)
    show()
    with pytest.raises(MissingEnvironmentError, match="node 0 has not begun"):
        wait(show)  # alive and not training yet
    job.run.begin(job.record(), "", plan_video(job_of(tmp_path)))
    show()
    # Killed: `running` stays in its record, and nobody is alive.
    with pytest.raises(MissingEnvironmentError, match="node 0 has not begun"):
        wait(lambda: None)
    wait(show)
    assert len(waited) == 1
    state = job.run.state()
    job.run._write("run.json", {**state, "versions": {**state["versions"], "torch": "1.0"}})
    with pytest.raises(ConflictError, match="other versions"):
        wait(show)


def test_the_first_of_several_machines_shows_that_it_is_alive(job_of, tmp_path):
    signs = []

    def launch(plan, log, watch):
        for _ in range(2):
            watch()
            signs.append(following._last_sign(RunDirectory(log.parent)))
        raise KeyboardInterrupt

    for nodes in (1, 2):
        machines = Machines(0, nodes, 0, "host:99")
        job = job_of(tmp_path / str(nodes), "train.batch=2", machines=machines)
        with pytest.raises(KeyboardInterrupt):
            run_job(job, warn=lambda check: None, launch=launch)
    alone, first, second = signs[1:]
    assert alone == "" and first and second and first != second


def test_planning_imports_no_torch(tiny_wan, mazes, tmp_path):
    code = f"""
import sys
from pathlib import Path
from vtb.train.launch.job import Machines, open_job
from vtb.train.launch.plan import plan_video
plan_video(open_job("video/wan2.2-ti2v-5b-tiny", [], data=Path({str(mazes)!r}),
    model=Path({str(tiny_wan)!r}), out=Path({str(tmp_path)!r}), machines=Machines(0)))
assert not {{"torch", "diffsynth", "transformers", "datasets"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_fp8_weights_are_not_trained_themselves(job_of, tmp_path):
    job = job_of(tmp_path, "train.target=full", "train.base_precision=fp8")
    messages = [check.message for check in plan_video(job).errors if check.name == "fp8"]
    assert "fp8 weights are frozen, and only a LoRA leaves them so" in messages


def test_a_vae_needs_nothing_encoded(job_of, tmp_path):
    plan = plan_video(job_of(tmp_path, "train.target=vae"))
    assert (plan.cache.missing, plan.cache.bytes_to_write) == (0, 0)
    job = job_of(tmp_path, "train.target=vae", is_cache_only=True)
    assert ("error", "cache") in findings(job)
