"""Noise as a function of its key."""

import math

import pytest
import torch

from vtb.train.loop.randomness import key_of, normal

SPLITMIX64_OF_1234567 = (  # the reference implementation's first outputs for that seed
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
)


def keys(count, purpose="noise"):
    return torch.tensor([key_of(7, purpose, counter) for counter in range(count)])


def test_values_are_made_of_the_bits_of_splitmix64():
    radii = [math.sqrt(-2 * math.log(((b >> 40) + 0.5) / 2**24)) for b in SPLITMIX64_OF_1234567]
    angles = [2 * math.pi * (b >> 8 & 0xFFFFFF) / 2**24 for b in SPLITMIX64_OF_1234567]
    pairs = [*zip(radii, angles, strict=True)]
    expected = [r * math.cos(a) for r, a in pairs] + [r * math.sin(a) for r, a in pairs]
    values = normal(torch.tensor([1234567]), (10,))[0]
    torch.testing.assert_close(values, torch.tensor(expected), rtol=1e-4, atol=1e-5)


def test_values_are_standard_normal():
    values = normal(keys(50), (4, 5000))
    flat = values.flatten()
    assert flat.mean().abs() < 0.005
    assert (flat.square().mean() - 1).abs() < 0.005
    assert (flat**4).mean().item() == pytest.approx(3, abs=0.05)
    normal_distribution = torch.distributions.Normal(0.0, 1.0)
    for value in (-2.5, -1.0, 0.3, 2.0):
        share = (flat < value).float().mean()
        assert (share - normal_distribution.cdf(torch.tensor(value))).abs() < 0.002


def test_values_have_nothing_to_do_with_each_other():
    values = normal(keys(50), (4, 5000)).flatten(1)
    half = values.shape[1] // 2
    assert (values[:-1] * values[1:]).mean().abs() < 0.005
    assert (values[:, :-1] * values[:, 1:]).mean().abs() < 0.005
    assert (values[:, :half] * values[:, half:]).mean().abs() < 0.005  # of one pair
    assert (values[:, :half].square() * values[:, half:].square()).mean() - 1 < 0.01


@pytest.mark.parametrize("shape", [(1,), (7,), (3, 5)])
def test_a_sample_is_a_function_of_its_key(shape):
    together = normal(keys(3), shape)
    assert together.shape == (3, *shape)
    for key, sample in zip(keys(3), together, strict=True):
        assert torch.equal(normal(key[None], shape)[0], sample)
    assert len({*together.flatten(1)[:, 0].tolist()}) == 3


def test_keys_differ_by_seed_purpose_and_counter():
    assert len({key_of(s, p, c) for s in (0, 1) for p in ("a", "b") for c in (0, 1)}) == 8


@pytest.mark.gpu
def test_a_gpu_gives_the_same_values():
    torch.testing.assert_close(normal(keys(3).cuda(), (999,)).cpu(), normal(keys(3), (999,)))
