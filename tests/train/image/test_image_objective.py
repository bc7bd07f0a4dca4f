"""The objective of pictures against diffsynth's own, on a tiny Qwen-Image in float32."""

import pytest
import torch

from vtb.recipe.image import ImageTrainTable
from vtb.train.flow.schedule import NoiseSchedule
from vtb.train.image.batch import Draw, collate
from vtb.train.image.encoded import EncodedPicture

SCHEDULE = NoiseSchedule.exponential(0.8, weighting="bell")


@pytest.fixture(scope="module", params=["qwen-image", "qwen-image-edit-2511"])
def pipe(request, tiny_qwen_image):
    from vtb.models.lora.layers import inject_lora
    from vtb.models.qwen_image.load import load_pipeline

    pipe = load_pipeline(tiny_qwen_image[request.param], parts=("dit",))
    targets = ["to_q", "txt_mod.1"]
    layers = inject_lora(pipe.dit, rank=4, alpha=4, target_modules=targets, seed=0)
    for layer in layers.values():
        torch.nn.init.normal_(layer.lora_B, std=0.1, generator=torch.Generator().manual_seed(1))
    pipe.scheduler.set_timesteps(1000, training=True)
    pipe.zero_cond_t = request.param.endswith("2511")
    return pipe


def encoded(pipe, seed=2, tokens=5):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(shape, generator=generator)

    references = (draw(16, 4, 6),) if pipe.zero_cond_t else ()
    return EncodedPicture(draw(16, 4, 6), draw(tokens, pipe.dit.txt_in.in_features), references)


def objective(pipe, forward="fast"):
    from vtb.train.image.objective import QwenImageObjective

    return QwenImageObjective(
        pipe.dit,
        ImageTrainTable(forward=forward),
        zero_cond_t=pipe.zero_cond_t,
        num_recomputed=0,
        compile_blocks=False,
    )


def gradients(loss, pipe):
    trained = [parameter for parameter in pipe.dit.parameters() if parameter.requires_grad]
    return torch.autograd.grad(loss, trained, allow_unused=True)


def test_schedule_is_that_of_diffsynth(pipe):
    torch.testing.assert_close(SCHEDULE.sigmas, pipe.scheduler.sigmas)
    torch.testing.assert_close(SCHEDULE.timesteps, pipe.scheduler.timesteps)
    torch.testing.assert_close(SCHEDULE.weights, pipe.scheduler.linear_timesteps_weights)
    assert SCHEDULE.sigmas[-1].item() == pytest.approx(0.02)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("forward", ["fast", "reference"])
def test_loss_and_gradients_are_those_of_diffsynth(pipe, forward, seed, monkeypatch):
    from diffsynth.diffusion import FlowMatchSFTLoss

    torch.manual_seed(seed)
    index = int(torch.randint(0, 1000, (1,)))
    drawn = torch.randn((1, 16, 4, 6))
    monkeypatch.setattr("vtb.train.image.batch.normal", lambda keys, shape: drawn)
    picture = encoded(pipe)
    ours = objective(pipe, forward)(collate([(picture, Draw(0, index))], SCHEDULE))[0]

    given = {
        "input_latents": picture.latents[None],
        "prompt_emb": picture.prompt[None],
        "prompt_emb_mask": torch.ones(1, len(picture.prompt), dtype=torch.long),
        "height": 32,
        "width": 48,
    }
    if picture.references:
        references = [reference[None] for reference in picture.references]
        given |= {"edit_latents": references, "zero_cond_t": pipe.zero_cond_t}
    torch.manual_seed(seed)
    theirs = FlowMatchSFTLoss(pipe, **given)
    assert abs(ours.item() - theirs.item()) < 1e-5
    for a, b in zip(gradients(ours, pipe), gradients(theirs, pipe), strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_a_batch_is_its_samples(pipe):
    """Prompts of unequal length are padded, and the padding is not seen."""
    samples = [
        (encoded(pipe, seed, tokens), Draw(seed, 300 * seed))
        for seed, tokens in enumerate((5, 9, 7))
    ]
    together = objective(pipe)(collate(samples, SCHEDULE))
    alone = [objective(pipe)(collate([sample], SCHEDULE))[0] for sample in samples]
    torch.testing.assert_close(together, torch.stack(alone), rtol=1e-5, atol=1e-6)
