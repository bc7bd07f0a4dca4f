import vtb  # noqa: F401  first: makes torchvision importable on a CPU-only torch

# isort: split
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_wan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Wan2.2-TI2V-5B checkpoint, made once per test run; do not write into it."""
    pytest.importorskip("diffsynth")
    import torch

    from vtb.models.create import create

    torch.set_num_threads(1)
    directory = tmp_path_factory.mktemp("models") / "wan"
    create("wan2.2-ti2v-5b", "tiny", 0, directory)
    return directory
