"""Averaged weights against a loop in plain numbers."""

import pytest
import torch

from vtb.train.loop.ema import Average


def test_averages_follow_the_formula():
    weights = [torch.tensor([1.0, 2.0]), torch.tensor(3.0)]
    average = Average(weights, 0.5)
    expected = [weight.clone() for weight in weights]
    for step in range(1, 30):
        for weight in weights:
            weight += 0.1 * step
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = [decay * e + (1 - decay) * w for e, w in zip(expected, weights, strict=True)]
    for found, wanted in zip(average.tensors, expected, strict=True):
        assert torch.allclose(found, wanted, rtol=1e-5)


def test_early_averages_are_near_the_weights():
    weight = torch.zeros(1)
    average = Average([weight], 0.999)
    weight += 1
    average.update(1)
    assert average.tensors[0].item() == pytest.approx(1 - 2 / 11)


def test_parameters_hold_the_averages_inside_the_block_only():
    parameter = torch.nn.Parameter(torch.zeros(2))
    address = parameter.data_ptr()
    average = Average([parameter], 0.5)
    parameter.data.fill_(1.0)
    average.update(100)
    with average.in_place():
        assert parameter.tolist() == [0.5, 0.5]
        assert not torch.is_grad_enabled()
    assert parameter.tolist() == [1.0, 1.0] and average.tensors[0].tolist() == [0.5, 0.5]
    assert parameter.data_ptr() == address and parameter.requires_grad
    with pytest.raises(KeyError), average.in_place():
        raise KeyError
    assert parameter.tolist() == [1.0, 1.0] and average.tensors[0].tolist() == [0.5, 0.5]


def test_the_average_does_not_share_memory_with_the_weights():
    weight = torch.zeros(1)
    average = Average([weight], 0.9)
    weight += 1
    assert average.tensors[0].item() == 0


def test_without_decay_there_are_none():
    parameter = torch.nn.Parameter(torch.ones(1))
    average = Average([parameter], 0.0)
    average.update(1)
    assert average.tensors == []
    with average.in_place():
        assert parameter.item() == 1


def test_updating_leaves_no_graph():
    parameter = torch.nn.Parameter(torch.ones(1))
    average = Average([parameter], 0.9)
    average.update(1)
    assert not average.tensors[0].requires_grad and average.tensors[0].grad_fn is None
