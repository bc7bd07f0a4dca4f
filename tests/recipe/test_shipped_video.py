"""The shipped video recipes against the models they train."""

import pytest

from vtb.models.wan.variants import VARIANTS
from vtb.recipe.find import shipped
from vtb.recipe.load import load
from vtb.recipe.schema import VideoRecipe

NAMES = sorted(name for name in shipped() if name.startswith("video/wan2.2-"))


@pytest.mark.parametrize("name", NAMES)
def test_the_model_can_make_the_clips_and_has_the_experts(name):
    recipe = load(VideoRecipe, name).recipe
    variant = VARIANTS[recipe.model.family]
    variant.check_geometry(recipe.data.num_frames, recipe.data.height, recipe.data.width)
    assert name.startswith(f"video/{variant.family}-")
    assert recipe.model.expert == (None if variant.boundary is None else "both")
    assert recipe.lora.target_modules == variant.lora_targets


@pytest.mark.parametrize("family", ["wan2.2-ti2v-5b", "wan2.2-i2v-a14b"])
def test_the_published_hyperparameters_of_videothinkbench(family):
    recipe = load(VideoRecipe, f"video/{family}-vtb").recipe
    data, train = recipe.data, recipe.train
    assert (data.height, data.width, data.num_frames, data.fps) == (896, 480, 81, 16)
    assert (train.lr, train.epochs, train.batch, train.weight_decay) == (1e-4, 3, 120, 0.01)
    assert (train.warmup_steps, train.grad_clip, train.scheduler) == (0, 0, "constant")
    assert (train.loss_weighting, train.i2v_prob, train.shift) == ("bell", 1.0, 5.0)
    assert (recipe.lora.rank, recipe.lora.alpha, recipe.save.every) == (32, 32, 250)
