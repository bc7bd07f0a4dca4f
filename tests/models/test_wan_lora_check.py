"""The one check that inference, training and the tools ask before they use a LoRA."""

import shutil
from dataclasses import replace

import pytest

from vtb.core.errors import UnreadableError

torch = pytest.importorskip("torch")
pytest.importorskip("diffsynth")


@pytest.fixture(scope="module")
def checkpoint(tiny_wan):
    from vtb.models.wan.checkpoint import open_checkpoint

    return open_checkpoint(tiny_wan)


def require(lora, checkpoint, expert=None):
    from vtb.models.lora.check import require_lora

    return require_lora(lora, checkpoint, expert)


def test_a_fitting_lora_passes_without_a_word(checkpoint, random_lora):
    from vtb.models.identity import weights_fingerprint

    made_on = weights_fingerprint(checkpoint.files)
    assert require(random_lora(base_fingerprint=made_on), checkpoint) == []
    assert require(replace(random_lora(), metadata={}), checkpoint) == []


def test_other_weights_are_a_warning(checkpoint, random_lora):
    (warning,) = require(random_lora(base_fingerprint="0" * 32), checkpoint)
    assert "made on other weights" in warning


def test_the_transformer_alone_is_enough(tiny_wan, tmp_path, random_lora):
    from vtb.models.wan.checkpoint import open_checkpoint

    alone = tmp_path / "alone"
    alone.mkdir()
    for path in [*tiny_wan.glob("*.safetensors"), tiny_wan / "vtb_tiny.json"]:
        shutil.copy(path, alone)
    assert require(random_lora(base_fingerprint="0" * 32), open_checkpoint(alone)) == []


@pytest.mark.parametrize(
    ("metadata", "expert", "fact"),
    [
        ({"base_family": "wan2.2-i2v-a14b"}, None, "made for wan2.2-i2v-a14b, not for"),
        ({"expert": "high"}, None, "high-noise expert, which wan2.2-ti2v-5b does not have"),
    ],
)
def test_another_model_is_refused_although_all_layers_fit(
    checkpoint, random_lora, metadata, expert, fact
):
    with pytest.raises(UnreadableError, match=fact):
        require(random_lora(**metadata), checkpoint, expert)


def test_missing_layers_are_listed_five_at_most(checkpoint, random_lora):
    lora = random_lora()
    wrong = replace(lora, pairs={f"x.{name}": pair for name, pair in lora.pairs.items()})
    with pytest.raises(UnreadableError, match=r"0 of 20 layers match; not: (x\.\S+, ){4}x\.\S+\)"):
        require(wrong, checkpoint)
    some = {f"x.{n}" if "ffn" in n else n: pair for n, pair in lora.pairs.items()}
    with pytest.raises(UnreadableError, match="16 of 20 layers match"):
        require(replace(lora, pairs=some), checkpoint)


def test_a_lora_without_effect_is_refused(checkpoint, random_lora):
    lora = random_lora()
    pairs = {n: replace(pair, up=torch.zeros_like(pair.up)) for n, pair in lora.pairs.items()}
    with pytest.raises(UnreadableError, match="changes nothing"):
        require(replace(lora, pairs=pairs), checkpoint)


def test_report_describes_the_file(checkpoint, tmp_path, random_lora):
    from vtb.models.lora.check import check_lora
    from vtb.models.lora.file import write_lora

    file = tmp_path / "l.safetensors"
    write_lora(file, random_lora(step="7"), layout="diffusers")
    report = check_lora(checkpoint, file)
    assert report.ok and report.matched == 20
    assert (report.layout, report.ranks, report.alphas) == ("diffusers", (4,), (4.0,))
    assert report.metadata["step"] == "7" and report.metadata["alpha"] == "4"
    write_lora(file, random_lora(expert="high"))
    report = check_lora(checkpoint, file)
    assert not report.ok and report.unmatched == () and len(report.faults) == 1


def test_each_lora_goes_to_its_expert(tiny_a14b, random_lora):
    from vtb.models.wan.checkpoint import open_checkpoint

    a14b = open_checkpoint(tiny_a14b["wan2.2-i2v-a14b"])
    high = random_lora(base_family="wan2.2-i2v-a14b", expert="high")
    assert require(high, a14b) == require(high, a14b, "high") == []
    with pytest.raises(UnreadableError, match="high-noise expert, not for the low-noise one"):
        require(high, a14b, "low")
    silent = replace(high, metadata={})
    assert require(silent, a14b, "low") == []
    (warning,) = require(silent, a14b)
    assert "which expert" in warning
