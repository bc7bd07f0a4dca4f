"""Puzzles and physics with known answers: generate, train, infer, verify."""

from vtb import _torchvision

_torchvision.install()


def __getattr__(name: str) -> str:
    """The installed version as `__version__`, looked up only when asked for."""
    if name == "__version__":
        from importlib.metadata import version

        return version("vtb-toolkit")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
