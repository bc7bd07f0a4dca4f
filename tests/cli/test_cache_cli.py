"""`vtb cache`: text, JSON and what it must not import."""

import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file
from typer.testing import CliRunner

from vtb.cli.cache import app
from vtb.train.latents.store import Store


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("VTB_HOME", str(tmp_path))
    return Store.of(tmp_path, "wan2.2-ti2v-5b", "0123456789")


@pytest.fixture
def path(store):
    path = store.path("latents", "ab" * 16)
    path.parent.mkdir(parents=True)
    save_file({"latents": np.zeros(2, np.float32)}, path, {"format_version": "1"})
    return path


def run(*arguments):
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    return done


def test_ls(store, path):
    listed = json.loads(run("ls", "--json").stdout)
    (model,) = listed["models"]
    assert model.pop("last_used").endswith("+00:00")
    size = path.stat().st_size
    counts = {"latents": 1, "texts": 0, "bytes": size}
    assert model == {"family": "wan2.2-ti2v-5b", "path": str(store.directory), **counts}
    assert (listed["schema"], listed["bytes"]) == ("vtb.cache.ls/1", size)
    shown = run("ls")
    assert "wan2.2-ti2v-5b-01234567  1 latents, 0 prompts" in shown.stdout
    assert "Next:\n  vtb cache gc --dry-run\n" in shown.stderr


def test_nothing_is_cached(store, tmp_path):
    assert run("ls").stdout == f"nothing is cached\n{tmp_path}\n"
    assert json.loads(run("gc", "--json").stdout)["removed_bytes"] == 0


def test_gc(store, path, tmp_path):
    size = path.stat().st_size
    assert run("gc").stdout.startswith("removed 0 files, 0.0 MB; 1 files")
    planned = run("gc", "--days", "0", "--dry-run", "--json")
    removed = {"leftover": 0, "unreadable": 0, "outdated": 0, "unused": 1}
    expected = {"schema": "vtb.cache.gc/1", "root": str(tmp_path), "dry_run": True}
    expected |= {"removed": removed, "removed_bytes": size, "kept": 0, "kept_bytes": 0}
    assert json.loads(planned.stdout) == expected
    assert "vtb cache gc --days 0\n" in planned.stderr
    assert path.exists()
    assert "removed 1 files (1 unused)" in run("gc", "--days", "0").stdout
    assert not path.exists()


def test_the_command_imports_neither_torch_nor_codecs(path):
    code = "import sys; sys.argv = ['vtb', 'cache', 'gc', '-q']\n"
    code += "from vtb.cli.app import app\n"
    code += "try: app()\nexcept SystemExit: pass\n"
    code += "print([name for name in ('torch', 'cv2', 'av') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
