"""Short padding against all 512 tokens."""

import pytest
import torch
from torch.nn.functional import pad

from vtb.models.wan.context import padded, padding_bias


@pytest.fixture(scope="module")
def dit(tiny_wan):
    from vtb.models.wan.load import load_pipeline

    return load_pipeline(tiny_wan, parts=["dit"]).dit


def contexts(*lengths):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(length, 32, generator=generator) for length in lengths]


@pytest.mark.parametrize(
    ("lengths", "length"),
    [
        ((5,), 32),
        ((62,), 64),
        ((63,), 96),
        ((3, 200), 224),
        ((446,), 448),
        ((447,), 480),
        ((479,), 512),
        ((512, 1), 512),
    ],
)
def test_a_batch_is_as_long_as_needed(lengths, length):
    tokens = contexts(*lengths)
    batch = padded(tokens)
    assert batch.shape == (len(lengths), length, 32)
    for row, own in zip(batch, tokens, strict=True):
        assert torch.equal(row[: len(own)], own)
        assert not row[len(own) :].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("length", range(32, 512, 32))
def test_the_tokens_of_a_batch_count_as_512(length, dtype):
    bias = padding_bias(length, dtype)
    assert bias.dtype == dtype
    assert not bias[:-2].any()
    assert bias.double().exp().sum().item() == pytest.approx(512, rel=1e-3)
    assert padding_bias(512, dtype) is None


@pytest.mark.parametrize("lengths", [(7,), (7, 60), (120,), (400, 3)])
def test_the_velocity_and_gradients_are_those_of_all_512_tokens(dit, lengths):
    from vtb.models.wan.fast import WanForward

    generator = torch.Generator().manual_seed(1)
    count = len(lengths)
    latents = torch.randn(count, 48, 3, 4, 4, generator=generator)
    timesteps, is_given = torch.full((count,), 700.0), torch.zeros(count, dtype=torch.bool)
    forward = WanForward(dit, compile=False, num_checkpointed=0)
    dit.requires_grad_(True)

    def velocity_and_slopes(context):
        velocity = forward(latents, timesteps, context, is_given)
        slopes = torch.autograd.grad(velocity.square().mean(), [*dit.blocks.parameters()])
        return velocity, *slopes

    short = padded(contexts(*lengths))
    whole = pad(short, (0, 0, 0, 512 - short.shape[1]))
    for ours, theirs in zip(velocity_and_slopes(short), velocity_and_slopes(whole), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_diffsynths_own_forward_gets_all_512_tokens(dit):
    from vtb.models.wan.fast import WanForward
    from vtb.models.wan.reference import ReferenceForward

    latents = torch.randn(1, 48, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    arguments = (latents, torch.tensor([700.0]), padded(contexts(7)), torch.tensor([False]))
    ours = WanForward(dit, compile=False, num_checkpointed=0)(*arguments)
    theirs = ReferenceForward(dit, recompute=False)(*arguments)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
