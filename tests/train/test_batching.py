"""Dealing the samples of a step: the same ones, in the same order, for any number of devices."""

import pytest

from vtb.core.errors import UsageError
from vtb.recipe.schema import TrainTable
from vtb.train.loop.batching import Batching


def dealt(batch, micro_batch, world, step=3):
    batching = Batching.of(TrainTable(batch=batch, micro_batch=micro_batch), world)
    return [list(batching.rounds(step, rank)) for rank in range(world)]


@pytest.mark.parametrize(
    ("micro_batch", "world"), [(1, 1), (3, 1), (1, 4), (2, 3), (12, 1), (1, 12)]
)
def test_every_sample_of_a_step_is_seen_once(micro_batch, world):
    shares = dealt(12, micro_batch, world)
    seen = [counter for share in shares for round_ in share for counter in round_]
    assert sorted(seen) == list(range(36, 48))
    assert {len(round_) for share in shares for round_ in share} == {micro_batch}
    assert {len(share) for share in shares} == {12 // micro_batch // world}


def test_rounds_of_all_devices_follow_the_order_of_samples():
    assert dealt(8, 2, 2, step=0) == [[range(2), range(4, 6)], [range(2, 4), range(6, 8)]]


def test_all_samples_of_a_step():
    batching = Batching.of(TrainTable(batch=6, micro_batch=3), 2)
    assert (batching.accum, batching.samples(2)) == (1, range(12, 18))


@pytest.mark.parametrize(
    ("batch", "micro_batch", "world", "hint"),
    [
        (8, 3, 1, "-s train.batch=6, or -s train.micro_batch=1"),
        (1, 1, 4, "-s train.batch=4"),
        (10, 2, 4, "-s train.batch=8, or -s train.micro_batch=1"),
    ],
)
def test_a_batch_that_cannot_be_shared(batch, micro_batch, world, hint):
    with pytest.raises(UsageError) as caught:
        Batching.of(TrainTable(batch=batch, micro_batch=micro_batch), world)
    assert caught.value.fact == f"it must be a multiple of {micro_batch * world}"
    assert caught.value.hint == hint
