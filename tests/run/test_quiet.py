"""Redirection of both streams, at the level of file descriptors."""

import os
import subprocess
import sys

import pytest

from vtb.run.quiet import TAIL_LINES, quiet


def say(text: str) -> None:
    sys.stdout.write(text + "\n")


def chatter() -> None:
    say("python out")
    sys.stderr.write("python err\n")
    os.write(1, b"descriptor out\n")
    os.write(2, b"descriptor err\n")
    subprocess.run([sys.executable, "-S", "-c", "print('child out')"], check=True)


def test_all_output_goes_to_the_log_and_streams_come_back(tmp_path, capfd):
    log = tmp_path / "run" / "log.txt"
    with quiet(log):
        chatter()
    say("after")
    assert capfd.readouterr() == ("after\n", "")
    assert sorted(log.read_text().splitlines()) == [
        "child out",
        "descriptor err",
        "descriptor out",
        "python err",
        "python out",
    ]


def test_log_is_appended_to_and_blocks_nest(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("before\n")
    with quiet(log):
        say("outer")
        with quiet():
            say("lost")
        say("outer again")
    assert log.read_text().splitlines() == ["before", "outer", "outer again"]


def test_exception_replays_the_tail_of_this_block_only(tmp_path, capfd):
    log = tmp_path / "log.txt"
    log.write_text("older\n")
    with pytest.raises(ValueError, match="boom"), quiet(log):
        for number in range(TAIL_LINES + 5):
            say(f"line {number}")
        raise ValueError("boom")
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines() == [f"line {n}" for n in range(5, TAIL_LINES + 5)]


def test_text_of_print_buffers_stays_on_its_side(capfd):
    sys.stdout.write("before ")
    with quiet():
        sys.stdout.write("hidden")
    sys.stdout.write("after")
    sys.stdout.flush()
    assert capfd.readouterr().out == "before after"
