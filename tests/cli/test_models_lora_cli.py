"""`vtb models lora`: JSON, exit codes and the commands as a chain."""

import json

import pytest
from typer.testing import CliRunner

from vtb.cli.app import app
from vtb.core.errors import ConflictError, UsageError

torch = pytest.importorskip("torch")
pytest.importorskip("diffsynth")

CHECK_KEYS = (
    "schema model ok file matched unmatched zero faults warnings format ranks alphas metadata"
)
REDUCED_KEYS = "schema out layers ranks retained_energy lowest is_new"


@pytest.fixture
def lora(tmp_path, tiny_wan):
    """A LoRA of rank 4 for each of two layers."""
    from vtb.models.lora.file import Lora, LoraPair, write_lora

    draw = torch.Generator().manual_seed(0)
    pairs = {
        f"blocks.{i}.self_attn.q": LoraPair(
            torch.randn(4, 48, generator=draw), torch.randn(48, 4, generator=draw), 8.0
        )
        for i in (0, 1)
    }
    metadata = {"base_family": "wan2.2-ti2v-5b", "step": "7"}
    write_lora(tmp_path / "lora.safetensors", Lora(pairs, metadata), dtype=torch.float32)
    return tmp_path / "lora.safetensors"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs `vtb models lora ARGS` in this process, which has imported torch already."""
    monkeypatch.chdir(tmp_path)

    def invoke(*args):
        done = CliRunner().invoke(app, ["models", "lora", *map(str, args)])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0
        return json.loads(done.stdout) if "--json" in args else done.stdout, done.stderr

    return invoke


def test_convert_check_merge_and_extract(run, tmp_path, tiny_wan, lora):
    out = tmp_path / "d.safetensors"
    command = ("convert", lora, "--to", "diffusers", "-o", out, "--json")
    converted, err = run(*command)
    assert "Next:\n  vtb models lora check" in err
    assert converted == {
        "schema": "vtb.models.lora.convert/1",
        "out": str(out),
        "from": "comfyui",
        "to": "diffusers",
        "layers": 2,
        "ranks": [4],
        "is_new": True,
    }
    assert run(*command)[0]["is_new"] is False

    checked, _ = run("check", out, "--model", tiny_wan, "--json")
    assert [*checked] == CHECK_KEYS.split()
    assert checked["schema"] == "vtb.models.lora.check/1"
    assert checked["ok"] and checked["matched"] == 2
    assert checked["format"] == "diffusers" and checked["metadata"]["step"] == "7"

    merged, err = run("merge", out, "--model", tiny_wan, "-o", "m", "--json")
    assert "vtb models check m" in err
    assert merged == {
        "schema": "vtb.models.lora.merge/1",
        "family": "wan2.2-ti2v-5b",
        "model": str(tiny_wan),
        "out": str(tmp_path / "m"),
        "lora": [{"file": str(out), "weight": 1.0, "layers": 2}],
        "is_new": True,
    }

    found, _ = run("extract", tiny_wan, "m", "--rank", 4, "-o", "e.st", "--json")
    assert [*found] == [*REDUCED_KEYS.split(), "left_out"]
    assert found["schema"] == "vtb.models.lora.extract/1"
    assert found["retained_energy"] == pytest.approx(1) and found["left_out"] == []


def test_resize_sums_and_never_replaces_another_file(run, lora):
    args = ("resize", lora, lora, "--weight", 1, "--weight", 0.5, "-o", "s.st")
    summed, _ = run(*args, "--json")
    assert [*summed] == REDUCED_KEYS.split()
    assert summed["schema"] == "vtb.models.lora.resize/1"
    assert (summed["ranks"], summed["retained_energy"]) == ([8], 1.0)
    with pytest.raises(ConflictError, match="something else"):
        run(*args, "--rank", 2)
    assert "retained energy: 0." in run(*args, "--rank", 2, "--force")[0]
    with pytest.raises(UsageError, match="nothing to do"):
        run("resize", lora, "-o", "t.st")
    with pytest.raises(UsageError, match="2 weights for 1 files"):
        run("resize", lora, "--weight", 1, "--weight", 2, "-o", "t.st")


def test_a_lora_that_does_not_fit_ends_with_three(vtb, tmp_path, tiny_wan):
    from vtb.models.lora.file import Lora, LoraPair, write_lora

    pair = LoraPair(torch.ones(2, 50), torch.ones(48, 2), 2.0)
    file = tmp_path / "x.safetensors"
    write_lora(file, Lora({"blocks.0.self_attn.q": pair}, {"base_family": "wan2.2-t2v-a14b"}))
    done = vtb("models", "lora", "check", file, "--model", tiny_wan)
    assert done.code == 3 and "Next:" not in done.err
    assert "unmatched (1): blocks.0.self_attn.q" in done.out
    assert "made for wan2.2-t2v-a14b, not for wan2.2-ti2v-5b" in done.out
