"""Whole runs of the tiny Qwen-Image in this process, and one in a child process."""

import shutil

import pytest
from safetensors import safe_open

from vtb.core.errors import ConflictError, UsageError
from vtb.core.files import read_json_lines
from vtb.recipe.find import shipped
from vtb.recipe.image import ImageRecipe
from vtb.recipe.load import load
from vtb.run.launch import Ending
from vtb.train.image.job import open_job
from vtb.train.image.plan import plan_image
from vtb.train.image.run import run_image_job
from vtb.train.launch.child import ChildArguments
from vtb.train.launch.job import Machines

TINY = "image/qwen-image-edit-2511-tiny"


@pytest.fixture
def job_of(tiny_qwen_image, puzzles):
    """Opens a job of the tiny recipe, a few steps long unless overridden."""

    def open_(out, *overrides, family="qwen-image-edit-2511", max_steps=None):
        values = [f"model.family={family}", "train.steps=4", "save.every=100", *overrides]
        return open_job(
            TINY,
            values,
            data=puzzles,
            model=tiny_qwen_image[family],
            out=out,
            machines=Machines(num_gpus=0),
            max_steps=max_steps,
        )

    return open_


@pytest.fixture
def train():
    """Runs a job in this process."""

    def launch(plan, log, watch):
        from vtb.train.image.main import train
        from vtb.train.loop.stopping import StopRequest

        assert train(ChildArguments.parse(plan.argv[3:]), StopRequest())
        watch()
        return Ending()

    def run(job, **options):
        return run_image_job(job, warn=lambda check: None, launch=launch, **options)

    return run


def losses(out):
    return [(row["step"], row["loss"]) for row in read_json_lines(out / "events.jsonl")]


def final(out):
    from safetensors.torch import load_file

    return load_file(out / "final" / "lora.safetensors")


@pytest.mark.parametrize(
    "family", ["qwen-image", "qwen-image-edit", "qwen-image-edit-2509", "qwen-image-edit-2511"]
)
def test_every_family_is_trained(family, tmp_path, job_of, train):
    import torch

    outcome = train(job_of(tmp_path, family=family))
    assert (outcome.steps, len(losses(tmp_path))) == (4, 4)
    assert all(torch.isfinite(tensor).all() for tensor in final(tmp_path).values())
    ups = {name: tensor for name, tensor in final(tmp_path).items() if "lora_B" in name}
    # The prompt's tokens after the last block are not read.
    idle = {name for name, tensor in ups.items() if not tensor.any()}
    assert all(".txt_mlp." in name or "add_" in name for name in idle) and len(idle) < len(ups) / 4
    with safe_open(tmp_path / "final" / "lora.safetensors", "pt") as file:
        metadata = file.metadata()
    assert metadata["base_family"] == family
    assert metadata["edit_image_auto_resize"] == "False"


def test_stopped_and_continued_equals_straight(tmp_path, job_of, train):
    import torch

    train(job_of(tmp_path / "straight"))
    train(job_of(tmp_path / "halves", max_steps=2))
    outcome = train(job_of(tmp_path / "halves"))
    assert outcome.resumed_from == 2
    assert losses(tmp_path / "halves") == losses(tmp_path / "straight")
    found, expected = final(tmp_path / "halves"), final(tmp_path / "straight")
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert not train(job_of(tmp_path / "halves")).is_new
    with pytest.raises(ConflictError) as caught:
        train(job_of(tmp_path / "halves", "train.lr=0.5"))
    assert caught.value.fact == "train.lr is 0.01 there, 0.5 now"


def test_goes_on_from_a_lora(tmp_path, job_of, train):
    import torch

    train(job_of(tmp_path / "first"))
    start = tmp_path / "first" / "final" / "lora.safetensors"
    train(job_of(tmp_path / "second", f"lora.init_from={start}", "train.lr=1e-12"))
    begun, ended = final(tmp_path / "first"), final(tmp_path / "second")
    assert all(torch.equal(begun[name], ended[name]) for name in begun)
    plan = plan_image(job_of(tmp_path / "third", f"lora.init_from={start}", "lora.rank=2"))
    assert [(check.name, check.hint) for check in plan.errors] == [("init_from", "-s lora.rank=4")]


def test_plan(tmp_path, job_of):
    job = job_of(tmp_path / "run", "train.steps=0", "train.epochs=3")
    plan = plan_image(job)
    assert plan.errors == ()
    assert plan.argv[1:4] == ("-m", "vtb.train.image", str(tmp_path / "run"))
    assert (plan.estimates.samples, plan.estimates.steps) == (4, 6)
    assert plan.estimates.tokens == 2 * 10 * 10
    assert plan.estimates.trainable_parameters > 0
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("override", "name", "hint"),
    [
        ('lora.target_modules=["qkv"]', "target_modules", "to_q"),
        ("train.batch=3", "batch", "-s train.batch=2"),
    ],
)
def test_findings(tmp_path, job_of, override, name, hint):
    found = {check.name: check for check in plan_image(job_of(tmp_path, override)).errors}
    assert hint in found[name].hint


def test_another_family_than_the_recipes_is_refused(tmp_path, puzzles, tiny_qwen_image):
    with pytest.raises(UsageError, match="the recipe trains `qwen-image-edit-2511`"):
        open_job(
            TINY,
            [],
            data=puzzles,
            model=tiny_qwen_image["qwen-image"],
            out=tmp_path,
            machines=Machines(num_gpus=0),
        )


@pytest.mark.slow
def test_the_loss_of_one_sample_falls(tmp_path, job_of, train):
    """On average over noise: the tiny model learns the picture that it is shown again and again."""
    train(job_of(tmp_path, "train.steps=150", "train.batch=4", "train.micro_batch=4"))
    found = [loss for _, loss in losses(tmp_path)]
    assert sum(found[-40:]) < 0.9 * sum(found[:40])


@pytest.mark.slow
def test_a_child_process_trains_and_the_file_loads_in_diffusers(tmp_path, job_of, tiny_qwen_image):
    from diffusers import QwenImageTransformer2DModel

    formats = 'save.formats=["comfyui", "diffusers", "diffsynth"]'
    run_image_job(job_of(tmp_path, formats), warn=lambda check: None)
    directory = tiny_qwen_image["qwen-image-edit-2511"] / "transformer"
    transformer = QwenImageTransformer2DModel.from_pretrained(directory)
    file = tmp_path / "final" / "pytorch_lora_weights.safetensors"
    transformer.load_lora_adapter(str(file), prefix="transformer")
    layers = {name for name, _ in transformer.named_modules() if name.endswith("lora_A.default_0")}
    assert len(layers) == len(final(tmp_path)) // 3
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("name", sorted(name for name in shipped() if name.startswith("image/")))
def test_shipped_recipes_have_sound_plans(name, tmp_path, puzzles, tiny_qwen_image):
    family = load(ImageRecipe, name).recipe.model.family
    model, machines = tiny_qwen_image[family], Machines(num_gpus=0)
    job = open_job(name, [], data=puzzles, model=model, out=tmp_path, machines=machines)
    assert plan_image(job).errors == ()
