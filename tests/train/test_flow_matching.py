"""Our objective against diffsynth's own, on a tiny Wan in float32."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import pad

from vtb.train.flow.batch import Draw, collate
from vtb.train.flow.flow_matching import flow_matching_losses
from vtb.train.flow.schedule import NoiseSchedule
from vtb.train.latents.encoded import Encoded


@pytest.fixture(scope="module")
def pipe(tiny_wan):
    from vtb.models.lora.layers import inject_lora
    from vtb.models.wan.load import load_pipeline

    pipe = load_pipeline(tiny_wan, parts=["dit"])
    layers = inject_lora(pipe.dit, rank=4, alpha=4, target_modules=["q", "ffn.0"], seed=0)
    for layer in layers.values():
        torch.nn.init.normal_(layer.lora_B, std=0.1, generator=torch.Generator().manual_seed(1))
    pipe.scheduler.set_timesteps(1000, training=True)
    return pipe


def encoded(seed=2):
    generator = torch.Generator().manual_seed(seed)
    shapes = (48, 3, 4, 4), (7, 32), (48, 1, 4, 4)
    return Encoded(*(torch.randn(shape, generator=generator) for shape in shapes))


def batch_of(*draws, schedule):
    samples = [(encoded(seed), draw) for seed, draw in enumerate(draws)]
    return collate(samples, schedule)


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
@pytest.mark.parametrize("forward", ["fast", "reference"])
def test_loss_and_gradients_are_those_of_diffsynth(
    pipe, forward, seed, is_image_conditioned, monkeypatch
):
    from diffsynth.diffusion import FlowMatchSFTLoss

    from vtb.recipe.schema import VideoTrainTable
    from vtb.train.flow.objective import WanObjective

    torch.manual_seed(seed)
    index = int(torch.randint(0, 1000, (1,)))
    drawn = torch.randn((1, 48, 3, 4, 4))[0]
    schedule = NoiseSchedule.shifted(5.0, weighting="bell")
    monkeypatch.setattr("vtb.train.flow.batch.normal", lambda keys, shape: drawn[None])
    batch = batch_of(Draw(0, index, is_image_conditioned), schedule=schedule)
    train = VideoTrainTable(forward=forward)
    ours = WanObjective(pipe.dit, train, num_recomputed=0, compile_blocks=False)(batch)[0]

    whole = pad(batch.context, (0, 0, 0, 512 - batch.context.shape[1]))
    given = {"input_latents": batch.latents, "context": whole}
    if is_image_conditioned:
        given |= {
            "first_frame_latents": batch.first_frame,
            "fuse_vae_embedding_in_latents": True,
        }
    torch.manual_seed(seed)
    theirs = FlowMatchSFTLoss(pipe, **given)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
    for a, b in zip(gradients(ours, pipe), gradients(theirs, pipe), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_the_given_frame_is_not_part_of_the_loss(monkeypatch):
    schedule = NoiseSchedule.shifted(5.0, weighting="none")
    monkeypatch.setattr("vtb.train.flow.batch.normal", lambda keys, shape: torch.zeros(2, *shape))
    batch = batch_of(Draw(0, 500, True), Draw(0, 500, False), schedule=schedule)
    seen = {}

    def predict(latents, timesteps, context, is_image_conditioned, y):
        seen["first"] = latents[:, :, :1]
        wrong_in_first = -batch.latents.clone()
        wrong_in_first[:, :, 0] += 100
        return wrong_in_first

    conditioned, free = flow_matching_losses(predict, batch, torch.float32)
    assert conditioned.item() == 0
    assert free.item() > 1000
    assert torch.equal(seen["first"][0], batch.first_frame[0])
    assert not torch.equal(seen["first"][1], batch.first_frame[1])


def test_bfloat16_rounds_the_timestep_before_sigma():
    exact = NoiseSchedule.shifted(5.0, weighting="bell")
    rounded = NoiseSchedule.shifted(5.0, weighting="bell", dtype=torch.bfloat16)
    assert len(set(rounded.timesteps.tolist())) == 294  # as counted in diffsynth
    assert set(rounded.sigmas.tolist()) <= set(exact.sigmas.tolist())
    assert (rounded.timesteps - exact.timesteps).abs().max() <= 2
    assert len(set(exact.timesteps.tolist())) == 1000


@pytest.mark.parametrize(("boundary", "index"), [(0.875, 416), (0.9, 357)])
def test_experts_share_the_schedule_at_their_boundary(boundary, index):
    make = NoiseSchedule.shifted
    high = make(5.0, weighting="bell_per_expert", sigma_range=(boundary, 1.0))
    low = make(5.0, weighting="bell_per_expert", sigma_range=(0.0, boundary))
    assert (high.first, high.stop, low.first, low.stop) == (0, index, index, 1000)
    assert high.sigmas[index - 1] >= boundary > low.sigmas[index + 1]
    for expert in (high, low):
        assert expert.weights[expert.first : expert.stop].mean().item() == pytest.approx(1)


def test_a_batch_is_its_samples():
    schedule = NoiseSchedule.shifted(5.0, weighting="bell")
    draws = [Draw(0, 10, True), Draw(1, 990, False)]
    batch = batch_of(*draws, schedule=schedule)
    assert batch.groups.tolist() == [3, 0]
    assert torch.equal(batch.context[1, :7], encoded(1).context)
    assert not batch.context[:, 7:].any()


def test_samples_share_a_prompt_and_each_finds_its_own():
    schedule = NoiseSchedule.shifted(5.0, weighting="bell")
    own = [encoded(seed) for seed in (2, 3, 2)]
    shared = [own[0], own[1], replace(own[2], context=own[0].context)]
    samples = [[(one, Draw(0, 10, True)) for one in ones] for ones in (own, shared)]
    apart, together = (collate(some, schedule) for some in samples)
    assert (len(apart.prompts), len(together.prompts)) == (3, 2)
    assert torch.equal(together.context, apart.context)
    assert not torch.equal(together.context[0], together.context[1])


def test_the_image_condition_gets_its_mask():
    condition = torch.full((16, 3, 4, 4), 7.0)
    sample = Encoded(torch.zeros(16, 3, 4, 4), torch.zeros(2, 8), image_condition=condition)
    schedule = NoiseSchedule.shifted(5.0, weighting="none")
    draw = Draw(0, 0, False)
    y = collate([(sample, draw)], schedule).image_condition
    assert y.shape == (1, 20, 3, 4, 4)
    assert y[0, :4, 0].eq(1).all()
    assert y[0, :4, 1:].eq(0).all()
    assert torch.equal(y[0, 4:], condition)
