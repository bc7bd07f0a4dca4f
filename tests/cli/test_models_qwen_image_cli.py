"""`vtb models init` and `check` on a Qwen-Image, from the command line."""

import json

import pytest
from typer.testing import CliRunner

from vtb.cli.app import app

pytest.importorskip("diffusers")

FAMILY = "qwen-image-edit-2511"


@pytest.mark.slow
def test_init_in_another_process_gives_the_same_files_which_pass_the_check(
    vtb, tmp_path, tiny_qwen_image
):
    made = vtb("models", "init", FAMILY, "--preset", "tiny", "-o", "m", "--json")
    assert made.code == 0, made.err
    directory = tiny_qwen_image[FAMILY]
    for name in made.json["files"]:
        assert (tmp_path / "m" / name).read_bytes() == (directory / name).read_bytes(), name

    # In this process, which has imported transformers already.
    checked = CliRunner().invoke(app, ["models", "check", str(tmp_path / "m"), "--json"])
    report = json.loads(checked.stdout)
    assert checked.exit_code == 0 and report["ok"] and report["family"] == FAMILY
