import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vtb.core.errors import ChildFailedError, UsageError
from vtb.run import executor
from vtb.run.executor import map_ordered, usable_cpus


def square(x: int) -> int:
    return x * x


def die(x: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return x


def refuse(x: int) -> int:
    raise UsageError("no", fact=str(x), hint="yes")


@pytest.mark.parametrize("workers", [1, 2])
def test_order(workers):
    assert list(map_ordered(square, range(20), workers=workers)) == [x * x for x in range(20)]


def test_dead_worker():
    with pytest.raises(ChildFailedError):
        list(map_ordered(die, range(2), workers=2))


def test_errors_keep_fact_and_hint():
    with pytest.raises(UsageError) as caught:
        list(map_ordered(refuse, [7, 8], workers=2))
    assert (caught.value.fact, caught.value.hint) == ("7", "yes")


def test_workers_end_with_a_killed_parent(tmp_path: Path):
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from vtb.run.executor import map_ordered\n"
        "def work(i):\n"
        f"    Path({str(tmp_path)!r}, f'pid-{{os.getpid()}}').touch()\n"
        "    time.sleep(0.2)\n"
        "if __name__ == '__main__':\n"
        "    list(map_ordered(work, range(1000), workers=2))\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)])
    wait_until(lambda: len(list(tmp_path.glob("pid-*"))) == 2)
    parent.kill()
    parent.wait()
    pids = [int(path.name[4:]) for path in tmp_path.glob("pid-*")]
    wait_until(lambda: not any(is_alive(pid) for pid in pids))


def is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def wait_until(condition, guard_s: float = 30):
    end = time.monotonic() + guard_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_usable_cpus():
    assert usable_cpus() >= 1


def test_an_early_end_kills_what_does_not_end(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(executor, "GRACE_S", 0.5)
    results = map_ordered(linger, [(tmp_path, i) for i in range(8)], workers=2)
    assert next(results) == 0
    results.close()
    assert not any(is_alive(int(path.name)) for path in tmp_path.iterdir())


def linger(item: tuple[Path, int]) -> int:
    directory, i = item
    (directory / str(os.getpid())).touch()
    time.sleep(600 if i else 0)
    return i
