"""Optional parts of the installation."""

from __future__ import annotations

from importlib.util import find_spec

from vtb.core.errors import MissingEnvironmentError

TRAIN_MODULES = ("torch", "diffsynth", "accelerate")


def require_train_extra() -> None:
    """Raises MissingEnvironmentError, with the command that installs it, without `[train]`."""
    missing = [name for name in TRAIN_MODULES if find_spec(name) is None]
    if missing:
        raise MissingEnvironmentError(
            "this needs the `train` extra",
            fact=f"{missing[0]} is not installed",
            hint="pip install -c constraints-cpu.txt -e '.[train]'; on a GPU machine without -c",
        )
