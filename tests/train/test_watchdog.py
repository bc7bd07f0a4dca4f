"""A hanging process ends itself; a busy, slow or suspended one does not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vtb.core.errors import ChildFailedError
from vtb.run.launch import execute
from vtb.run.plan import Estimates, Plan
from vtb.run.rundir import RunDirectory
from vtb.train.loop.watchdog import STALLED_EXIT_CODE, Limits, Watchdog

HEAD = """
import sys, time
from pathlib import Path
from threading import Event
from vtb.run.rundir import RunDirectory
from vtb.train.loop.watchdog import Limits, Watchdog

def waiting_for_the_other_rank():
    Event().wait()

def dog(first_s, later_s):
    return Watchdog(RunDirectory(Path(sys.argv[1])), 3, Limits(first_s, later_s, tick_s=0.05))
"""


def run_child(tmp_path, body):
    return subprocess.run(
        [sys.executable, "-c", HEAD + body, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_stall_shows_the_stacks_and_ends_the_process(tmp_path):
    child = run_child(
        tmp_path,
        """
with dog(first_s=50, later_s=0.5) as watchdog:
    watchdog.step_done(12)
    waiting_for_the_other_rank()
""",
    )
    assert child.returncode == STALLED_EXIT_CODE
    assert child.stderr.count("in waiting_for_the_other_rank") == 1
    # The launcher shows what follows the last line that begins so.
    last = child.stderr.splitlines()[-3:]
    assert last[0].startswith("error: no progress for ") and "step 12, rank 3" in last[0]
    assert last[2].startswith("hint: ")
    assert (tmp_path / "heartbeats" / "rank-3").read_text() == "12\n"


def test_the_first_step_has_a_limit_of_its_own(tmp_path):
    slow_start = """
with dog(first_s=50, later_s=0.2) as watchdog:
    for _ in range(2):
        watchdog.beat()
        time.sleep(0.6)
    print("trained")
"""
    child = run_child(tmp_path, slow_start)
    assert (child.returncode, child.stdout) == (0, "trained\n")
    hanging_start = """
with dog(first_s=0.5, later_s=50):
    waiting_for_the_other_rank()
"""
    child = run_child(tmp_path, hanging_start)
    assert child.returncode == STALLED_EXIT_CODE and "after step 0" in child.stderr


def test_a_slow_process_lives(tmp_path):
    child = run_child(
        tmp_path,
        """
with dog(first_s=1, later_s=1) as watchdog:
    watchdog.step_done(1)
    for _ in range(8):
        time.sleep(0.25)
        watchdog.beat()
""",
    )
    assert (child.returncode, child.stderr) == (0, "")


@pytest.mark.slow
def test_a_slow_save_is_no_stall(tmp_path):
    child = run_child(
        tmp_path,
        """
with dog(first_s=1, later_s=1) as watchdog:
    watchdog.step_done(1)
    with watchdog.paused():
        time.sleep(2.5)
    time.sleep(0.5)
    watchdog.step_done(2)
    time.sleep(60)
""",
    )
    assert child.returncode == 75
    assert "after step 2" in child.stderr


def test_a_suspended_process_lives(tmp_path):
    body = """
with dog(first_s=1.5, later_s=1.5) as watchdog:
    print("ready", flush=True)
    time.sleep(0.3)
    sys.stdin.readline()
"""
    child = subprocess.Popen(
        [sys.executable, "-c", HEAD + body, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "ready\n"
    os.kill(child.pid, signal.SIGSTOP)
    time.sleep(2)
    os.kill(child.pid, signal.SIGCONT)
    child.communicate("\n", timeout=30)
    assert child.returncode == 0


def test_the_launcher_reports_it(tmp_path):
    plan = Plan(
        argv=(
            sys.executable,
            "-c",
            HEAD + "with dog(0.3, 0.3):\n    waiting_for_the_other_rank()",
            str(tmp_path),
        ),
        env={},
        cwd=str(Path.cwd()),
        inputs={},
        outputs={},
        checks=(),
        estimates=Estimates(0, 0, 0, 0),
    )
    log = tmp_path / "log.txt"
    with pytest.raises(ChildFailedError, match="error: no progress for 0 s after step 0") as error:
        execute(plan, log, lambda: None)
    assert f"code {STALLED_EXIT_CODE}" in error.value.fact
    assert "in waiting_for_the_other_rank" in log.read_text()


def test_heartbeats_are_written_by_the_tick(tmp_path):
    file = tmp_path / "heartbeats" / "rank-0"
    with Watchdog(RunDirectory(tmp_path), 0, Limits(tick_s=60)) as dog:
        for step in (1, 2, 3):
            dog.step_done(step)
        assert not file.exists()
    assert file.read_text() == "3\n"
    assert not dog._thread.is_alive()
