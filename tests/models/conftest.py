from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_pipe(tiny_wan: Path):
    """The tiny pipeline as loaded; tests that change weights load their own."""
    from vtb.models.wan.load import load_pipeline

    return load_pipeline(tiny_wan)
