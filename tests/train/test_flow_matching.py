"""Our objective against diffsynth's own, on a tiny Wan in float32."""

import pytest
import torch

from vtb.train.flow_matching import Conditions, NoiseSchedule, NoisySample, flow_matching_loss


@pytest.fixture(scope="module")
def pipe(tiny_wan):
    from vtb.models.wan.load import load_pipeline
    from vtb.models.wan.lora import inject_lora

    pipe = load_pipeline(tiny_wan, parts=["dit"])
    layers = inject_lora(pipe.dit, rank=4, alpha=4, target_modules=["q", "ffn.0"], seed=0)
    for layer in layers.values():
        torch.nn.init.normal_(layer.lora_B, std=0.1, generator=torch.Generator().manual_seed(1))
    pipe.scheduler.set_timesteps(1000, training=True)
    return pipe


@pytest.fixture(scope="module")
def conditions():
    generator = torch.Generator().manual_seed(2)
    shapes = (1, 48, 3, 4, 4), (1, 512, 32), (1, 48, 1, 4, 4)
    return Conditions(*(torch.randn(shape, generator=generator) for shape in shapes))


def predictor(pipe):
    def predict(latents, timestep, context, is_image_conditioned):
        return pipe.model_fn(
            dit=pipe.dit,
            latents=latents,
            timestep=timestep,
            context=context,
            fuse_vae_embedding_in_latents=is_image_conditioned,
        )

    return predict


def gradients(loss, pipe):
    return torch.autograd.grad(loss, [p for p in pipe.dit.parameters() if p.requires_grad])


def test_schedule_is_that_of_diffsynth(pipe):
    schedule = NoiseSchedule.shifted(5.0, weighting="bell")
    assert torch.equal(schedule.sigmas, pipe.scheduler.sigmas)
    assert torch.equal(schedule.timesteps, pipe.scheduler.timesteps)
    torch.testing.assert_close(schedule.weights, pipe.scheduler.linear_timesteps_weights)
    assert schedule.weights.mean().item() == pytest.approx(1)
    assert NoiseSchedule.shifted(5.0, weighting="none").weights.unique().tolist() == [1]


@pytest.mark.parametrize("is_image_conditioned", [True, False])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_loss_and_gradients_are_those_of_diffsynth(pipe, conditions, seed, is_image_conditioned):
    from diffsynth.diffusion import FlowMatchSFTLoss

    given = {"input_latents": conditions.latents, "context": conditions.context}
    if is_image_conditioned:
        given |= {
            "first_frame_latents": conditions.first_frame_latents,
            "fuse_vae_embedding_in_latents": True,
        }
    torch.manual_seed(seed)
    theirs = FlowMatchSFTLoss(pipe, **given)
    torch.manual_seed(seed)
    index = int(torch.randint(0, 1000, (1,)))
    noise = torch.randn_like(conditions.latents)
    sample = NoisySample(conditions, noise, index, is_image_conditioned)
    ours = flow_matching_loss(predictor(pipe), sample, NoiseSchedule.shifted(5.0, weighting="bell"))
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
    for a, b in zip(gradients(ours, pipe), gradients(theirs, pipe), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_the_given_frame_is_not_part_of_the_loss(conditions):
    noise = torch.zeros_like(conditions.latents)
    seen = {}

    def predict(latents, timestep, context, is_image_conditioned):
        seen["first"] = latents[:, :, :1]
        wrong_in_first = -conditions.latents.clone()
        wrong_in_first[:, :, 0] += 100
        return wrong_in_first

    schedule = NoiseSchedule.shifted(5.0, weighting="none")
    conditioned = NoisySample(conditions, noise, 500, is_image_conditioned=True)
    assert flow_matching_loss(predict, conditioned, schedule).item() == 0
    assert torch.equal(seen["first"], conditions.first_frame_latents)
    free = NoisySample(conditions, noise, 500, is_image_conditioned=False)
    assert flow_matching_loss(predict, free, schedule).item() > 1000


def test_bfloat16_rounds_the_timestep_before_sigma():
    schedule = NoiseSchedule.shifted(5.0, weighting="bell")
    timesteps = {schedule.rounded(i, torch.bfloat16)[0].item() for i in range(1000)}
    assert len(timesteps) == 294  # as counted in diffsynth
    assert [schedule.rounded(i, torch.float32)[1] for i in range(0, 1000, 99)] == list(
        range(0, 1000, 99)
    )
