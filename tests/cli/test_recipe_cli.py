"""`vtb recipe`: keys of the JSON, text that is TOML, exit codes."""

import json
import tomllib

import pytest
from typer.testing import CliRunner

from vtb.cli.recipe import app
from vtb.core.errors import UsageError

TINY = "video/wan2.2-ti2v-5b-tiny"


def run(*arguments):
    return CliRunner().invoke(app, arguments, catch_exceptions=False, standalone_mode=False)


def test_ls_names_every_shipped_recipe():
    listed = json.loads(run("ls", "--json").stdout)
    assert listed["schema"] == "vtb.recipe.ls/1"
    assert TINY in [row["name"] for row in listed["recipes"]]
    assert all(set(row) == {"name", "kind", "summary"} for row in listed["recipes"])
    kinds = [row["kind"] for row in listed["recipes"]]
    for kind in ("video", "vlm"):
        assert run("ls", "--kind", kind).stdout.count("\n") == kinds.count(kind) > 0


def test_show_prints_toml_with_origins():
    shown = run("show", TINY, "-s", "lora.rank=2").stdout
    assert tomllib.loads(shown)["lora"]["rank"] == 2
    assert "rank = 2  # --set lora.rank=2" in shown
    assert "batch = 1  # default" in shown


def test_show_json_has_an_origin_for_every_value():
    shown = json.loads(run("show", TINY, "--json").stdout)
    assert shown["recipe"]["data"]["height"] == 64
    assert shown["origins"]["data.height"].endswith("wan2.2-ti2v-5b-tiny.toml:6")
    assert shown["origins"]["train.shift"].endswith("wan2.2-ti2v-5b-lora.toml:30")


def test_schema_is_a_json_schema():
    schema = json.loads(run("schema", "video").stdout)
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["LoraTable"]["properties"]["rank"]["minimum"] == 1
    assert json.loads(run("schema", "video", "--json").stdout)["json_schema"] == schema


@pytest.mark.parametrize("arguments", [("ls", "--kind", "vidoe"), ("schema", "vidoe")])
def test_unknown_kind(arguments):
    with pytest.raises(UsageError) as caught:
        run(*arguments)
    assert caught.value.hint == "did you mean `video`?"
