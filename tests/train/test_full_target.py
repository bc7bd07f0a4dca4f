"""Whole runs that train every weight of a transformer or of a VAE, in this process."""

import json
import shutil

import pytest

pytest.importorskip("diffsynth")

import torch
from safetensors.torch import load_file

from vtb.core.errors import UnreadableError
from vtb.core.files import read_json_lines
from vtb.data.store import open_dataset
from vtb.models.check import check
from vtb.models.families import MARKER
from vtb.models.structure import read_shapes
from vtb.models.wan.checkpoint import open_checkpoint
from vtb.recipe.load import load
from vtb.recipe.schema import VideoRecipe
from vtb.train.latents.clips import ClipSource
from vtb.train.launch.run import run_job
from vtb.train.loop.checkpoint import AVERAGE
from vtb.train.weights import FullWeights

PART = {"full": "dit", "vae": "vae"}
EMA = "train.ema=0.9"


@pytest.fixture(scope="module")
def module_path(tmp_path_factory):
    return tmp_path_factory.mktemp("full")


@pytest.fixture
def train(job_of, in_process):
    def run(out, target, *overrides, **options):
        job = job_of(out, f"train.target={target}", "train.lr=1e-3", *overrides, **options)
        run_job(job, warn=lambda check: None, launch=in_process)
        return job.run

    return run


@pytest.fixture(params=PART)
def target(request):
    return request.param


@pytest.fixture
def straight(module_path, target, train):
    """A run of four steps, made by the first test that asks for it."""
    return train(module_path / target, target, "train.steps=4", EMA)


def losses(run):
    return [row["loss"] for row in read_json_lines(run.events) if "loss" in row]


def stored(directory, name):
    """The tensors of one part of a checkpoint directory."""
    checkpoint = open_checkpoint(directory)
    files = checkpoint.paths(checkpoint.part(name))
    if files[0].suffix == ".pth":
        return torch.load(files[0], weights_only=True)
    return {key: tensor for file in files for key, tensor in load_file(file).items()}


def test_a_checkpoint_holds_every_weight_under_its_published_name(straight, target, tiny_wan):
    weights = load_file(straight.checkpoint(4) / FullWeights.FILE)
    base = stored(tiny_wan, PART[target])
    assert {name: tensor.shape for name, tensor in weights.items()} == {
        name: tensor.shape for name, tensor in base.items()
    }
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}
    assert all((weights[name] != base[name]).any() for name in base)


def test_final_is_a_checkpoint_with_the_averages_in_one_part(straight, target, tiny_wan):
    report = check(straight.final)
    assert report.ok, report
    new = stored(straight.final, PART[target])
    named = load_file(straight.checkpoint(4) / AVERAGE)
    averages = {name: next(t for key, t in named.items() if key.endswith(name)) for name in new}
    dtype = torch.bfloat16 if target == "full" else torch.float32
    assert all(torch.equal(tensor, averages[name].to(dtype)) for name, tensor in new.items())
    last = load_file(straight.checkpoint(4) / FullWeights.FILE)
    assert any((last[name].to(dtype) != tensor).any() for name, tensor in new.items())
    [other] = set(PART.values()) - {PART[target]}
    for name in (other, "text_encoder"):
        base, kept = stored(tiny_wan, name), stored(straight.final, name)
        assert all(torch.equal(kept[key], tensor) for key, tensor in base.items())


def test_final_says_that_no_seed_makes_it_again_and_how_it_was_made(straight, target):
    marker = json.loads((straight.final / MARKER).read_text())
    assert (marker["seed"], marker["run"]) == (None, straight.state()["id"])
    card = (straight.final / "README.md").read_text()
    assert f"a trained {PART[target]}" in card
    assert "decay 0.9 per step" in card


def test_stopped_and_continued_equals_straight(straight, target, train, tmp_path):
    train(tmp_path, target, "train.steps=4", EMA, max_steps=2)
    run = train(tmp_path, target, "train.steps=4", EMA)
    assert losses(run) == losses(straight)
    for name in (FullWeights.FILE, AVERAGE, "optimizer.safetensors"):
        ours, theirs = (load_file(one.checkpoint(4) / name) for one in (run, straight))
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_a_trained_vae_is_a_base_for_a_transformer(module_path, train, tmp_path):
    vae = train(module_path / "vae", "vae", "train.steps=4", EMA).final
    run = train(tmp_path, "full", "train.steps=1", model=vae)
    assert check(run.final).ok
    ours, theirs = stored(run.final, "vae"), stored(vae, "vae")
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_damaged_checkpoint_is_named(target, train, tmp_path):
    run = train(tmp_path, target, "train.steps=1")
    shutil.rmtree(run.final)
    file = run.checkpoint(1) / FullWeights.FILE
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(UnreadableError, match="step-000001"):
        train(tmp_path, target, "train.steps=1")


@pytest.fixture(scope="module")
def mini_wan(tmp_path_factory):
    from vtb.models.create import create

    directory = tmp_path_factory.mktemp("models") / "mini"
    create("wan2.2-ti2v-5b", "mini", 0, directory)
    return directory


def test_a_mini_model_begins_with_a_transformer_that_predicts_nothing(mini_wan):
    from vtb.models.wan.fast import WanForward
    from vtb.models.wan.load import load_pipeline

    assert sum(len(read_shapes([path])) for path in mini_wan.glob("*.safetensors")) > 100
    pipe = load_pipeline(mini_wan, parts=("dit", "vae"))
    forward = WanForward(pipe.dit, compile=False, num_checkpointed=0)
    latents, context = torch.randn(1, 48, 5, 6, 6), torch.randn(1, 512, 64)
    velocity = forward(latents, torch.tensor([500.0]), context, torch.tensor([True]))
    assert velocity.shape == latents.shape
    assert not velocity.any()
    video = torch.rand(1, 3, 17, 96, 96) * 2 - 1
    encoded = pipe.vae.model.encode(video, pipe.vae.scale)
    assert 0.1 < encoded.std() < 10
    assert 0.1 < pipe.vae.model.decode(encoded, pipe.vae.scale).std() < 10


@pytest.mark.slow
def test_both_targets_learn_from_nothing(mini_wan, mazes, train, tmp_path):
    """A reduced `benchmarks/micro_overfit.py`: 64 px, a third of the steps."""
    from vtb.models.wan.load import load_pipeline

    small = ("data.height=64", "data.width=64", "data.fit=pad")
    vae = train(
        tmp_path / "vae",
        "vae",
        *small,
        "train.steps=60",
        "train.lr=4e-3",
        # The scale of the latents settles last; ten times the weight shortens the wait.
        "vae.kl_weight=1e-2",
        recipe="video/wan2.2-ti2v-5b-micro-vae",
        model=mini_wan,
    )
    assert losses(vae)[-1] < losses(vae)[0] / 5
    wrapper = load_pipeline(vae.final, parts=("vae",)).vae
    base = train(
        tmp_path / "base",
        "full",
        *small,
        "train.steps=150",
        recipe="video/wan2.2-ti2v-5b-micro-base",
        model=vae.final,
    )
    assert sum(losses(base)[-10:]) < sum(losses(base)[:10]) / 2
    source = ClipSource(open_dataset(mazes), load(VideoRecipe, str(vae.recipe)).recipe.data)
    clips = [torch.from_numpy(source.read(number).frames) for number in range(3)]
    videos = [clip.permute(3, 0, 1, 2) / 127.5 - 1 for clip in clips]
    latents = wrapper.encode(videos, "cpu")
    assert abs(latents.mean()) < 0.2
    assert latents.std() == pytest.approx(1, abs=0.5)
