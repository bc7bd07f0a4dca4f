import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.out)


@pytest.fixture
def vtb(tmp_path):
    """Runs `vtb ARGS` in a process of its own, with the test's directory as working directory."""

    def run(*args: object) -> Ran:
        argv = [sys.executable, "-m", "vtb", *map(str, args)]
        done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=240)
        return Ran(done.returncode, done.stdout, done.stderr)

    return run
