"""The generator that `vtb gen --new` writes works as it stands."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from vtb.core.answers import wrap
from vtb.core.errors import ConflictError, UsageError
from vtb.core.frames import FramePlan
from vtb.core.generator import Sampler
from vtb.core.types import Prediction, Sample
from vtb.data.scaffold import find_checkout, scaffold

ROOT = Path(__file__).parents[2]
PLAN = FramePlan.of(17, 16)


@pytest.fixture
def checkout(tmp_path):
    """What a checkout has around its generators, with the mazes alone."""
    root = tmp_path / "checkout"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "generators" / "maze", root / "generators" / "maze", ignore=ignored)
    shutil.copy(ROOT / "generators" / "__init__.py", root / "generators")
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def entry_points(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())
    return project["project"]["entry-points"]["vtb.generators"]


def load(root, family, module, cls):
    """Imports a module of the copy under a package name of its own."""
    folder = root / "generators" / family
    package = f"copied_{family}"
    for name, path in ((package, folder / "__init__.py"), (f"{package}.{module}", None)):
        spec = importlib.util.spec_from_file_location(name, path or folder / f"{module}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return getattr(sys.modules[f"{package}.{module}"], cls)()


def test_it_samples_renders_and_checks(checkout):
    scaffold("logic-my-puzzle", checkout)
    generator = load(checkout, "logic", "my_puzzle", "MyPuzzle")
    assert (generator.name, generator.family) == ("logic-my-puzzle", "logic")
    sampler = Sampler(generator, generator.Config(), generator.Style(), 0)
    letters = set()
    for index in range(5):
        instance = sampler.draw(index, 0)
        rendering = generator.render(instance, generator.Style(), PLAN)
        puzzle, solution = rendering.puzzle.rgb(), rendering.solution.rgb()
        sample = Sample("x", instance, {}, generator.answer(instance), puzzle, solution)
        letters.add(sample.answer)
        for kind, content in (("image", solution), ("text", None)):
            truth = Prediction("x", kind, text=wrap(sample.answer), content=content)
            assert generator.check(sample, truth).passed
        for name, prediction in generator.corruptions(sample):
            assert not generator.check(sample, prediction).passed, name
        assert len(generator.prompts(instance, "video", "zh")) > 20
    assert letters == set("ABCDE")


def test_registration_is_added_in_its_place_and_nothing_is_lost(checkout):
    before = (checkout / "pyproject.toml").read_text().splitlines()
    prompts = (checkout / "generators" / "maze" / "prompts.toml").read_text()
    for name in ("maze-lattice", "aaa-first", "zoo-last-of-all"):
        scaffold(name, checkout)
    after = (checkout / "pyproject.toml").read_text().splitlines()
    added = [line for line in after if line not in before]
    assert [line for line in after if line not in added] == before
    assert added == [
        'aaa-first = "generators.aaa.first:First"',
        'maze-lattice = "generators.maze.lattice:Lattice"',
        'zoo-last-of-all = "generators.zoo.last_of_all:LastOfAll"',
    ]
    assert list(entry_points(checkout)) == sorted(entry_points(checkout))
    grown = (checkout / "generators" / "maze" / "prompts.toml").read_text()
    assert grown.startswith(prompts) and "maze_lattice" in tomllib.loads(grown)
    assert (checkout / "generators" / "zoo" / "__init__.py").is_file()


def test_nothing_is_overwritten(checkout):
    scaffold("maze-lattice", checkout)
    before = {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()}
    for name in ("maze-lattice", "maze-square", "maze-solve", "visual-mirror"):
        with pytest.raises(ConflictError, match=name):
            scaffold(name, checkout)
    assert {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["puzzle", "Visual-x", "visual-2d", "visual-", "a-b_c", "a-class"])
def test_other_names_are_refused(checkout, name):
    with pytest.raises(UsageError, match="is no name for a generator"):
        scaffold(name, checkout)


def test_outside_of_a_checkout_entry_points_are_explained(checkout, tmp_path):
    assert find_checkout(checkout / "generators" / "maze") == checkout
    with pytest.raises(UsageError, match="in no checkout") as error:
        find_checkout(tmp_path)
    assert '[project.entry-points."vtb.generators"]' in error.value.hint


def test_the_template_is_short():
    for path in (ROOT / "vtb" / "data" / "templates").glob("*.py.txt"):
        assert len(path.read_text().splitlines()) < 120, path


def test_the_command_says_what_to_do_next(checkout):
    argv = [sys.executable, "-m", "vtb", "gen", "--new", "maze-lattice"]
    made = subprocess.run(argv, cwd=checkout, capture_output=True, text=True, timeout=60)
    assert made.returncode == 0, made.stderr
    assert made.stdout.splitlines() == [
        "generators/maze/lattice.py",
        "generators/maze/lattice_picture.py",
        "generators/maze/prompts.toml",
        "pyproject.toml",
    ]
    assert "pip install" in made.stderr and "tests/property -k maze-lattice" in made.stderr


@pytest.mark.slow
def test_it_passes_the_shared_property_tests_and_the_lints(checkout):
    scaffold("logic-my-puzzle", checkout)
    registered = checkout / "copy-0.dist-info"
    registered.mkdir()
    (registered / "METADATA").write_text("Metadata-Version: 2.1\nName: copy\nVersion: 0\n")
    (registered / "entry_points.txt").write_text(
        "[vtb.generators]\nlogic-my-puzzle = generators.logic.my_puzzle:MyPuzzle\n"
    )
    golden = checkout / "tests" / "golden" / "fingerprints"
    golden.mkdir(parents=True)
    shutil.copytree(ROOT / "tests" / "property", checkout / "tests" / "property")
    environment = {**os.environ, "PYTHONPATH": str(checkout), "VTB_REWRITE_GOLDEN": "1"}
    own = sorted(map(str, (checkout / "generators" / "logic").glob("*.py")))
    first_party = 'lint.isort.known-first-party=["vtb"]'
    for argv in (
        ["pytest", "tests/property", "-k", "logic-my-puzzle", "-p", "no:cacheprovider"],
        ["ruff", "check", "--config", "pyproject.toml", "--config", first_party, *own],
        ["ruff", "format", "--check", *own],
    ):
        ran = subprocess.run(
            [sys.executable, "-m", *argv], cwd=checkout, env=environment, capture_output=True,
            text=True, timeout=300,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (golden / "logic-my-puzzle.json").is_file()
