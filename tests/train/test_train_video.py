"""Whole runs of the tiny Wan in this process, and one in a child process."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from safetensors import safe_open
from safetensors.torch import load_file

from vtb.core.errors import ConflictError, LockedError, UsageError
from vtb.core.files import read_json_lines
from vtb.run.launch import Ending
from vtb.run.lock import output_lock
from vtb.run.rundir import RunDirectory
from vtb.train.launch.child import ChildArguments
from vtb.train.launch.plan import plan_video
from vtb.train.launch.run import run_job

FILES = ("lora.safetensors", "lora-diffsynth.safetensors")


def losses(out):
    return [
        (row["step"], row["loss"], row["grad_norm"])
        for row in read_json_lines(out / "events.jsonl")
    ]


def weights(out):
    return [(out / "final" / name).read_bytes() for name in FILES]


@pytest.fixture(scope="module")
def warnings():
    return []


@pytest.fixture(scope="module")
def module_path(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def straight(module_path, job_of, in_process, warnings):
    """A run of six steps without interruption, made by the first test that asks for it."""
    out = module_path / "straight"
    run_job(job_of(out), warn=warnings.append, launch=in_process)
    return out


def test_run_directory_is_complete(straight, warnings):
    state = RunDirectory(straight).state()
    assert (state["status"], state["stop_at"], state["resume"]) == ("done", 6, "exact")
    events = read_json_lines(straight / "events.jsonl")
    assert [event["step"] for event in events] == [1, 2, 3, 4, 5, 6]
    expected = {"step", "epoch", "loss", "lr", "grad_norm", "samples_per_second", "memory_gib"}
    assert set(events[0]) == expected | {"data_wait_seconds", "loss_by_group"}
    assert [check.name for check in warnings] == ["size"]
    assert json.loads((straight / "plan.json").read_text())["argv"][1:3] == [
        "-m",
        "vtb.train",
    ]
    assert "rank = 4" in (straight / "recipe.toml").read_text()


def test_final_holds_both_layouts_with_metadata_and_a_card(straight):
    with safe_open(straight / "final" / FILES[0], "pt") as file:
        assert "diffusion_model.blocks.0.self_attn.q.lora_A.weight" in file.keys()  # noqa: SIM118
        metadata = file.metadata()
    assert (metadata["step"], metadata["rank"], metadata["num_frames"]) == ("6", "4", "17")
    assert (metadata["train_split"], metadata["train_buckets"]) == ("train", "[100, 1000]")
    settings = RunDirectory(straight).state()["settings"]
    assert (settings["data.split"], settings["data.buckets"]) == ("train", [100, 1000])
    with safe_open(straight / "final" / FILES[1], "pt") as file:
        assert "blocks.0.self_attn.q.lora_A.default.weight" in file.keys()  # noqa: SIM118
    assert "LoRA of rank 4" in (straight / "final" / "README.md").read_text()


def test_the_same_again_is_already_complete(straight, job_of):
    def launch(plan, log, watch):
        raise AssertionError("started again")

    before = weights(straight)
    outcome = run_job(job_of(straight), warn=lambda check: None, launch=launch)
    assert (outcome.is_new, outcome.steps, outcome.samples_per_second) == (False, 6, 0)
    assert weights(straight) == before


def test_secrets_are_left_out_of_records_and_do_not_spoil_the_run(
    straight, tmp_path, job_of, in_process, monkeypatch
):
    job = job_of(tmp_path)
    monkeypatch.setenv("DATA_KEY", str(job.dataset.path)[1:])
    monkeypatch.setenv("RECIPE_KEY", "timestep_dtype")
    run_job(job, warn=lambda check: None, launch=in_process)
    assert job.run.state()["inputs"]["data"] == "/***"
    assert losses(tmp_path) == losses(straight)


def test_other_settings_are_a_conflict_that_names_them(straight, job_of, in_process):
    with pytest.raises(ConflictError) as caught:
        run_job(job_of(straight, "train.lr=0.5"), warn=lambda check: None)
    assert caught.value.fact == "train.lr is 0.01 there, 0.5 now"


def test_stopped_and_continued_equals_straight(straight, tmp_path, job_of, in_process):
    outcome = run_job(job_of(tmp_path, max_steps=2), warn=lambda check: None, launch=in_process)
    assert outcome.steps == 2
    outcome = run_job(job_of(tmp_path), warn=lambda check: None, launch=in_process)
    assert outcome.resumed_from == 2
    assert losses(tmp_path) == losses(straight)
    assert weights(tmp_path) == weights(straight)


def test_goes_on_from_a_lora(straight, tmp_path, job_of, in_process):
    import torch

    start = straight / "final" / "lora.safetensors"
    at_rest = f"lora.init_from={start}", "train.lr=1e-12", "train.weight_decay=0"
    run_job(job_of(tmp_path, *at_rest), warn=lambda check: None, launch=in_process)
    begun, ended = load_file(start), load_file(tmp_path / "final" / "lora.safetensors")
    assert begun.keys() == ended.keys()
    assert all(torch.equal(ended[name], begun[name]) for name in begun)
    other = f"lora.init_from={straight / 'checkpoints' / 'step-000006' / 'lora.safetensors'}"
    with pytest.raises(ConflictError) as caught:
        run_job(job_of(tmp_path, other, *at_rest[1:]), warn=lambda check: None)
    assert "lora.init_from" in caught.value.fact


@pytest.mark.parametrize(
    ("override", "message", "hint"),
    [
        ("lora.rank=2", "has rank 4", "-s lora.rank=4"),
        ('lora.target_modules=["q"]', "has other layers than the recipe", "the targets"),
        ("train.target=full", "trains no LoRA", "leave lora.init_from out"),
    ],
)
def test_a_lora_of_another_form_is_no_start(straight, tmp_path, job_of, override, message, hint):
    start = straight / "final" / "lora.safetensors"
    plan = plan_video(job_of(tmp_path, f"lora.init_from={start}", override))
    check = next(check for check in plan.checks if check.name == "init_from")
    assert check.level == "error"
    assert message in check.message and hint in check.hint


def test_a_start_that_is_not_there(tmp_path, job_of):
    with pytest.raises(UsageError, match="no file"):
        job_of(tmp_path, f"lora.init_from={tmp_path / 'none.safetensors'}")


def test_deleted_final_weights_are_written_again(straight, job_of, in_process):
    before = weights(straight)
    shutil.rmtree(straight / "final")
    outcome = run_job(job_of(straight), warn=lambda check: None, launch=in_process)
    assert (outcome.steps, outcome.resumed_from) == (6, 6)
    assert weights(straight) == before


def test_force_starts_over(straight, tmp_path, job_of, in_process):
    for overrides in ([], ["train.seed=1"]):
        run_job(
            job_of(tmp_path, *overrides, max_steps=1),
            warn=lambda check: None,
            force=True,
            launch=in_process,
        )
    assert len(losses(tmp_path)) == 1
    assert losses(tmp_path) != losses(straight)[:1]


def test_a_directory_in_use_is_refused_and_left_alone(tmp_path, job_of):
    with output_lock(tmp_path), pytest.raises(LockedError):
        run_job(job_of(tmp_path), warn=lambda check: None)
    assert not (tmp_path / "run.json").exists()


def test_a_failed_child_leaves_the_state_failed(tmp_path, job_of):
    def launch(plan, log, watch):
        raise OSError("boom")

    with pytest.raises(OSError, match="boom"):
        run_job(job_of(tmp_path), warn=lambda check: None, launch=launch)
    assert RunDirectory(tmp_path).state()["status"] == "failed"


@pytest.mark.parametrize(("is_complete", "status"), [(True, "done"), (False, "interrupted")])
def test_a_signal_is_raised_again_after_the_state_is_recorded(
    tmp_path, job_of, is_complete, status
):
    def launch(plan, log, watch):
        return Ending(is_complete, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run_job(job_of(tmp_path), warn=lambda check: None, launch=launch)
    assert RunDirectory(tmp_path).state()["status"] == status


@pytest.fixture
def trainee_of():
    """Loads what a job trains, in this process, with its clips encoded."""

    def make(job):
        from vtb.models.wan.checkpoint import open_checkpoint
        from vtb.recipe.schema import VideoRecipe
        from vtb.train.loop.stopping import StopRequest
        from vtb.train.session import Session
        from vtb.train.trainee import load_trainee

        plan = plan_video(job)
        job.run.begin(job.record(), job.resolved.toml(), plan)
        arguments = ChildArguments.parse(plan.argv[3:])
        session = Session.open(arguments, StopRequest(), VideoRecipe, open_checkpoint)
        return load_trainee(session)

    return make


def run_loop(job, task, steps):
    from accelerate import Accelerator

    from vtb.train.loop.loop import Loop
    from vtb.train.loop.step_log import StepLog, events_file
    from vtb.train.loop.stopping import StopRequest

    log = StepLog(task, [events_file(job.run)])
    train, save = job.recipe.train, job.recipe.save
    loop = Loop(task, train, save, job.run, Accelerator(cpu=True), log)
    loop.run(steps=steps, stop_at=steps, stop=StopRequest())


def trained(task):
    return [parameter for parameter in task.module.parameters() if parameter.requires_grad]


def test_frozen_weights_stay_bit_equal_and_a_step_is_the_mean(tmp_path, job_of, trainee_of):
    import torch

    overrides = ("train.batch=4", "train.micro_batch=2", "train.i2v_prob=0.5", "train.grad_clip=0")
    job = job_of(tmp_path, *overrides, "train.activation_checkpointing=full")
    trainee = trainee_of(job)
    task, dit = trainee.task, trainee.dit
    frozen = {n: p.detach().clone() for n, p in dit.named_parameters() if not p.requires_grad}
    samples = [task.batch(range(counter, counter + 1)) for counter in range(4)]
    assert {sample.is_image_conditioned.item() for sample in samples} == {True, False}
    one_by_one = [task.module(sample)[0] for sample in samples]
    gradients = [torch.autograd.grad(loss, trained(task)) for loss in one_by_one]
    mean = [torch.stack(parts).mean(0) for parts in zip(*gradients, strict=True)]
    norm = torch.stack([part.norm() for part in mean]).norm().item()

    run_loop(job, task, 3)
    event = read_json_lines(job.run.events)[0]
    assert event["loss"] == pytest.approx(torch.stack(one_by_one).mean().item(), rel=1e-5)
    assert event["grad_norm"] == pytest.approx(norm, rel=1e-4)
    after = dict(dit.named_parameters())
    assert all(torch.equal(after[name], before) for name, before in frozen.items())
    assert all(parameter.abs().sum() > 0 for parameter in trained(task))


def test_the_loss_on_fixed_noise_falls(tmp_path, job_of, trainee_of):
    import torch

    job = job_of(tmp_path)
    task = trainee_of(job).task
    fixed = task.batch(range(10_000, 10_016))

    @torch.no_grad()
    def mean_loss():
        return task.module(fixed).mean().item()

    before = mean_loss()
    run_loop(job, task, 100)
    assert mean_loss() < 0.75 * before


def test_fast_and_reference_forward_train_alike(tmp_path, job_of, trainee_of):
    """50 steps: the loss differs by less than 1e-5 of itself in float32."""
    losses_of = {}
    for forward in ("fast", "reference"):
        job = job_of(tmp_path / forward, f"train.forward={forward}", "train.i2v_prob=0.7")
        run_loop(job, trainee_of(job).task, 50)
        losses_of[forward] = [row["loss"] for row in read_json_lines(job.run.events)]
    assert len(losses_of["fast"]) == 50
    assert losses_of["fast"] == pytest.approx(losses_of["reference"], rel=1e-5)


@pytest.mark.slow
def test_killed_and_terminated_children_continue_bit_for_bit(tmp_path, mazes, tiny_wan):
    def start(out):
        options = ["-r", "video/wan2.2-ti2v-5b-tiny", "--data", mazes, "--model", tiny_wan]
        limits = ["-s", "train.steps=400", "-s", "save.every=50", "--gpus", "0"]
        command = [sys.executable, "-m", "vtb", "train", "video", *options, *limits, "-o", out]
        return subprocess.Popen([str(part) for part in command], start_new_session=True)

    def wait_for_step(out, step):
        deadline = time.monotonic() + 120
        while RunDirectory(out).last_event().get("step", 0) < step:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    assert start(tmp_path / "straight").wait() == 0
    out = tmp_path / "broken"
    for number, code, step in (
        (signal.SIGTERM, 143, 20),
        (signal.SIGKILL, -signal.SIGKILL, 120),
        (signal.SIGINT, 130, 200),
    ):
        process = start(out)
        wait_for_step(out, step)
        os.kill(process.pid, number)
        assert process.wait() == code
        # An orphan ends by itself after its step; its lock is then free.
        assert not RunDirectory(out).is_complete(400)
        time.sleep(2)
    assert start(out).wait() == 0
    assert losses(out) == losses(tmp_path / "straight")
    assert weights(out) == weights(tmp_path / "straight")
