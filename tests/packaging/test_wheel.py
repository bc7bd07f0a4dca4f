"""The wheel holds exactly what it must, and its base install works without torch."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "vtb", "generators", "recipes", "assets")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from the source distribution of a copy, so that nothing appears in the checkout."""
    work = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, work / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, work / name)
    argv = [sys.executable, "-m", "build", "--no-isolation", "-o", str(work / "dist")]
    subprocess.run([*argv, str(work)], check=True, capture_output=True, timeout=120)
    return next((work / "dist").glob("*.whl"))


def test_content(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {name for name in tops if not name.endswith(".dist-info")} == {"vtb", "generators"}
    for needed in (
        "vtb/_recipes/video/wan2.2-ti2v-5b-tiny.toml",
        "vtb/media/fonts/DejaVuSans-Bold.ttf",
        "vtb/_site/sitecustomize.py",
        "vtb/data/templates/generator.py.txt",
        "generators/maze/prompts.toml",
        "generators/maze/styles.toml",
        "generators/maze/presets.toml",
    ):
        assert needed in names
    assert shipped(wheel) == {
        path.relative_to(ROOT / "assets").as_posix(): path.stat().st_size
        for path in (ROOT / "assets").rglob("*")
        if path.is_file()
    }


def shipped(wheel: Path) -> dict[str, int]:
    prefix = "vtb/_assets/"
    return {
        file.filename.removeprefix(prefix): file.file_size
        for file in zipfile.ZipFile(wheel).infolist()
        if file.filename.startswith(prefix)
    }


@pytest.mark.slow
def test_base_install_needs_no_torch(wheel, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    binaries = tmp_path / "venv" / "bin"
    constraints = ROOT / "constraints-cpu.txt"
    install = [binaries / "pip", "install", "-q", "-c", constraints, wheel]
    subprocess.run(install, check=True, timeout=600)

    def vtb(*args: str) -> subprocess.CompletedProcess[str]:
        argv = [str(binaries / "vtb"), *args]
        return subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    small = ("--size", "7", "--cell", "16", "--frames", "17")
    for args in (
        ("gen", "maze", *small, "-n", "4", "-o", "set"),
        ("data", "verify", "set"),
        ("eval", "puzzles", "--data", "set", "--split", "all", "--baseline", "oracle"),
        ("recipe", "show", "video/wan2.2-ti2v-5b-tiny"),
        ("models", "init", "wan2.2-ti2v-5b", "--preset", "mini", "-o", "mini"),
    ):
        ran = vtb(*args)
        assert ran.returncode == 0, (args, ran.stderr)
    listed = subprocess.run([binaries / "pip", "list"], capture_output=True, text=True).stdout
    assert "torch" not in {line.split()[0] for line in listed.splitlines() if line}
    needs_torch = vtb("models", "init", "wan2.2-ti2v-5b", "-o", "model")
    assert needs_torch.returncode == 4 and "[train]" in needs_torch.stderr
