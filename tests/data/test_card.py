import tomllib

import pytest

from vtb.core.frames import FramePlan
from vtb.core.splits import SplitRule
from vtb.data.build import build
from vtb.data.command import command, mixture
from vtb.data.mixture import read_mixture
from vtb.data.request import Request, Task

SMALL = {"canvas": [256, 256]}


def maze(style=None, **options):
    return Task.of("maze-square", {"rows": 7, "cols": 7}, style or {"cell": 8}, **options)


def point(name, config=None, style=None, **options):
    return Task.of(f"eyeballing-{name}", config or SMALL, style or {}, **options)


def request(*tasks, **options):
    return Request(tasks, 5, FramePlan.of(17, 8), True, **options)


def test_one_task_is_flags():
    asked = request(
        maze(), rule=SplitRule(test=100, validation=0), split="test", allow_duplicates=True
    )
    assert command(asked, 6) == (
        "vtb gen maze-square -n 6 --seed 5 -s rows=7 -s cols=7 -s style.cell=8 "
        "--frames 17 --fps 8 --splits 0.9,0,0.1 --split test --allow-duplicates"
    )
    assert mixture(asked, 6) is None


def test_a_family_with_equal_settings_is_flags():
    asked = request(point("incenter"), point("midpoint"))
    assert command(asked, 6).startswith(
        "vtb gen eyeballing --task incenter,midpoint -n 6 --seed 5 -s 'canvas=[256, 256]' --frames"
    )
    assert mixture(asked, 6) is None


@pytest.mark.parametrize(
    "tasks",
    [
        (maze(difficulty={"turns": (1, 4)}),),
        (maze(), point("midpoint")),
        (point("midpoint"), point("incenter")),
        (point("incenter", share=2), point("midpoint")),
        (point("incenter"), point("midpoint", {"canvas": [320, 320]})),
        (point("incenter"), point("midpoint", style={"ink": [1, 2, 3]})),
        (point("incenter"), point("midpoint", difficulty={"gap_rel": (0.05, 0.1)})),
        (
            maze(),
            maze({"cell": 16, "endpoints": "two-colour"}, share=2),
            maze({"canvas": [96, 96]}),
        ),
    ],
)
def test_other_tasks_are_a_mixture_that_reads_back(tasks, tmp_path):
    asked = request(*tasks)
    assert "vtb gen all --mixture mixture.toml -n 12 --seed 5 --frames" in command(asked, 12)
    path = tmp_path / "mixture.toml"
    path.write_text(mixture(asked, 12))
    read = read_mixture(path)
    again = request(*(choice.task() for choice in read.choices))
    assert again.record() == asked.record()
    assert read.count == 12


def test_counts_that_share_out_unevenly_stay_shares(tmp_path):
    asked = request(maze(share=2), point("midpoint"))
    counts = [entry["count"] for entry in tomllib.loads(mixture(asked, 7))["task"]]
    assert counts == [2, 1]


def test_card_of_a_mixture_has_a_table_of_tasks(tmp_path):
    asked = request(maze(share=2, difficulty={"turns": (1, 4)}), point("midpoint"))
    build(asked, tmp_path, 6)
    card = (tmp_path / "README.md").read_text()
    assert "\n# eyeballing, maze\n" in card
    assert (
        "| `maze-square` | 1 | find the way through a square maze; turns 1 to 4 | 4 | 5,376 |\n"
        "| `eyeballing-midpoint` | 1 | find the midpoint between two discs | 2 "
        "| practically unbounded |\n"
    ) in card
    assert f"```toml\n{mixture(asked, 6)}```" in card
    assert f"```console\n{command(asked, 6)}\n```" in card
    assert "| `image_vlm` | image | further drawing, null for tasks without it |" in card


def test_card_of_one_task_lists_its_settings(tmp_path):
    build(request(maze()), tmp_path, 4)
    card = (tmp_path / "README.md").read_text()
    assert "\n# maze-square\n" in card and "mixture" not in card
    assert "- `maze-square` version 1: find the way through a square maze (" in card
    assert "rows 7, cols 7" in card
