"""The frozen surface: a new flag is a reviewed decision, and help stays light."""

import json
import os
import subprocess
import sys
from pathlib import Path

import typer
from typer.main import get_command

from vtb.cli.app import app

GOLDEN = Path(__file__).parents[1] / "golden" / "cli.json"
HEAVY = ["torch", "datasets", "pandas", "transformers", "cv2", "av", "h5py", "diffsynth"]
HEAVY += ["numpy", "pyarrow"]


def surface(command: typer.core.TyperCommand, path: str = "vtb") -> dict[str, list[str]]:
    found = {path: sorted(name for p in command.params for name in [*p.opts, *p.secondary_opts])}
    for name, child in getattr(command, "commands", {}).items():
        found |= surface(child, f"{path} {name}")
    return dict(sorted(found.items()))


def test_options_of_every_command():
    root = get_command(app)
    generator = root.commands["gen"].get_command(None, "maze-square")
    now = surface(root) | surface(generator, "vtb gen NAME")
    if os.environ.get("VTB_REWRITE_GOLDEN"):
        GOLDEN.write_text(json.dumps(now, indent=1) + "\n")
    assert now == json.loads(GOLDEN.read_text())


def loaded_by(argv: list[str]) -> list[str]:
    code = (
        "import sys, contextlib, io\n"
        f"sys.argv = {['vtb', *argv]!r}\n"
        "from vtb.cli.app import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main()\n"
        "print(' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [name for name in HEAVY if name in done.stdout.split()]


def test_help_imports_nothing_heavy():
    assert loaded_by(["--help"]) == []


def test_listing_generators_imports_nothing_heavy():
    assert set(loaded_by(["gen", "--list"])) <= {"numpy"}


def test_version_and_usage(vtb):
    assert vtb("--version").out.strip()
    assert vtb().code == 2
    assert vtb("gen").code == 2
    assert vtb("gen", "maze", "--sise", 9).code == 2
