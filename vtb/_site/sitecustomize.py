"""Start-up of child processes that never import vtb; see `vtb/_torchvision.py`.

`vtb.run.launch` puts this directory first on PYTHONPATH. Python imports only the first
sitecustomize it finds, so the next one on the path is run from here.
"""

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

HERE = Path(__file__).resolve().parent


def _load_hook() -> None:
    spec = spec_from_file_location("_vtb_torchvision", HERE.parent / "_torchvision.py")
    assert spec is not None and spec.loader is not None
    hook = module_from_spec(spec)
    spec.loader.exec_module(hook)
    hook.install()


def _run_next_sitecustomize() -> None:
    rest = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]
    spec = PathFinder.find_spec("sitecustomize", rest)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(module_from_spec(spec))


_load_hook()
_run_next_sitecustomize()
