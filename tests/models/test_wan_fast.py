"""The fast forward of Wan against diffsynth's, on small random transformers in float32."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffsynth")

CASES = {
    "given": ("TI2V", (True,)),
    "not given": ("TI2V", (False,)),
    "mixed": ("TI2V", (True, False, True)),
    "i2v": ("I2V", (False, False)),
}


@pytest.mark.parametrize("kind, given", CASES.values(), ids=CASES)
def test_equals_diffsynth(small_wan, kind, given):
    dit = small_wan.transformer(kind)
    arguments = small_wan.inputs(kind, given)
    ours = small_wan.run(small_wan.fast(dit), arguments)
    theirs = small_wan.run(small_wan.reference(dit), arguments)
    assert ours.velocity.shape == arguments[0].shape
    small_wan.assert_equal(ours, theirs)


def test_equals_diffsynth_in_full_training(small_wan):
    dit = small_wan.transformer("TI2V", lora=False)
    arguments = small_wan.inputs()
    ours = small_wan.run(small_wan.fast(dit), arguments)
    theirs = small_wan.run(small_wan.reference(dit), arguments)
    assert len(ours.gradients) == sum(1 for _ in dit.parameters())
    small_wan.assert_equal(ours, theirs)


def test_one_latent_frame(small_wan):
    dit = small_wan.transformer()
    arguments = small_wan.inputs("TI2V", grid=(1, 4, 6))
    ours = small_wan.run(small_wan.fast(dit), arguments)
    small_wan.assert_equal(ours, small_wan.run(small_wan.reference(dit), arguments))


def test_batch_is_its_samples_one_by_one(small_wan):
    model = small_wan.fast(small_wan.transformer())
    arguments = small_wan.inputs()
    with torch.no_grad():
        alone = torch.cat([model(*small_wan.one(arguments, i)) for i in range(3)])
        assert small_wan.relative(model(*arguments), alone) < 1e-6


@pytest.mark.parametrize("kind, given", [("TI2V", (True, False)), ("I2V", (False, False))])
def test_bfloat16_is_close_to_diffsynth_in_bfloat16(small_wan, kind, given):
    dit = small_wan.transformer(kind, dtype=torch.bfloat16)
    arguments = small_wan.inputs(kind, given, dtype=torch.bfloat16)
    ours = small_wan.run(small_wan.fast(dit), arguments)
    theirs = small_wan.run(small_wan.reference(dit), arguments)
    assert ours.velocity.dtype == torch.bfloat16
    assert small_wan.relative(ours.velocity.float(), theirs.velocity.float()) < 0.02


@pytest.mark.parametrize("num_checkpointed", [1, 3])
def test_recomputed_blocks_change_nothing(small_wan, num_checkpointed):
    dit = small_wan.transformer()
    arguments = small_wan.inputs()
    plain = small_wan.run(small_wan.fast(dit), arguments)
    recomputed = small_wan.run(small_wan.fast(dit, num_checkpointed=num_checkpointed), arguments)
    small_wan.assert_equal(recomputed, plain, value=1e-7, gradient=1e-6)


def test_recomputed_blocks_keep_little_for_the_backward_pass(small_wan):
    dit = small_wan.transformer()
    arguments = small_wan.inputs()

    def kept(num_checkpointed):
        sizes = []

        def pack(tensor):
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            small_wan.fast(dit, num_checkpointed=num_checkpointed)(*arguments)
        return sum(sizes)

    none, some, every = (kept(number) for number in (0, 2, 3))
    assert every < 0.2 * none
    assert abs((some - every) - (none - every) / 3) < 0.01 * none


def test_checkpoints_more_until_all_are(small_wan):
    model = small_wan.fast(small_wan.transformer(), num_checkpointed=1)
    assert [model.checkpoint_more() for _ in range(3)] == [True, True, False]
    assert model.num_checkpointed == 3


def test_computes_modulation_for_two_rows_only(small_wan):
    dit = small_wan.transformer()
    seen = []
    dit.time_projection.register_forward_hook(lambda _m, _i, output: seen.append(output.shape))
    small_wan.fast(dit)(*small_wan.inputs())
    assert seen == [(3, 2, 6 * 48)]


def test_uses_the_weights_in_place(small_wan):
    dit = small_wan.transformer()
    model = small_wan.fast(dit)
    arguments = small_wan.inputs()
    before = model(*arguments)
    dit.blocks[1].self_attn.q.lora_B.data.add_(1)
    assert small_wan.relative(model(*arguments), before) > 1e-3
    assert {id(p) for p in model.parameters()} == {id(p) for p in dit.parameters()}
