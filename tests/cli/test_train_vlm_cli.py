"""`vtb train vlm`: flags, JSON, exit codes, what is imported, and whole runs in processes."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest
from typer.testing import CliRunner

from vtb.cli import app as command_line
from vtb.cli.train import app
from vtb.core.files import read_json, read_json_lines
from vtb.core.frames import FramePlan
from vtb.data.build import build
from vtb.data.request import Request, Task
from vtb.run.launch import Ending

SFT, GRPO = "vlm/qwen3-vl-tiny-sft", "vlm/qwen3-vl-tiny-grpo"


@pytest.fixture(scope="module")
def mazes(tmp_path_factory):
    out = tmp_path_factory.mktemp("mazes") / "set"
    task = Task.of("maze-square", {"rows": 5, "cols": 5}, {"cell": 12})
    build(Request([task], seed=0, plan=FramePlan.of(17, 16), video=False, split="train"), out, 12)
    return out


@pytest.fixture
def arguments(mazes, tiny_qwen3_vl, tmp_path):
    paths = ("--data", mazes, "--model", tiny_qwen3_vl, "-o", tmp_path / "run")
    return ["vlm", "-r", SFT, *map(str, paths), "--gpus", "0"]


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


def planned(*arguments):
    return json.loads(run(*arguments, "--dry-run", "--json").stdout)


def value(plan, key):
    return plan["recipe"][key]["value"]


def test_dry_run_prints_the_plan_and_writes_nothing(arguments, tmp_path):
    plan = planned(*arguments)
    assert plan["schema"] == "vtb.plan/1"
    assert plan["argv"][1:5] == ["-m", "vtb.train.vlm", "train", str(tmp_path / "run")]
    text = run(*arguments, "--dry-run", "--seed", "7").stdout
    assert "train.seed = 7" in text and "train.method = sft" in text
    assert "grpo." not in text
    text = run(*arguments, "-r", GRPO, "-s", "grpo.max_completion=96", "--dry-run").stdout
    assert "grpo.generations = 8" in text
    assert "-m vtb.train.vlm preflight" in text.splitlines()[0]
    assert not (tmp_path / "run").exists()


def test_flags_win_over_the_recipe(arguments):
    long = ("-s", "grpo.max_completion=96", "-s", "train.micro_batch=4", "-s", "train.batch=8")
    plan = planned(*arguments, "--method", "grpo", "--seed", "3", "--max-steps", "5", *long)
    assert (value(plan, "train.method"), value(plan, "train.seed")) == ("grpo", 3)
    assert plan["argv"][-1] == "5"
    plan = planned(*arguments, "-s", "rollout.engine=vllm-colocate", "--vllm", "off")
    assert value(plan, "rollout.engine") == "hf"


@pytest.mark.parametrize(
    ("extra", "code", "said"),
    [
        (["-r", "vlm/nothing"], 2, "unknown recipe"),
        (["-r", "video/wan2.2-ti2v-5b-tiny"], 2, "video"),
        (["--backend", "torch"], 2, "train.backend"),
        (["--method", "dpo"], 2, "train.method"),
        (["--vllm", "colocated"], 2, "did you mean `colocate`"),
        (["--model", "/nowhere"], 4, "does not exist"),
        (["--data", "/nowhere"], 1, "no dataset"),
        (["--gpus", "3"], 4, "GPU"),
        (["-s", "train.batch=15"], 2, "micro-batches"),
    ],
)
def test_exit_codes(arguments, monkeypatch, capsys, extra, code, said):
    assert exit_code(monkeypatch, *arguments, *extra) == code
    assert said in capsys.readouterr().err


def test_dry_run_shows_the_plan_even_when_it_cannot_be_run(arguments, capsys, monkeypatch):
    assert exit_code(monkeypatch, *arguments, "-s", "train.batch=15", "--dry-run", "--json") == 2
    out, err = capsys.readouterr()
    [check] = json.loads(out)["checks"]
    assert (check["level"], check["name"]) == ("error", "batch")
    assert "hint: -s train.batch=10" in err


def test_a_run_with_other_settings_is_refused(arguments, tmp_path, capsys, monkeypatch):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text('{"settings": {"train.lr": 7}}')
    assert exit_code(monkeypatch, *arguments, "--dry-run") == 1
    assert "train.lr is 7 there" in capsys.readouterr().err


def test_result_of_a_run(arguments, tmp_path, monkeypatch):
    from vtb.train.vlm import stages

    def launch(plan, log, watch):
        (log.parent / "checkpoints" / "step-000120").mkdir(parents=True)
        (log.parent / "final").mkdir()
        (log.parent / "events.jsonl").write_text(
            '{"step": 1, "loss": 2.5}\n{"step": 120, "loss": 1.5}\n'
        )
        return Ending()

    monkeypatch.setattr(stages, "run_vlm_job", partial(stages.run_vlm_job, launch=launch))
    done = run(*arguments, "--json")
    result = json.loads(done.stdout)
    assert (result["schema"], result["steps"]) == ("vtb.train/1", 120)
    assert result["loss"] == {"first": 2.5, "last": 1.5}
    assert f"vtb infer vlm --model {tmp_path / 'run' / 'final'} --data" in done.stderr
    assert read_json(tmp_path / "run" / "run.json")["kind"] == "train.vlm"
    assert run(*arguments).stdout.startswith("already complete: 120 steps")


def test_a_dry_run_imports_nothing_heavy(arguments):
    words = ["vtb", "train", *arguments, "--dry-run", "-q"]
    code = f"""
import sys
sys.argv = {words!r}
from vtb.cli.app import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
heavy = {{"torch", "transformers", "trl", "swift", "peft", "datasets"}}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def start(arguments, *extra):
    return subprocess.Popen(
        [sys.executable, "-m", "vtb", "train", *arguments, *extra],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_for_step(events, step):
    deadline = time.monotonic() + 300
    while max((row["step"] for row in read_json_lines(events)), default=0) < step:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_it_had_not_been(arguments, tmp_path):
    short = ("-s", "train.steps=40", "-s", "save.every=5")
    killed = start(arguments, *short)
    events = tmp_path / "run" / "events.jsonl"
    wait_for_step(events, 13)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert start(arguments, *short).wait() == 0
    whole = [*arguments]
    whole[whole.index("-o") + 1] = str(tmp_path / "whole")
    assert start(whole, *short).wait() == 0
    rows = read_json_lines(events)
    assert [row["step"] for row in rows] == list(range(1, 41))
    expected = [row["loss"] for row in read_json_lines(tmp_path / "whole" / "events.jsonl")]
    assert [row["loss"] for row in rows] == pytest.approx(expected, abs=1e-6)
    assert read_json(tmp_path / "run" / "run.json")["resumed_from"] >= 10


@pytest.mark.slow
def test_an_interrupted_run_saves_where_it_was(arguments, tmp_path):
    running = start(arguments)
    wait_for_step(tmp_path / "run" / "events.jsonl", 3)
    os.kill(running.pid, signal.SIGINT)
    assert running.wait() == 130
    state = read_json(tmp_path / "run" / "run.json")
    assert state["status"] == "interrupted"
    last = read_json_lines(tmp_path / "run" / "events.jsonl")[-1]["step"]
    assert (tmp_path / "run" / "checkpoints" / f"step-{last:06d}").is_dir()
    assert last < 120


@pytest.mark.slow
def test_what_a_process_raises_reaches_the_user(arguments, tmp_path, monkeypatch, capsys):
    # Of a random model no group of answers differs: its own process finds out.
    grpo = ("-r", GRPO, "-s", "grpo.max_completion=96", "-s", "preflight.prompts=2")
    small = ("-s", "train.batch=8", "-s", "train.micro_batch=8")
    assert exit_code(monkeypatch, *arguments, *grpo, *small) == 2
    assert "--method sft first" in capsys.readouterr().err
    assert read_json(tmp_path / "run" / "preflight.json")["zero_std_groups"] == 1
