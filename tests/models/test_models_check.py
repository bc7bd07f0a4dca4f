"""`vtb models check` on whole, damaged and foreign directories."""

import shutil

import pytest

from vtb.core.errors import MissingEnvironmentError, UnreadableError, UsageError

torch = pytest.importorskip("torch")
pytest.importorskip("diffsynth")

SHARD = "diffusion_pytorch_model-00001-of-00003.safetensors"


@pytest.fixture
def copy(tiny_wan, tmp_path):
    return shutil.copytree(tiny_wan, tmp_path / "copy")


def check(directory, *args):
    from vtb.models.check import check

    return check(directory, *args)


def test_a_fresh_checkpoint_is_complete(tiny_wan):
    report = check(tiny_wan)
    assert report.ok and report.family == "wan2.2-ti2v-5b"
    assert len(report.complete) == 8 and report.parameters == 939_228
    assert (report.missing, report.unexpected, report.lora) == ((), (), ())


def test_missing_files_are_listed(copy):
    (copy / SHARD).unlink()
    (copy / "google/umt5-xxl/tokenizer.json").unlink()
    report = check(copy)
    assert not report.ok
    assert report.missing == (SHARD, "google/umt5-xxl/tokenizer.json")


def test_missing_extra_and_reshaped_tensors_are_listed(copy):
    from safetensors.torch import load_file, save_file

    state = load_file(copy / SHARD)
    del state["patch_embedding.bias"]
    state["blocks.0.modulation"] = torch.ones(1, 6, 50)
    state["foreign"] = torch.ones(2)
    save_file(state, copy / SHARD)
    report = check(copy)
    assert sorted(report.missing) == [
        "dit: blocks.0.modulation [1, 6, 48]",
        "dit: patch_embedding.bias [48]",
    ]
    assert sorted(report.unexpected) == ["dit: blocks.0.modulation [1, 6, 50]", "dit: foreign [2]"]
    assert SHARD not in report.complete and "Wan2.2_VAE.pth" in report.complete


def test_the_family_is_recognised_by_files_of_the_published_names(copy):
    (copy / "vtb_tiny.json").unlink()
    report = check(copy)
    assert report.family == "wan2.2-ti2v-5b" and not report.ok


def test_foreign_absent_and_misnamed(tmp_path):
    with pytest.raises(UnreadableError, match="no model of a known family"):
        check(tmp_path)
    with pytest.raises(MissingEnvironmentError):
        check(tmp_path / "none")
    with pytest.raises(UsageError, match="wan3"):
        check(tmp_path, "wan3")
    assert SHARD in check(tmp_path, "wan2.2-ti2v-5b").missing


def lora_file(path, updates):
    from vtb.models.lora.file import Lora, LoraPair, write_lora

    pairs = {
        name: LoraPair(torch.ones(2, inputs), torch.full((out, 2), value), 2.0)
        for name, (out, inputs, value) in updates.items()
    }
    write_lora(path, Lora(pairs))
    return path


def test_lora_files_are_compared_layer_by_layer(tiny_wan, tmp_path):
    fits = {"blocks.0.self_attn.q": (48, 48, 1.0), "blocks.1.ffn.2": (48, 96, 0.0)}
    good = lora_file(tmp_path / "good.safetensors", fits)
    bad = lora_file(tmp_path / "bad.safetensors", fits | {"blocks.7.self_attn.q": (48, 48, 1.0)})
    void = lora_file(tmp_path / "void.safetensors", {"blocks.1.ffn.2": (48, 96, 0.0)})
    report = check(tiny_wan, None, [good, bad, void])
    assert [(lora.matched, len(lora.unmatched), len(lora.zero)) for lora in report.lora] == [
        (2, 0, 1),
        (2, 1, 1),
        (1, 0, 1),
    ]
    assert [lora.ok for lora in report.lora] == [True, False, False]
    assert report.lora[1].unmatched == ("blocks.7.self_attn.q",)
    assert not report.ok and check(tiny_wan, None, [good]).ok
