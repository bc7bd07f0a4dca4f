"""Which sample comes when: each epoch all of them, and no step with two shapes."""

from collections import Counter

import pytest
import torch

from vtb.train.loop.batching import by_shape, epoch_length
from vtb.train.loop.order import Order
from vtb.train.loop.randomness import generator

SMALL, LARGE = (64, 64), (96, 96)
SHAPES = [SMALL, LARGE, SMALL, SMALL, LARGE, SMALL, SMALL, LARGE, SMALL, SMALL, SMALL]


def numbers(order, epoch):
    count = order.num_samples
    return [order.number(counter) for counter in range(epoch * count, (epoch + 1) * count)]


def test_with_one_shape_an_epoch_is_a_permutation_that_goes_on_in_the_next():
    order = Order([SMALL] * 9, 2, seed=1)
    assert order.num_samples == 9
    for epoch in (0, 1, 5):
        expected = torch.randperm(9, generator=generator(1, "order", epoch)).tolist()
        assert numbers(order, epoch) == expected
    assert numbers(order, 0) != numbers(order, 1)


@pytest.mark.parametrize(("batch", "length"), [(1, 11), (2, 12), (4, 12), (8, 16)])
def test_a_batch_has_one_shape_and_is_filled_up(batch, length):
    order = Order(SHAPES, batch, seed=3)
    assert order.num_samples == length
    for epoch in range(4):
        found = numbers(order, epoch)
        batches = [found[start : start + batch] for start in range(0, length, batch)]
        for of_step in batches:
            assert len({SHAPES[number] for number in of_step}) == 1
        counts = Counter(found)
        assert set(counts) == set(range(11))
        for shape in (SMALL, LARGE):
            own = [number for number in found if SHAPES[number] == shape]
            size = SHAPES.count(shape)
            # What fills the last batch is what an epoch began with.
            times = [counts[number] for number in range(11) if SHAPES[number] == shape]
            assert sum(times) == -(-size // batch) * batch
            assert max(times) - min(times) <= 1
            if max(times) > min(times):
                repeated = {n for n in own if counts[n] == max(times)}
                assert any({*of_step} >= repeated for of_step in batches)


def test_epochs_differ_and_depend_on_the_seed_alone():
    order = Order(SHAPES, 2, seed=3)
    epochs = [numbers(order, epoch) for epoch in range(6)]
    assert len({tuple(epoch) for epoch in epochs}) == 6
    again = Order(SHAPES, 2, seed=3)
    assert [numbers(again, epoch) for epoch in reversed(range(6))] == epochs[::-1]
    assert numbers(Order(SHAPES, 2, seed=4), 0) != epochs[0]


def test_the_shapes_are_mixed_over_an_epoch():
    order = Order([SMALL] * 50 + [LARGE] * 50, 2, seed=0)
    first, second = ([order.shape(n) for n in range(s, s + 100, 2)] for s in (0, 100))
    assert 10 < first[:25].count(SMALL) < 16 and first not in (sorted(first), second)
    # Each shape is in an order of its own.
    found = numbers(order, 0)
    batches = [{n % 50 for n in found[at : at + 2]} for at in range(0, 100, 2)]
    small, large = (
        [b for b, s in zip(batches, first, strict=True) if s == x] for x in (SMALL, LARGE)
    )
    assert sum(batch in large for batch in small) < 5


def test_the_shape_is_that_of_the_sample():
    order = Order(SHAPES, 2, seed=3)
    assert [order.shape(counter) for counter in range(12)] == [
        SHAPES[number] for number in numbers(order, 0)
    ]


def test_groups_and_the_length_of_an_epoch():
    assert by_shape(SHAPES[:5]) == [[0, 2, 3], [1, 4]]
    assert by_shape([LARGE, SMALL]) == [[1], [0]]
    assert epoch_length([7], 4) == 7
    assert epoch_length([7, 4, 1], 4) == 16
