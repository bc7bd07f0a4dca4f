"""The operator hook: in process, in child processes, and where it must do nothing."""

import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import vtb
from vtb import _torchvision

ROOT = Path(vtb.__file__).parents[1]
SHIM = ROOT / "vtb" / "_site"


def run_python(code: str, *path: Path) -> str:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_of_vtb_brings_no_torch():
    out = run_python("import sys, vtb; print('torch' in sys.modules)", ROOT)
    assert out.strip() == "False"


def test_torchvision_and_peft_import_after_vtb():
    pytest.importorskip("torchvision")
    run_python("import vtb, torchvision.transforms.v2, peft", ROOT)


def test_shim_helps_a_child_without_vtb_and_runs_the_next_sitecustomize(tmp_path):
    pytest.importorskip("torchvision")
    (tmp_path / "sitecustomize.py").write_text("print('theirs')")
    code = "import sys, torchvision.transforms.v2; print('vtb' in sys.modules)"
    out = run_python(code, SHIM, tmp_path)
    assert out.split() == ["theirs", "False"]


def fake_torch(monkeypatch, cuda: str | None, hip: str | None = None) -> list[str]:
    declared: list[str] = []
    torch = ModuleType("torch")
    torch.version = SimpleNamespace(cuda=cuda, hip=hip)
    torch.library = SimpleNamespace(define=lambda name, schema: declared.append(name))
    monkeypatch.setitem(sys.modules, "torch", torch)
    return declared


def test_schemas_are_declared_once_torchvision_is_looked_for(monkeypatch):
    declared = fake_torch(monkeypatch, cuda=None)
    finder = _torchvision.TorchvisionFinder()
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    assert finder.find_spec("torch", None) is None
    assert declared == [] and finder in sys.meta_path
    assert finder.find_spec("torchvision", None) is None
    assert declared == ["torchvision::nms", "torchvision::qnms"] and finder not in sys.meta_path


@pytest.mark.parametrize(("cuda", "hip"), [("13.0", None), (None, "6.4")])
def test_nothing_is_declared_on_an_accelerator_build(monkeypatch, cuda, hip):
    declared = fake_torch(monkeypatch, cuda, hip)
    _torchvision.declare_operators()
    assert declared == []


def test_a_schema_that_exists_already_does_not_hide_the_other(monkeypatch):
    declared = fake_torch(monkeypatch, cuda=None)

    def define(name: str, schema: str) -> None:
        if name.endswith("::nms"):
            raise RuntimeError("already defined")
        declared.append(name)

    sys.modules["torch"].library.define = define
    _torchvision.declare_operators()
    assert declared == ["torchvision::qnms"]


def test_install_adds_one_finder_for_all_copies_of_the_hook(monkeypatch):
    others = [f for f in sys.meta_path if type(f).__name__ != "TorchvisionFinder"]
    monkeypatch.setattr(sys, "meta_path", others)
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    spec = spec_from_file_location("copy_of_hook", _torchvision.__file__)
    copy = module_from_spec(spec)
    spec.loader.exec_module(copy)
    copy.install()
    _torchvision.install()
    assert [type(f).__name__ for f in sys.meta_path].count("TorchvisionFinder") == 1
