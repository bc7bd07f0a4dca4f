"""Linear layers with fp8 weights, on the CPU; speed and GPU kernels are benchmarks' matter."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffsynth")

from vtb.core.errors import MissingEnvironmentError  # noqa: E402
from vtb.models.wan.fast import fp8  # noqa: E402

SCALED_LINEARS = len(fp8.LINEARS)


@pytest.fixture
def multiplication(monkeypatch):
    """Stands in for the tensor cores: multiplies what the fp8 numbers and scales stand for."""

    def scaled_mm(a, b, scale_a, scale_b, *, out_dtype, use_fast_accum):
        assert a.dtype == b.dtype == torch.float8_e4m3fn
        assert a.is_contiguous() and b.t().is_contiguous(), "fp8 needs rows times columns"
        assert scale_a.shape == (a.shape[0], 1) and scale_b.shape == (1, b.shape[1])
        assert scale_a.is_contiguous() and scale_b.is_contiguous()
        return ((a.float() * scale_a) @ (b.float() * scale_b)).to(out_dtype)

    monkeypatch.setattr(torch, "_scaled_mm", scaled_mm)


@pytest.fixture
def on_any_device(monkeypatch):
    monkeypatch.setattr(fp8, "require_fp8", lambda device: None)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def layer(weight):
    linear = torch.nn.Linear(weight.shape[1], weight.shape[0])
    linear.weight.data.copy_(weight)
    return linear, fp8.Fp8Linear(linear)


def test_rows_use_the_whole_range_and_keep_three_bits():
    x = random(6, 64) * torch.tensor([[1e-6], [1e-2], [1.0], [50.0], [1e5], [0.0]])
    values, scale = fp8.quantize_rows(x)
    restored = values.float() * scale
    assert values.float()[:5].abs().amax(dim=1).tolist() == [448.0] * 5
    assert torch.all(restored[5] == 0)
    smallest_normal = 2.0**-6 * scale
    error = (restored - x).abs()
    assert torch.all(error <= torch.maximum(x.abs(), smallest_normal) / 16 * 1.001)


def test_product_and_gradient_are_those_of_the_stored_weights(multiplication):
    rows = torch.logspace(-2, 2, 48)[:, None]  # output features of very different size
    linear, scaled = layer(random(48, 64) * rows)
    stored = scaled.weight.float() * scaled.scale.t()
    x = random(5, 7, 64, seed=1).requires_grad_()
    output = scaled(x)
    exact = x @ stored.t() + linear.bias
    assert (output - exact).norm() < 0.03 * exact.norm()
    weights = random(5, 7, 48, seed=2) / rows.squeeze() * torch.logspace(-3, 3, 5)[:, None, None]
    (output * weights).sum().backward()
    expected = weights @ stored
    error = (x.grad - expected).norm(dim=-1) / expected.norm(dim=-1)
    assert error.max() < 0.05
    assert scaled.weight.grad is None and scaled.scale.grad is None


def test_cpu_kernel_agrees_with_the_stand_in(request):
    _, scaled = layer(random(48, 64))
    x = random(9, 64, seed=1)
    by_torch = scaled(x)
    request.getfixturevalue("multiplication")
    assert torch.allclose(scaled(x), by_torch, atol=1e-4)


def test_only_inner_blocks_are_quantised_and_everything_is_counted(small_wan, on_any_device):
    dit = small_wan.transformer(num_layers=4)
    frozen = sum(p.numel() for p in dit.parameters() if not p.requires_grad)
    trained = {n: p for n, p in dit.named_parameters() if p.requires_grad}
    fp8.quantize_base(dit)
    for number, block in enumerate(dit.blocks):
        found = sum(isinstance(module, fp8.Fp8Linear) for module in block.modules())
        assert found == (SCALED_LINEARS if number in (1, 2) else 0)
    scales = sum(p.numel() for n, p in dit.named_parameters() if n.endswith("scale"))
    assert sum(p.numel() for p in dit.parameters() if not p.requires_grad) == frozen + scales
    assert {n: p for n, p in dit.named_parameters() if p.requires_grad} == trained
    assert dit.head.head.weight.dtype == torch.float32


def test_transformer_and_its_lora_gradients_stay_close(small_wan, on_any_device, multiplication):
    dit = small_wan.transformer()
    arguments = small_wan.inputs()
    exact = small_wan.run(small_wan.fast(dit), arguments)
    fp8.quantize_base(dit)
    ours = small_wan.run(small_wan.fast(dit, num_checkpointed=2), arguments)
    assert 1e-4 < small_wan.relative(ours.velocity, exact.velocity) < 0.05
    assert ours.gradients.keys() == exact.gradients.keys()
    errors = [small_wan.relative(ours.gradients[n], exact.gradients[n]) for n in exact.gradients]
    assert max(errors) < 0.3


def test_works_without_lora(small_wan, on_any_device, multiplication):
    dit = small_wan.transformer(lora=False).requires_grad_(False)
    arguments = small_wan.inputs()
    exact = small_wan.fast(dit)(*arguments)
    fp8.quantize_base(dit)
    assert 1e-4 < small_wan.relative(small_wan.fast(dit)(*arguments), exact) < 0.05


@pytest.mark.parametrize("backend", ["eager", pytest.param("aot_eager", marks=pytest.mark.slow)])
def test_compiles_with_one_graph_per_precision(small_wan, on_any_device, multiplication, backend):
    from torch._dynamo.testing import CompileCounterWithBackend

    from vtb.models.wan.fast.block import block

    dit = small_wan.transformer(num_layers=4)
    fp8.quantize_base(dit)
    arguments = small_wan.inputs()
    model = small_wan.fast(dit, num_checkpointed=2)
    uncompiled = small_wan.run(model, arguments)
    torch._dynamo.reset()
    counter = CompileCounterWithBackend(backend)
    model._block = torch.compile(block, backend=counter, dynamic=False, fullgraph=True)
    small_wan.assert_equal(small_wan.run(model, arguments), uncompiled)
    assert counter.frame_count == 2
    torch._dynamo.reset()


def test_needs_a_gpu(small_wan):
    with pytest.raises(MissingEnvironmentError, match="GPU") as error:
        fp8.quantize_base(small_wan.transformer())
    assert "bf16" in error.value.hint


@pytest.mark.parametrize("capability, is_enough", [((8, 0), False), ((8, 9), True), ((9, 0), True)])
def test_needs_capability_8_9(monkeypatch, capability, is_enough):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
    if is_enough:
        fp8.require_fp8(torch.device("cuda"))
        return
    with pytest.raises(MissingEnvironmentError, match=r"has 8\.0"):
        fp8.require_fp8(torch.device("cuda"))
