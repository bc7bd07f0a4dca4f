"""`vtb models init` and `check` on a Qwen3-VL, from the command line."""

import json

import pytest
from typer.testing import CliRunner

from vtb.cli.app import app
from vtb.core.errors import UnreadableError

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


@pytest.fixture
def adapter(tmp_path):
    """An adapter of one layer."""
    import torch
    from safetensors.torch import save_file

    layer = "base_model.model.model.language_model.layers.0.self_attn.q_proj"
    halves = {
        f"{layer}.lora_A.weight": torch.ones(2, 64),
        f"{layer}.lora_B.weight": torch.ones(64, 2),
    }
    (tmp_path / "final").mkdir()
    save_file(halves, tmp_path / "final/adapter_model.safetensors")
    (tmp_path / "final/adapter_config.json").write_text(json.dumps({"lora_alpha": 4}))
    return tmp_path / "final"


def test_an_adapter_is_checked_and_merged(tmp_path, tiny_qwen3_vl, adapter):
    def lora(*args):
        done = CliRunner().invoke(app, ["models", "lora", *map(str, args), "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout), done.stderr

    checked, err = lora("check", adapter, "--model", tiny_qwen3_vl)
    assert checked["ok"] and checked["matched"] == 1 and checked["format"] == "peft"
    assert "vtb infer vlm --model" in err and "vtb models lora merge" in err

    command = ("merge", adapter, "--model", tiny_qwen3_vl, "-o", tmp_path / "m")
    merged, err = lora(*command)
    assert "vtb models check" in err and "vtb infer vlm --model" in err
    assert merged == {
        "schema": "vtb.models.lora.merge/1",
        "family": "qwen3-vl",
        "model": str(tiny_qwen3_vl),
        "out": str(tmp_path / "m"),
        "lora": [{"file": str(adapter), "weight": 1.0, "layers": 1}],
        "is_new": True,
    }
    assert lora(*command)[0]["is_new"] is False


@pytest.mark.parametrize("command", [("convert", "--to", "diffusers"), ("resize", "--rank", "1")])
def test_what_is_for_diffusion_models_refuses_an_adapter(tmp_path, adapter, command):
    # Its alpha stands in adapter_config.json, which other layouts do not have.
    name, *options = command
    file, out = adapter / "adapter_model.safetensors", tmp_path / "x"
    with pytest.raises(UnreadableError, match="adapter of a language model"):
        CliRunner().invoke(
            app,
            ["models", "lora", name, str(file), *options, "-o", str(out)],
            catch_exceptions=False,
        )
    assert not out.exists()
