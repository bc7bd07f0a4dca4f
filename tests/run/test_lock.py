import json
import os
import signal
import subprocess
import sys

import pytest

from vtb.core.errors import LockedError
from vtb.run.lock import output_lock

HOLD = (
    "import sys, time\nfrom pathlib import Path\nfrom vtb.run.lock import output_lock\n"
    "with output_lock(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"
)


def test_second_process_is_refused_and_a_killed_one_is_taken_over(tmp_path):
    out = tmp_path / "out"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(out)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(LockedError, match=str(holder.pid)), output_lock(out):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with output_lock(out):
        pass


def test_another_host_keeps_its_lock(tmp_path):
    (tmp_path / ".vtb.owner").write_text(json.dumps({"host": "elsewhere", "pid": 1}))
    with pytest.raises(LockedError, match="elsewhere"), output_lock(tmp_path):
        pass


def test_nothing_is_left(tmp_path):
    with output_lock(tmp_path / "out"):
        (tmp_path / "out" / "file").touch()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["file"]
    with output_lock(tmp_path / "empty"):
        pass
    assert not (tmp_path / "empty").exists()
