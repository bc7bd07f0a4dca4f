import vtb  # noqa: F401  first: makes torchvision importable on a CPU-only torch

# isort: split
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def cache_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keeps the user's cache out of the tests, and theirs out of it."""
    directory = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VTB_HOME", str(directory))
        yield directory


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


@pytest.fixture(scope="session")
def tiny_a14b(tiny_wan: Path) -> dict[str, Path]:
    """Random checkpoints of both A14B families by name; do not write into them."""
    from vtb.models.create import create

    families = ("wan2.2-t2v-a14b", "wan2.2-i2v-a14b")
    directories = {family: tiny_wan.parent / family for family in families}
    for family, directory in directories.items():
        create(family, "tiny", 0, directory)
    return directories


@pytest.fixture(scope="session")
def tiny_qwen3_vl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Qwen3-VL checkpoint, made once per test run; do not write into it."""
    pytest.importorskip("transformers")
    import torch

    from vtb.models.create import create

    torch.set_num_threads(1)
    directory = tmp_path_factory.mktemp("models") / "qwen3-vl"
    create("qwen3-vl", "tiny", 0, directory)
    return directory


@pytest.fixture(scope="session")
def tiny_qwen_image(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Random checkpoints of the four Qwen-Image families by name; do not write into them."""
    pytest.importorskip("diffusers")
    pytest.importorskip("diffsynth")
    import torch

    from vtb.models.create import create

    torch.set_num_threads(1)
    families = ("qwen-image", *(f"qwen-image-edit{version}" for version in ("", "-2509", "-2511")))
    root = tmp_path_factory.mktemp("models")
    for family in families:
        create(family, "tiny", 0, root / family)
    return {family: root / family for family in families}


@pytest.fixture(scope="session")
def maze_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve 7x7 test mazes, 112 to 128 px, clips of 17 frames; do not write into it."""
    from vtb.core.frames import FramePlan
    from vtb.core.splits import SplitRule
    from vtb.data.build import build
    from vtb.data.request import Request, Task

    task = Task.of("maze-square", {"rows": 7, "cols": 7}, {"cell": 16})
    rule = SplitRule(test=1000, validation=0)
    directory = tmp_path_factory.mktemp("data") / "mazes"
    build(Request([task], 0, FramePlan.of(17, 16), True, rule=rule), directory, 12)
    return directory
