"""Estimates against the H200 measurements in the specification, sections 5 and 10.1."""

from dataclasses import replace

import pytest

from vtb.train.launch.estimate import (
    TransformerShape,
    Workload,
    memory_gib,
    num_recomputed,
    seconds_per_sample,
    step_flops,
)

LAYERS, FROZEN, TRAINED = 30, 4_999_787_712, 80_609_280


def work(tokens, **changes):
    shape = TransformerShape(tokens, LAYERS, dim=3072, ffn_dim=14336)
    return Workload(shape, frozen_parameters=FROZEN, trained_parameters=TRAINED, **changes)


@pytest.mark.parametrize(
    ("tokens", "tflop", "recomputed_tflop"),
    [(2925, 66, 97), (8190, 240, 340), (27280, 1469, 1994)],
)
def test_flops(tokens, tflop, recomputed_tflop):
    assert step_flops(work(tokens), 0) / 1e12 == pytest.approx(tflop, rel=0.04)
    assert step_flops(work(tokens), LAYERS) / 1e12 == pytest.approx(recomputed_tflop, rel=0.04)


@pytest.mark.parametrize(
    ("tokens", "recomputed", "gib"),
    [
        (2925, 0, 22.8),
        (8190, 0, 45.2),
        (27280, 0, 126.9),
        (27280, 10, 90.4),
        (27280, LAYERS, 20.6),
    ],
)
def test_memory_of_the_compiled_forward(tokens, recomputed, gib):
    assert memory_gib(work(tokens), recomputed) == pytest.approx(gib, rel=0.1)


def test_memory_of_the_eager_forward():
    eager = work(8190, is_compiled=False)
    assert memory_gib(eager, 0) == pytest.approx(60.6, rel=0.1)


def test_what_makes_a_step_larger_and_smaller():
    one = memory_gib(work(8190), 0)
    halved = memory_gib(work(8190, frozen_bytes=1), 0)
    assert one - halved == pytest.approx(FROZEN / 2**30)
    activations = memory_gib(work(8190), 0) - memory_gib(work(0), 0)
    assert memory_gib(work(8190, micro_batch=3), 0) == pytest.approx(one + 2 * activations)


def test_as_few_blocks_are_recomputed_as_fit():
    large = work(27280)
    assert num_recomputed("auto", large, 140) == 0
    assert 0 < num_recomputed("auto", large, 100) < num_recomputed("auto", large, 80) < LAYERS
    fitting = num_recomputed("auto", large, 100)
    assert memory_gib(large, fitting) < 100 < 1.08 * memory_gib(large, fitting - 1)
    assert num_recomputed("auto", large, 5) == LAYERS


@pytest.mark.parametrize(("setting", "blocks"), [("none", 0), ("full", 30), (0.5, 15), (0.01, 1)])
def test_a_setting_wins_over_what_fits(setting, blocks):
    assert num_recomputed(setting, work(27280), 1000) == blocks


@pytest.mark.parametrize(
    ("tokens", "recomputed", "seconds"), [(8190, 0, 0.486), (8190, LAYERS, 0.667)]
)
def test_time(tokens, recomputed, seconds):
    assert seconds_per_sample(work(tokens), recomputed, "NVIDIA H200") == pytest.approx(
        seconds, rel=0.1
    )
    assert seconds_per_sample(work(tokens), recomputed, "Some other GPU") is None


def test_fp8_makes_linear_layers_faster_and_attention_not():
    def share(tokens):
        sides = (work(tokens), work(tokens, frozen_bytes=1))
        bf16, fp8 = (seconds_per_sample(side, 0, "NVIDIA H200") for side in sides)
        return fp8 / bf16

    assert share(8190) == pytest.approx(0.406 / 0.479, abs=0.01)
    assert share(2925) < share(8190) < share(27280) < 0.93
    assert step_flops(work(8190, frozen_bytes=1), 0) == step_flops(work(8190), 0)


def full(**changes):
    return replace(
        work(8190, **changes), frozen_parameters=0, trained_parameters=FROZEN, is_full=True
    )


def test_weights_that_are_trained_themselves():
    """Float32 weight, gradient and two moments, and what is computed with in bf16."""
    lora = work(8190)
    activations = memory_gib(lora, 0) - (2 * FROZEN + 16 * TRAINED) / 2**30
    assert memory_gib(full(), 0) == pytest.approx(activations + 18 * FROZEN / 2**30)
    averaged = memory_gib(full(is_averaged=True), 0) - memory_gib(full(), 0)
    assert averaged == pytest.approx(4 * FROZEN / 2**30)
    dropped = memory_gib(full(), 0) - memory_gib(full(), 10)
    assert dropped - (memory_gib(lora, 0) - memory_gib(lora, 10)) == pytest.approx(
        2 * FROZEN * 9 / LAYERS / 2**30
    )
    averaged = memory_gib(replace(lora, is_averaged=True), 0) - memory_gib(lora, 0)
    assert averaged == pytest.approx(4 * TRAINED / 2**30)


def test_trained_linear_layers_cost_three_forwards_and_frozen_ones_two():
    linear = 2 * 8190 * LAYERS * (6 * 3072**2 + 2 * 3072 * 14336) + 4 * 512 * LAYERS * 3072**2
    frozen = step_flops(work(8190), 0) / 1.02  # less the LoRA's own
    assert step_flops(full(), 0) - frozen == pytest.approx(linear)
    assert step_flops(full(), LAYERS) - step_flops(full(), 0) == pytest.approx(
        (step_flops(work(8190), LAYERS) - step_flops(work(8190), 0)) / 1.02
    )


def test_shape_is_what_decides():
    double = replace(work(2925), shape=TransformerShape(2925, 2 * LAYERS, 3072, 14336))
    assert step_flops(double, 0) == pytest.approx(2 * step_flops(work(2925), 0))
