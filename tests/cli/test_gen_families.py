"""What the family commands ask for, without building it."""

from typing import ClassVar

import pytest
from typer.testing import CliRunner

from generators.eyeballing.midpoint import Midpoint
from generators.maze.square import SquareMaze
from vtb.cli import gen_families
from vtb.cli.app import app
from vtb.core import registry
from vtb.core.config import Config
from vtb.core.errors import UsageError, VtbError


class HexagonConfig(Config):
    radius: int = 3
    algorithm: str = "wilson"


class Hexagon(SquareMaze):
    Config = HexagonConfig


class LabyrinthConfig(Config):
    rings: int = 3
    segments: int = 8


class Labyrinth(SquareMaze):
    Config = LabyrinthConfig


class Line(Midpoint):
    group: ClassVar[str] = "line"

    def styles(self):
        return Midpoint().styles()

    def presets(self):
        return Midpoint().presets()


class Pattern(Midpoint):
    group: ClassVar[str] = ""


class SheetStyle(Config):
    canvas: tuple[int, int] | None = None


class Sheet(Midpoint):
    """A minor visual puzzle, which has its canvas in its style."""

    group: ClassVar[str] = "minor"
    Config = LabyrinthConfig
    Style = SheetStyle


class ArcConfig(Config):
    input: str
    test_index: int | None = None


class Arc(SquareMaze):
    Config = ArcConfig

    def capacity(self, config):
        return 7


FAKES = {
    "arc-agi-2": Arc,
    "eyeballing-midpoint": Midpoint,
    "eyeballing-ray-reflect": Line,
    "maze-hexagon": Hexagon,
    "maze-labyrinth": Labyrinth,
    "maze-square": SquareMaze,
    "visual-color-grid": Pattern,
    "visual-sudoku": Sheet,
}


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """Eight generators, the same wherever the real ones stand."""
    monkeypatch.setattr(registry, "names", lambda: sorted(FAKES))
    monkeypatch.setattr(registry, "load", lambda name: FAKES[name]())


@pytest.fixture
def asked(monkeypatch):
    """Runs `vtb gen ARGS` up to the build; returns choices, default directory and count."""

    def run(*args):
        calls = []

        def build(choices, common, default_out, default_count=100):
            calls.append((list(choices), str(default_out), default_count))

        monkeypatch.setattr(gen_families, "build", build)
        result = CliRunner().invoke(app, ["gen", *map(str, args)])
        if isinstance(result.exception, VtbError):
            raise result.exception
        assert result.exit_code == 0, result.output
        run.err = result.stderr
        return calls[0]

    return run


def by_name(choices):
    return {choice.generator: choice for choice in choices}


@pytest.mark.parametrize(
    ("args", "name", "config", "out"),
    [
        ((), "maze-square", {"rows": 9, "cols": 9}, "data/maze-square-9"),
        (("--size", 7), "maze-square", {"rows": 7, "cols": 7}, "data/maze-square-7"),
        (("--kind", "hexagon"), "maze-hexagon", {"radius": 3}, "data/maze-hexagon-3"),
        (
            ("--kind", "labyrinth", "--size", 4, "--segments", 12),
            "maze-labyrinth",
            {"rings": 4, "segments": 12},
            "data/maze-labyrinth-4",
        ),
    ],
)
def test_size_by_kind_of_maze(asked, args, name, config, out):
    choices, default_out, count = asked("maze", *args)
    assert [(c.generator, c.config) for c in choices] == [(name, config)]
    assert (default_out, count) == (out, 100)


def test_flags_win_over_the_preset_and_settings_over_flags(asked):
    choices, _, _ = asked(
        "maze", "--preset", "videothinkbench", "--algorithm", "prim", "--cell", 16, "-s", "rows=11"
    )
    config = {"algorithm": "prim", "endpoints": "corners", "rows": 11, "cols": 9}
    assert choices[0].config == config and choices[0].style["cell"] == 16
    assert choices[0].note.startswith("preset videothinkbench: few distinct mazes")
    choices, _, _ = asked("maze", "--preset", "videothinkbench", "--style", "paper")
    assert choices[0].style["background"] == [62, 44, 30] and choices[0].style["cell"] == 32


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("all", ["midpoint", "ray-reflect"]),
        ("line", ["ray-reflect"]),
        ("ray_reflect, midpoint", ["midpoint", "ray-reflect"]),
        ("midpoint,point", ["midpoint"]),
    ],
)
def test_tasks_by_name_and_group(asked, task, names):
    choices, out, _ = asked("eyeballing", "--task", task)
    assert [c.generator for c in choices] == [f"eyeballing-{name}" for name in names]
    assert out == "data/eyeballing"


def test_gap_is_a_share_of_the_canvas_short_side(asked):
    for args, side in (
        ((), 512),
        (("--canvas", "256x480"), 256),
        (("-s", "canvas=[320,640]"), 320),
    ):
        choices, _, _ = asked("eyeballing", "--gap", 32, *args)
        assert [c.config["gap"] for c in choices] == [(32 / side, 32 / side)] * 2


def test_presets_and_styles_of_a_whole_family(asked, tmp_path):
    choices, _, _ = asked("eyeballing", "--preset", "videothinkbench", "--style", "paper")
    assert all(c.config["point_radius"] == 10 and c.style["ink"] == [28, 44, 92] for c in choices)
    (tmp_path / "own.toml").write_text("ink = [1, 2, 3]\n")
    choices, _, _ = asked("eyeballing", "--style", tmp_path / "own.toml")
    assert all(c.style == {"ink": [1, 2, 3]} for c in choices)
    (tmp_path / "own.toml").write_text("ink = [1,")
    with pytest.raises(UsageError, match="not valid TOML"):
        asked("eyeballing", "--style", tmp_path / "own.toml")


def test_canvas_is_set_in_configuration_or_style(asked):
    choices, out, _ = asked("visual", "--canvas", "320x256")
    tasks = by_name(choices)
    assert tasks["visual-color-grid"].config == {"canvas": (320, 256)}
    assert tasks["visual-sudoku"].style == {"canvas": (320, 256)}
    assert out == "data/visual"


def test_a_setting_goes_to_the_tasks_that_have_it(asked):
    choices, _, _ = asked("visual", "-s", "segments=4", "-s", "style.ink=[0,0,0]")
    tasks = by_name(choices)
    assert tasks["visual-sudoku"].config == {"segments": 4}
    assert tasks["visual-color-grid"].config == {}
    assert tasks["visual-color-grid"].style == {"ink": [0, 0, 0]}
    assert "`-s segments=4` applies to 1 of 2 tasks" in asked.err
    asked("visual", "--task", "sudoku", "-s", "segments=4")
    assert "applies" not in asked.err


def test_arc_takes_all_there_are(asked):
    choices, out, count = asked("arc", "--input", "tasks", "--cell", 16, "--test-index", 1)
    assert choices[0].config == {"input": "tasks", "test_index": 1}
    assert choices[0].style == {"cell": 16}
    assert (out, count) == ("data/arc", None)


def test_all_is_what_needs_no_input(asked):
    choices, out, count = asked("all")
    assert [c.generator for c in choices] == [name for name in sorted(FAKES) if name != "arc-agi-2"]
    assert {c.share for c in choices} == {1} and (out, count) == ("data/all", 100)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("maze", "--kind", "hexagn"), ["`hexagn`", "`hexagon`"]),
        (("maze", "--kind", "hexagon", "--segments", "3"), ["hexagon", "only labyrinths"]),
        (("eyeballing", "--task", "mippoint"), ["`mippoint`", "`midpoint`"]),
        (("eyeballing", "--task", ""), ["known: all, line, midpoint, point, ray-reflect"]),
        (("eyeballing", "--task", "shape"), ["`shape`"]),
        (("eyeballing", "--style", "papr"), ["`papr`", "`paper`"]),
        (("eyeballing", "--preset", "vtb"), ["unknown preset `vtb`", "videothinkbench"]),
        (("eyeballing", "--gap", 400), ["from 0.02 to 0.25", "`--gap 400` is 0.781 of 512 px"]),
        (("visual", "--task", ""), ["unknown visual task ``", "known: all, color-grid, minor"]),
        (("visual", "--canvas", "480"), ["--canvas 480"]),
        (("visual", "-s", "segmets=4"), ["`segmets`", "visual-sudoku", "`segments`"]),
        (("visual", "-s", "style.inc=4"), ["`inc`", "`ink`"]),
    ],
)
def test_unknown_names_are_errors_with_a_hint(asked, args, says):
    with pytest.raises(UsageError) as error:
        asked(*args)
    text = f"{error.value} {error.value.hint}"
    assert all(part in text for part in says), text


def test_arc_without_input_is_a_usage_error():
    assert CliRunner().invoke(app, ["gen", "arc"]).exit_code == 2


def test_a_broken_generator_does_not_hide_the_others(monkeypatch):
    def load(name):
        if name == "maze-hexagon":
            raise VtbError("generator `maze-hexagon` cannot be imported", fact="no such module")
        return FAKES[name]()

    monkeypatch.setattr(registry, "load", load)
    listed = CliRunner().invoke(app, ["gen", "--list"])
    assert listed.exit_code == 0
    assert "maze-labyrinth" in listed.stdout and "maze-hexagon" not in listed.stdout
    assert "warning: generator `maze-hexagon` cannot be imported" in listed.stderr


def test_completion_knows_generators_and_tasks(monkeypatch):
    def completed(line):
        environment = {"_VTB_COMPLETE": "complete_bash", "COMP_WORDS": line}
        environment["COMP_CWORD"] = str(line.count(" "))
        result = CliRunner().invoke(app, env=environment, prog_name="vtb")
        return result.stdout.split()

    assert completed("vtb gen maze-h") == ["maze-hexagon"]
    assert completed("vtb gen eyeballing --task r") == ["ray-reflect"]
    assert completed("vtb gen maze --kind l") == ["labyrinth"]
