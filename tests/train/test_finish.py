"""What a finished run leaves: a checkpoint made of its base and one new part."""

import pytest

pytest.importorskip("diffsynth")

import torch

from vtb.core.files import atomic_write_json
from vtb.models.check import check
from vtb.models.wan.checkpoint import open_checkpoint
from vtb.recipe.load import load
from vtb.recipe.schema import VideoRecipe
from vtb.run.rundir import RunDirectory
from vtb.train.finish import write_final_checkpoint

STATE = {
    "id": "a-run",
    "recipe": "a/recipe",
    "inputs": {"data": "/somewhere/mazes"},
    "versions": {"vtb-toolkit": "1", "torch": "2"},
    "settings": {
        "model.fingerprint": "f0",
        "data.manifest_hash": "d0",
        "data.split": "train",
        "data.buckets": [100, 1000],
    },
}


@pytest.fixture
def run(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    atomic_write_json(directory.path / "run.json", STATE)
    return directory


@pytest.fixture
def base(tiny_wan, tmp_path):
    """A copy of the tiny checkpoint that one may write into."""
    import shutil

    return shutil.copytree(tiny_wan, tmp_path / "base")


def finish_vae(run, base):
    checkpoint = open_checkpoint(base)
    part = checkpoint.part("vae")
    weights = torch.load(checkpoint.paths(part)[0], weights_only=True)
    new = {name: tensor + 1 for name, tensor in weights.items()}
    recipe = load(VideoRecipe, "video/wan2.2-ti2v-5b-tiny", ["train.target=vae"]).recipe
    write_final_checkpoint(run, recipe, checkpoint, part, new, 7)
    return new


def files(directory):
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def test_other_parts_are_links_and_the_new_one_leaves_the_base_alone(run, base):
    before = (base / "Wan2.2_VAE.pth").read_bytes()
    new = finish_vae(run, base)
    assert files(run.final) == files(base) | {"README.md"}
    assert check(run.final).ok
    text_encoder = "models_t5_umt5-xxl-enc-bf16.pth"
    assert (run.final / text_encoder).samefile(base / text_encoder)
    stored = torch.load(run.final / "Wan2.2_VAE.pth", weights_only=True)
    assert all(torch.equal(stored[name], tensor) for name, tensor in new.items())
    assert (base / "Wan2.2_VAE.pth").read_bytes() == before
    assert '"seed": 0' in (base / "vtb_tiny.json").read_text()


def test_an_older_final_and_the_card_of_the_base_go(run, base):
    (base / "README.md").write_text("the base's")
    run.final.mkdir()
    (run.final / "old").write_text("x")
    finish_vae(run, base)
    assert not (run.final / "old").exists()
    assert "a trained vae" in (run.final / "README.md").read_text()
