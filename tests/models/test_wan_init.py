"""`vtb models init`: what is written, determinism, atomicity, conflicts."""

import hashlib
import json

import pytest

from vtb.core.errors import ConflictError, UsageError

pytest.importorskip("diffsynth")

FAMILY = "wan2.2-ti2v-5b"


def create(out, seed=0, preset="tiny", family=FAMILY):
    from vtb.models.create import create

    return create(family, preset, seed, out)


def contents(directory):
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def weights(directory):
    import torch
    from safetensors.torch import load_file

    state = {}
    for path in sorted(directory.rglob("*")):
        if path.suffix == ".safetensors":
            state |= load_file(path)
        elif path.suffix == ".pth":
            state |= torch.load(path, weights_only=True)
    return state


def test_layout_is_the_published_one(tiny_wan):
    assert set(contents(tiny_wan)) == {
        "config.json",
        "diffusion_pytorch_model-00001-of-00003.safetensors",
        "diffusion_pytorch_model-00002-of-00003.safetensors",
        "diffusion_pytorch_model-00003-of-00003.safetensors",
        "diffusion_pytorch_model.safetensors.index.json",
        "models_t5_umt5-xxl-enc-bf16.pth",
        "Wan2.2_VAE.pth",
        "google/umt5-xxl/tokenizer.json",
        "google/umt5-xxl/tokenizer_config.json",
        "vtb_tiny.json",
    }


def test_index_lists_every_tensor_where_it_is(tiny_wan):
    from safetensors import safe_open

    index = json.loads((tiny_wan / "diffusion_pytorch_model.safetensors.index.json").read_text())
    found = {}
    for file in set(index["weight_map"].values()):
        with safe_open(tiny_wan / file, "pt") as shard:
            found |= dict.fromkeys(shard.keys(), file)
    assert found == index["weight_map"]


def test_no_weight_is_zero_or_constant(tiny_wan):
    for name, weight in weights(tiny_wan).items():
        assert weight.isfinite().all(), name
        assert weight.count_nonzero() == weight.numel(), name
        assert weight.numel() == 1 or weight.float().std() > 0, name


def test_same_seed_gives_the_same_bytes_and_another_seed_other_weights(tiny_wan, tmp_path):
    create(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(tiny_wan)
    create(tmp_path / "other", seed=1)
    ours, theirs = weights(tiny_wan), weights(tmp_path / "other")
    assert ours.keys() == theirs.keys()
    assert not any((ours[name] == theirs[name]).all() for name in ours)


def test_repeating_is_complete_and_a_difference_is_a_conflict(tmp_path):
    out = tmp_path / "wan"
    first = create(out)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    second = create(out)
    assert (first.is_new, second.is_new) == (True, False)
    assert second.parameters == first.parameters
    assert second.size_bytes == first.size_bytes == sum(p.stat().st_size for p in _files(out))
    assert times == {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    with pytest.raises(ConflictError) as error:
        create(out, seed=1)
    assert "seed = 0" in error.value.fact


def _files(directory):
    return [path for path in directory.rglob("*") if path.is_file()]


def test_a_directory_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(ConflictError):
        create(tmp_path)
    assert contents(tmp_path).keys() == {"mine.txt"}


def test_a_failure_while_writing_leaves_nothing(tmp_path, monkeypatch):
    import vtb.models.wan.tiny as tiny

    def fail(path, value):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tiny, "_write_json", fail)
    with pytest.raises(Exception, match="disk is full"):
        create(tmp_path / "wan")
    assert list(tmp_path.iterdir()) == []


def test_unknown_names_are_usage_errors(tmp_path):
    with pytest.raises(UsageError) as error:
        create(tmp_path / "x", family="wan2.2-ti2v-5")
    assert "wan2.2-ti2v-5b" in error.value.hint
    with pytest.raises(UsageError) as error:
        create(tmp_path / "x", preset="tin")
    assert "tiny" in error.value.hint
