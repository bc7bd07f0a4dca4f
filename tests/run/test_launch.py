"""Executing plans: streams, failures, signals, the environment."""

import os
import signal
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from vtb.core.errors import ChildFailedError
from vtb.run.environment import redact, training_environment
from vtb.run.launch import LAUNCHER_PID, Ending, execute
from vtb.run.plan import Check, Estimates, Plan


def plan_of(tmp_path, code, env=None, checks=()):
    return Plan(
        argv=(sys.executable, "-S", "-c", textwrap.dedent(code)),
        env=env or {},
        cwd=str(tmp_path),
        inputs={},
        outputs={},
        checks=checks,
        estimates=Estimates(tokens=1, steps=1, trainable_parameters=0, checkpoint_bytes=0),
    )


def nothing():
    pass


def signal_when(path, number):
    """Sends a signal to this process as soon as the child has made a file."""

    def wait():
        while not path.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    threading.Thread(target=wait, daemon=True).start()


def test_streams_go_to_the_log_and_the_environment_is_added(tmp_path):
    code = """
        import os, sys
        print(os.environ["VTB_TEST"], os.getcwd())
        print("problem", file=sys.stderr)
    """
    log = tmp_path / "log.txt"
    log.write_text("before\n")
    assert execute(plan_of(tmp_path, code, {"VTB_TEST": "given"}), log, nothing) == Ending()
    assert sorted(log.read_text().splitlines()) == ["before", f"given {tmp_path}", "problem"]


def test_a_failure_shows_the_end_of_its_own_log_without_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_API_KEY", "s3cr3t-value")
    log = tmp_path / "log.txt"
    log.write_text("of an earlier run\n")
    code = """
        import sys
        print("line", 1)
        print("key s3cr3t-value")
        sys.exit(7)
    """
    with pytest.raises(ChildFailedError) as caught:
        execute(plan_of(tmp_path, code), log, nothing)
    fact = caught.value.fact
    assert "ended with code 7" in fact
    assert "line 1" in fact
    assert "key ***" in fact
    assert "s3cr3t" not in fact
    assert "earlier" not in fact
    assert str(log) in caught.value.hint


def test_a_message_for_people_is_shown_without_what_came_before(tmp_path):
    code = """
        import sys
        print("noise")
        print("error: too small\\n  by two\\nhint: take a larger one\\nTraceback of a launcher")
        sys.exit(1)
    """
    with pytest.raises(ChildFailedError) as caught:
        execute(plan_of(tmp_path, code), tmp_path / "log.txt", nothing)
    shown = caught.value.fact.partition("ended with ")[2].splitlines()
    assert [line.strip() for line in shown] == [
        "code 1",
        "error: too small",
        "by two",
        "hint: take a larger one",
    ]


def test_a_child_killed_by_the_system_is_a_failure(tmp_path):
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(ChildFailedError) as caught:
        execute(plan_of(tmp_path, code), tmp_path / "log.txt", nothing)
    assert "ended with signal 9" in caught.value.fact


def test_files_of_the_plan_are_there_before_it_starts(tmp_path):
    plan = plan_of(tmp_path, "print(open('sub/config').read())")
    plan = replace(plan, files={str(tmp_path / "sub" / "config"): "a: 1\n"})
    (tmp_path / "sub").mkdir()
    execute(plan, tmp_path / "log", nothing)
    assert (tmp_path / "log").read_text().startswith("a: 1\n")


def test_a_child_is_told_who_started_it(tmp_path):
    execute(
        plan_of(tmp_path, f"import os; print(os.environ['{LAUNCHER_PID}'])"),
        tmp_path / "log",
        nothing,
    )
    assert (tmp_path / "log").read_text().strip() == str(os.getpid())


def test_watch_is_called_while_the_child_runs_and_once_more(tmp_path):
    calls = []
    execute(
        plan_of(tmp_path, "import time; time.sleep(0.5)"), tmp_path / "log", lambda: calls.append(1)
    )
    assert len(calls) >= 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_child_as_sigterm(tmp_path, number):
    ready = tmp_path / "ready"
    code = """
        import pathlib, signal, sys, time
        def stop(number, frame):
            pathlib.Path("saved").write_text(str(number))
            sys.exit(143)
        signal.signal(signal.SIGTERM, stop)
        pathlib.Path("ready").touch()
        time.sleep(60)
    """
    before = signal.getsignal(number)
    signal_when(ready, number)
    assert execute(plan_of(tmp_path, code), tmp_path / "log", nothing) == Ending(False, number)
    assert (tmp_path / "saved").read_text() == str(int(signal.SIGTERM))
    assert signal.getsignal(number) is before


def test_a_child_may_end_well_in_spite_of_a_signal(tmp_path):
    code = """
        import pathlib, signal, sys, time
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
        pathlib.Path("ready").touch()
        time.sleep(60)
    """
    signal_when(tmp_path / "ready", signal.SIGTERM)
    ending = execute(plan_of(tmp_path, code), tmp_path / "log", nothing)
    assert ending == Ending(True, signal.SIGTERM)


def test_a_deaf_child_and_its_children_are_killed_after_the_grace_time(tmp_path):
    code = """
        import pathlib, signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
        pathlib.Path("pid").write_text(str(child.pid))
        pathlib.Path("ready").touch()
        time.sleep(60)
    """
    signal_when(tmp_path / "ready", signal.SIGTERM)
    ending = execute(plan_of(tmp_path, code), tmp_path / "log", nothing, grace_s=0.4)
    assert ending == Ending(False, signal.SIGTERM)
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while is_running(pid):
        assert time.monotonic() < deadline


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_environment_keeps_what_the_user_set_and_puts_the_hook_first():
    user = {"PYTHONPATH": "/mine", "OMP_NUM_THREADS": "3", "HF_TOKEN": "secret-token"}
    env = training_environment(user, on_gpu=False)
    first, *rest = env["PYTHONPATH"].split(os.pathsep)
    assert first.endswith("vtb/_site")
    assert rest == ["/mine"]
    assert (env["OMP_NUM_THREADS"], env["CUDA_VISIBLE_DEVICES"]) == ("3", "")
    assert "HF_TOKEN" not in env
    assert training_environment({**user, **env}, on_gpu=False)["PYTHONPATH"] == env["PYTHONPATH"]
    assert "CUDA_VISIBLE_DEVICES" not in training_environment({}, on_gpu=True)


def test_redact_hides_secret_values_only():
    env = {
        "HF_TOKEN": "hf_abcdefgh",
        "TOKENIZERS_PARALLELISM": "false",
        "KEY_DIR": "/home/somebody",
    }
    assert redact("hf_abcdefgh false /home/somebody", env) == "*** false /home/somebody"


def test_plan_payload_has_the_keys_of_the_contract(tmp_path):
    check = Check("error", "frames", "too few", "more")
    plan = plan_of(tmp_path, "pass", checks=(Check("warning", "size", "scaled"), check))
    payload = plan.payload()
    old = {"argv", "env", "cwd", "inputs", "outputs", "checks", "estimates"}
    assert set(payload) == old | {"cache", "recipe", "files", "preflight", "finish"}
    assert payload["checks"][1] == {
        "level": "error",
        "name": "frames",
        "message": "too few",
        "hint": "more",
        "is_environment": False,
    }
    assert plan.errors == (check,)
