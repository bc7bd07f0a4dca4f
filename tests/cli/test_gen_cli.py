import json
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest

from vtb.recipe.find import mixtures
from vtb.run.lock import output_lock

SMALL = ("--size", 7, "--cell", 8, "--frames", 17, "--workers", 1)


def test_first_call_makes_and_second_is_complete(vtb, tmp_path):
    first = vtb("gen", "maze", *SMALL, "-n", 10, "-o", "set", "--json")
    assert first.code == 0, first.err
    made = first.json
    assert made["schema"] == "vtb.gen/1" and made["out"] == str(tmp_path / "set")
    assert made["count"] == made["unique"] == sum(made["splits"].values()) == 10
    assert made["capacity"] == 5376 and made["samples_per_second"] > 0
    assert (tmp_path / "set" / "preview.png").exists()
    assert "Next:" in first.err
    again = vtb("gen", "maze", *SMALL, "-n", 10, "-o", "set", "--json")
    assert again.json["samples_per_second"] == 0 and again.json["count"] == 10
    text = vtb("gen", "maze", *SMALL, "-n", 10, "-o", "set", "-q")
    assert text.out.startswith("already complete") and text.err == ""


def test_card_command_makes_the_same_dataset(vtb, tmp_path):
    own = ("--canvas", "64x96", "--splits", "0.5,0.2,0.3")
    vtb("gen", "maze", *SMALL, "-n", 6, "--algorithm", "dfs", "--seed", 5, *own, "-o", "a")
    card = (tmp_path / "a" / "README.md").read_text()
    line = next(line for line in card.splitlines() if line.startswith("vtb gen"))
    again = vtb(*shlex.split(line)[1:], "-o", "b")
    assert again.code == 0, again.err
    for name in ("README.md", "manifest.jsonl", ".request.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("--size", 8), 2, ["`--size 8` is even", "--size 9"]),
        (("--size", 3), 2, ["`--size 3` is too small", "--size 5"]),
        (("--size", 7, "-n", 6000), 1, ["5,376", "-n 5376", "--allow-duplicates"]),
        (("--frames", 80), 2, ["`--frames 80`", "81"]),
        (("--kind", "sqare"), 2, ["`sqare`", "`square`"]),
        (("--segments", 6), 2, ["only labyrinths", "--kind labyrinth"]),
        (("--style", "clasic"), 2, ["clasic", "classic"]),
        (("--preset", "vtb"), 2, ["vtb"]),
        (("--algorithm", "wilsn"), 2, ["algorithm", "wilsn"]),
        (("-s", "sise=9"), 2, ["unknown key `sise`"]),
        (("-s", "style.cel=9"), 2, ["unknown key `cel`", "cell"]),
        (("--splits", "0.5,0.5"), 2, ["`--splits 0.5,0.5`"]),
        (("--split", "val"), 2, ["val", "validation"]),
        (("--canvas", "480"), 2, ["--canvas 480"]),
        (("--canvas", "100x100"), 2, ["multiples of 32"]),
        (("--canvas", "32x32"), 2, ["canvas"]),
    ],
)
def test_bad_input_writes_nothing(vtb, tmp_path, args, code, says):
    ran = vtb("gen", "maze", *args, "-o", "set")
    assert ran.code == code, ran.err
    assert ran.err.startswith("error: ") and ran.out == ""
    assert all(text in ran.err for text in says), ran.err
    assert "Traceback" not in ran.err
    assert not (tmp_path / "set").exists()


def test_errors_as_json(vtb, tmp_path):
    with output_lock(tmp_path / "set"):
        ran = vtb("gen", "maze", *SMALL, "-o", "set", "--json")
    assert ran.code == 1
    assert ran.json["schema"] == "vtb.error/1" and ran.json["kind"] == "locked"
    assert vtb("gen", "maze", "--size", 7, "-n", 6000, "--json").json["kind"] == "capacity"


def test_other_settings_conflict(vtb):
    assert vtb("gen", "maze", *SMALL, "-n", 4, "-o", "set").code == 0
    ran = vtb("gen", "maze", *SMALL, "-n", 4, "--seed", 1, "-o", "set", "--json")
    assert ran.code == 1 and ran.json["kind"] == "conflict" and "seed" in ran.json["message"]


def test_dry_run_writes_nothing(vtb, tmp_path):
    ran = vtb("gen", "maze", "--preset", "videothinkbench", "--size", 7, "-n", 14, "--dry-run")
    assert ran.code == 0 and "distinct: 14" in ran.out
    assert "warning: preset videothinkbench: few distinct mazes" in ran.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupt(tmp_path, number, code):
    argv = [
        "gen",
        "maze",
        "--size",
        "9",
        "-n",
        "4000",
        "--shard-size",
        "4",
        "--workers",
        "2",
        "--frames",
        "17",
        "-o",
        "set",
    ]
    child = subprocess.Popen(
        [sys.executable, "-m", "vtb", *argv], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    guard = time.monotonic() + 60
    while not (tmp_path / "set" / "README.md").exists():
        assert time.monotonic() < guard
        time.sleep(0.05)
    os.kill(child.pid, number)
    _, err = child.communicate(timeout=60)
    assert child.returncode == code
    assert "the same command goes on" in err and "Traceback" not in err


def test_list(vtb):
    listed = vtb("gen", "--list", "--json").json["generators"]
    by_name = {generator["name"]: generator for generator in listed}
    assert by_name["maze-square"]["tasks"] == ["maze_square"]
    assert by_name["eyeballing-midpoint"]["family"] == "eyeballing"
    assert by_name["eyeballing-midpoint"]["group"] == "point"


def test_every_generator_is_a_command(vtb):
    ran = vtb("gen", "maze-square", "-s", "rows=7", "-n", 5, "--dry-run")
    assert ran.code == 0 and "data/maze-square" in ran.out
    assert vtb("gen", "maze-sqare").err == (
        "error: unknown generator `maze-sqare`\n\nhint: did you mean `maze-square`?\n"
    )
    assert "--allow-duplicates" in vtb("gen", "eyeballing-midpoint", "--help").out


def test_arc_makes_every_pair_there_is(vtb, tmp_path):
    (tmp_path / "tasks").mkdir()
    for number in range(2):
        pair = {"input": [[number, 1], [2, 3]], "output": [[1, number], [3, 2]]}
        task = {"train": [pair], "test": [{**pair, "input": [[4, number, 4]]}]}
        (tmp_path / "tasks" / f"{number}.json").write_text(json.dumps(task))
    options = ("--cell", 16, "--no-video", "--workers", 1, "-o", "set", "--json")
    made = vtb("gen", "arc", "--input", "tasks", *options)
    assert made.code == 0, made.err
    assert made.json["count"] == made.json["capacity"] == 2
    missing = vtb("gen", "arc", "--input", "nowhere")
    assert missing.code == 2 and "nowhere" in missing.err


MIXTURE = """
[[task]]
generator = "maze-square"
count = 40
config = { rows = 7, cols = 7 }
style = { cell = 8 }
difficulty = { path_rooms = [3, 5] }

[[task]]
generator = "eyeballing-midpoint"
count = 20
config = { canvas = [256, 256] }
"""


@pytest.mark.parametrize("name", mixtures())
def test_shipped_mixtures_are_planned_by_name(vtb, name):
    planned = vtb("gen", "all", "--mixture", name, "--frames", 17, "--dry-run", "--json")
    assert planned.code == 0
    assert planned.json["out"].endswith(name)


def test_an_unknown_mixture_is_named_with_the_nearest(vtb):
    refused = vtb("gen", "all", "--mixture", "mini-va")
    assert refused.code == 2
    assert "unknown mixture `mini-va`" in refused.err
    assert "mini-vae" in refused.err


def test_a_mixture_keeps_its_proportions_and_its_card_makes_it_again(vtb, tmp_path):
    (tmp_path / "mix.toml").write_text(MIXTURE)
    options = ("--no-video", "--workers", 1)
    planned = vtb("gen", "all", "--mixture", "mix.toml", *options, "--dry-run", "--json")
    assert planned.json["count"] == 60 and planned.json["out"] == str(tmp_path / "data" / "mix")
    made = vtb("gen", "all", "--mixture", "mix.toml", *options, "-n", 6, "-o", "a")
    assert made.code == 0, made.err
    assert len(made.out.splitlines()) == 4 and "Next:" in made.err
    stat = vtb("data", "stat", "a", "--json").json
    assert stat["tasks"] == {"maze_square": 4, "midpoint": 2}
    assert list(stat["labels"]) == ["midpoint"]
    card = (tmp_path / "a" / "README.md").read_text()
    (tmp_path / "mixture.toml").write_text(card.split("```toml\n")[1].split("```")[0])
    line = next(line for line in card.splitlines() if line.startswith("vtb gen"))
    again = vtb(*shlex.split(line)[1:], "-o", "b")
    assert again.code == 0, again.err
    for name in ("README.md", "manifest.jsonl", ".request.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
