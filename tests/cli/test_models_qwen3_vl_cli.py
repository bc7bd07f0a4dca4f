"""`vtb models init` and `check` on a Qwen3-VL, from the command line."""

import json

import pytest
from typer.testing import CliRunner

from vtb.cli.app import app

pytest.importorskip("transformers")


@pytest.mark.slow
def test_init_in_another_process_gives_the_same_files_which_pass_the_check(
    vtb, tmp_path, tiny_qwen3_vl
):
    made = vtb("models", "init", "qwen3-vl", "--preset", "tiny", "-o", "m", "--json")
    assert made.code == 0, made.err
    files = sorted(path.name for path in tiny_qwen3_vl.iterdir())
    assert made.json["files"] == files and made.json["parameters"] == 227_104
    for name in files:
        assert (tmp_path / "m" / name).read_bytes() == (tiny_qwen3_vl / name).read_bytes(), name

    # In this process, which has imported transformers already.
    checked = CliRunner().invoke(app, ["models", "check", str(tmp_path / "m"), "--json"])
    report = json.loads(checked.stdout)
    assert checked.exit_code == 0 and report["ok"] and report["family"] == "qwen3-vl"
    assert "vtb train video" not in checked.stderr

    config = tmp_path / "m" / "config.json"
    config.write_text(config.read_text()[:-3])
    damaged = vtb("models", "check", "m")
    assert damaged.code == 1 and "config.json` cannot be read" in damaged.err


def test_wrong_names_are_usage_errors_with_the_right_one(vtb):
    for args in (("init", "qwen3-vI"), ("check", ".", "--family", "qwen3vl")):
        done = vtb("models", *args)
        assert done.code == 2 and "qwen3-vl" in done.err
    preset = vtb("models", "init", "qwen3-vl", "--preset", "tinny")
    assert preset.code == 2 and "tiny" in preset.err
