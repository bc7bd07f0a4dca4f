"""`vtb train video`: JSON, exit codes and messages; training itself is replaced."""

import json
import signal
import sys
from functools import partial

import pytest
from typer.testing import CliRunner

from vtb.cli import app as command_line
from vtb.cli.train import app
from vtb.core.errors import UsageError
from vtb.core.frames import FramePlan
from vtb.data.build import build
from vtb.data.request import Request, Task
from vtb.run.launch import Ending

TINY = "video/wan2.2-ti2v-5b-tiny"


@pytest.fixture(scope="module")
def mazes(tmp_path_factory):
    out = tmp_path_factory.mktemp("mazes") / "set"
    task = Task.of("maze-square", {"rows": 5, "cols": 5}, {"cell": 12})
    build(Request([task], seed=0, plan=FramePlan.of(17, 16), video=True, split="train"), out, 2)
    return out


@pytest.fixture
def arguments(mazes, tiny_wan, tmp_path, monkeypatch):
    monkeypatch.setenv("VTB_HOME", str(tmp_path / "home"))
    paths = ("--data", mazes, "--model", tiny_wan, "-o", tmp_path / "run")
    return ["video", "-r", TINY, *map(str, paths), "--gpus", "0"]


def run(*arguments):
    return CliRunner().invoke(app, arguments, catch_exceptions=False, standalone_mode=False)


def exit_code(monkeypatch, *arguments):
    """The code with which the whole command line ends."""
    monkeypatch.setattr(sys, "argv", ["vtb", "train", *arguments])
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(SystemExit) as caught:
            command_line.main()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return caught.value.code


def test_dry_run_prints_the_plan_and_writes_nothing(arguments, tmp_path):
    plan = json.loads(run(*arguments, "--dry-run", "--json").stdout)
    assert plan.pop("schema") == "vtb.plan/1"
    assert {"argv", "env", "cwd", "inputs", "outputs", "checks", "estimates"} <= set(plan)
    assert {"tokens", "steps", "seconds_per_step", "memory_gib"} <= set(plan["estimates"])
    assert plan["argv"][1:4] == ["-m", "vtb.train", str(tmp_path / "run")]
    assert {"--data", "--model"} <= set(plan["argv"])
    text = run(*arguments, "--dry-run", "--seed", "7").stdout
    assert "OMP_NUM_THREADS=1" in text
    assert "20 per sample" in text
    assert "batch        1 = 1 at once x 1 rounds x 1 device" in text
    assert "lora.rank = 4" in text
    assert "2 to encode" in text
    assert not (tmp_path / "run").exists()


def test_dry_run_shows_the_plan_even_when_it_cannot_be_run(arguments, capsys, monkeypatch):
    wrong = ("-s", "data.num_frames=21")
    assert exit_code(monkeypatch, *arguments, *wrong, "--dry-run", "--json") == 2
    out, err = capsys.readouterr()
    [check] = json.loads(out)["checks"]
    assert (check["level"], check["name"]) == ("error", "frames")
    assert "hint: -s data.num_frames=17" in err


def test_what_the_machine_lacks_has_a_code_of_its_own(arguments, tmp_path, capsys, monkeypatch):
    lacking = ("-s", "train.base_precision=fp8", "--json")
    assert exit_code(monkeypatch, *arguments, *lacking) == 4
    error = json.loads(capsys.readouterr().out)
    assert (error["kind"], error["exit_code"]) == ("environment", 4)
    assert exit_code(monkeypatch, *arguments, *lacking, "--dry-run") == 4
    out, err = capsys.readouterr()
    plan = json.loads(out)  # one object
    assert [check["is_environment"] for check in plan["checks"] if check["name"] == "fp8"] == [True]
    assert "error: a CPU does not compute in fp8" in err
    assert not (tmp_path / "run").exists()


def test_dry_run_finds_a_directory_with_other_settings(arguments, tmp_path, capsys, monkeypatch):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text('{"settings": {"train.lr": 7}}')
    assert exit_code(monkeypatch, *arguments, "--dry-run") == 1
    assert "train.lr is 7.0 there" in capsys.readouterr().err.replace("7 there", "7.0 there")


def test_result_of_a_run(arguments, tmp_path, monkeypatch):
    from vtb.train.launch import run as training

    def launch(plan, log, watch):
        (log.parent / "checkpoints" / "step-000020").mkdir(parents=True)
        (log.parent / "final").mkdir()
        (log.parent / "events.jsonl").write_text(
            '{"step": 1, "loss": 2.5}\n{"step": 20, "loss": 1.5}\n'
        )
        watch()
        return Ending()

    monkeypatch.setattr(training, "run_job", partial(training.run_job, launch=launch))
    result = json.loads(run(*arguments, "--json").stdout)
    assert result.pop("seconds") > 0
    assert result.pop("samples_per_second") > 0
    run_dir = tmp_path / "run"
    assert result == {
        "schema": "vtb.train/1",
        "run": json.loads((run_dir / "run.json").read_text())["id"],
        "out": str(run_dir),
        "status": "done",
        "steps": 20,
        "loss": {"first": 2.5, "last": 1.5},
        "checkpoint": str(run_dir / "checkpoints" / "step-000020"),
        "final": str(run_dir / "final"),
        "resumed_from": 0,
    }
    again = json.loads(run(*arguments, "--json").stdout)
    assert (again["steps"], again["samples_per_second"]) == (20, 0)
    first_line = run(*arguments).stdout.splitlines()[0]
    assert first_line == "already complete: 20 steps, loss 2.5000 → 1.5000"


def test_an_early_end_is_said(arguments, monkeypatch):
    from vtb.train.launch import run as training

    def launch(plan, log, watch):
        directory = log.parent / "checkpoints" / "step-000007"
        directory.mkdir(parents=True)
        (directory / "state.json").write_text('{"step": 7, "is_finished": true}')
        (log.parent / "final").mkdir()
        (log.parent / "events.jsonl").write_text(
            '{"encoded": 2, "of": 2}\n{"step": 7, "loss": 1}\n'
        )
        return Ending()

    monkeypatch.setattr(training, "run_job", partial(training.run_job, launch=launch))
    assert "trained: 7 steps, loss 1.0000 → 1.0000, ended early" in run(*arguments).stdout
    assert "already complete: 7 steps" in run(*arguments).stdout


def test_cache_only_says_what_it_encoded_and_goes_on_without(arguments, monkeypatch):
    from vtb.train.launch import run as training

    def launch(plan, log, watch):
        assert plan.argv[-1] == "--cache-only"
        return Ending()

    monkeypatch.setattr(training, "fill_cache", partial(training.fill_cache, launch=launch))
    monkeypatch.setattr(sys, "argv", ["vtb", "train", "video", "--cache-only", "-o", "RUN"])
    done = run(*arguments, "--cache-only")
    assert done.stdout.startswith("encoded: 2 of 2 samples")
    assert done.stderr.splitlines()[-1].strip() == "vtb train video -o RUN"
    result = json.loads(run(*arguments, "--cache-only", "--json").stdout)
    assert (result["status"], result["cache"]["encoded"]) == ("cached", 2)
    assert {"run", "loss", "checkpoint", "final", "resumed_from"} <= set(result)


def test_the_command_of_the_other_nodes_is_shown(arguments, monkeypatch):
    words = ["train", "video", "--nodes", "2", "--node-rank", "0", "--main-address", "here:99"]
    monkeypatch.setattr(sys, "argv", ["/bin/vtb", *words])
    text = run(*arguments, *words[2:], "-s", "train.batch=2", "--dry-run").stdout
    assert "vtb train video --nodes 2 --main-address here:99 --node-rank 1" in text
    assert "--nnodes 2 --node-rank 0 --nproc-per-node 1 --rdzv-backend static" in text


@pytest.fixture
def both_experts(arguments, tiny_a14b):
    family = "wan2.2-t2v-a14b"
    model = ["--model", str(tiny_a14b[family]), "-s", f"model.family={family}"]
    return [*arguments, *model, "--expert", "both"]


def test_both_experts_run_one_after_the_other(both_experts, tmp_path, monkeypatch):
    from vtb.train.launch import run as training

    started = []

    def launch(plan, log, watch):
        started.append(plan.argv[plan.argv.index("--expert") + 1])
        (log.parent / "checkpoints" / "step-000020").mkdir(parents=True)
        (log.parent / "final").mkdir()
        return Ending()

    monkeypatch.setattr(training, "run_job", partial(training.run_job, launch=launch))
    done = run(*both_experts, "--json")
    result = json.loads(done.stdout)
    assert started == ["high", "low"]
    assert [one["out"] for one in result["runs"]] == [
        str(tmp_path / "run" / "high"),
        str(tmp_path / "run" / "low"),
    ]
    assert result["out"] == result["runs"][-1]["out"]
    assert "--lora-low" in done.stderr


def test_an_interrupt_at_the_end_of_the_first_expert_keeps_the_second_from_starting(
    both_experts, tmp_path, monkeypatch
):
    from vtb.train.launch import run as training

    started = []

    def launch(plan, log, watch):
        started.append(log.parent.name)
        return Ending(is_complete=True, signal=signal.SIGINT)

    monkeypatch.setattr(training, "run_job", partial(training.run_job, launch=launch))
    assert exit_code(monkeypatch, *both_experts) == 130
    assert started == ["high"]
    assert json.loads((tmp_path / "run" / "high" / "run.json").read_text())["status"] == "done"


def test_plans_of_both_experts(both_experts):
    plan = json.loads(run(*both_experts, "--dry-run", "--json").stdout)
    assert [one["recipe"]["model.expert"]["value"] for one in plan["runs"]] == ["high", "low"]


@pytest.mark.parametrize("gpus", ["1.5", "-1", "all"])
def test_gpus_that_are_not_possible(arguments, gpus):
    with pytest.raises(UsageError, match="is not possible"):
        run(*arguments, "--gpus", gpus)


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        (["-s", "lora.rnk=4"], 2),
        (["-r", "video/nothing"], 2),
        (["--model", "/nowhere"], 4),
        (["--data", "/nowhere"], 1),
        (["--max-steps", "0"], 2),
        (["--expert", "high"], 2),
        (["--expert", "middle"], 2),
        (["--launcher", "mpirun"], 2),
        (["--nodes", "2"], 2),
        (["--gpus", "3"], 4),
    ],
)
def test_exit_codes(arguments, monkeypatch, extra, code):
    assert exit_code(monkeypatch, *arguments, *extra) == code
