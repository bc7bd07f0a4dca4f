"""The compiled blocks of the fast forward: one graph for all, equal to the uncompiled ones."""

import functools
import logging
import shutil

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffsynth")

# The first traces by dynamo only, the second the backward pass too.
BACKENDS = ["eager", pytest.param("aot_eager", marks=pytest.mark.slow)]


@pytest.fixture
def compiler(monkeypatch):
    """A function that sets the backend of torch.compile; counts are reset, settings restored."""
    from torch._dynamo.utils import counters

    torch._dynamo.reset()
    counters.clear()
    compile = torch.compile
    with (
        torch._dynamo.config.patch(recompile_limit=8),
        torch._functorch.config.patch(force_non_lazy_backward_lowering=False),
    ):
        yield lambda backend: monkeypatch.setattr(
            torch, "compile", functools.partial(compile, backend=backend)
        )
    torch._dynamo.reset()


def num_graphs():
    from torch._dynamo.utils import counters

    return counters["stats"]["unique_graphs"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("num_blocks", [2, 4])
def test_all_blocks_share_one_graph(small_wan, compiler, num_blocks, backend):
    compiler(backend)
    dit = small_wan.transformer(num_layers=num_blocks)
    arguments = small_wan.inputs()
    compiled = small_wan.run(small_wan.fast(dit, compile=True, num_checkpointed=1), arguments)
    assert num_graphs() == 1
    small_wan.assert_equal(compiled, small_wan.run(small_wan.fast(dit), arguments))


def test_a_second_forward_compiles_nothing(small_wan, compiler):
    compiler("eager")
    dit = small_wan.transformer(num_layers=2)
    model = small_wan.fast(dit, compile=True)
    given = [small_wan.inputs("TI2V", images) for images in ((True, True), (False, True))]
    for arguments in given:
        small_wan.run(model, arguments)
    assert num_graphs() == 1


@pytest.mark.slow
def test_each_shape_has_a_graph_of_its_own_and_more_than_the_compiler_would_keep(
    small_wan, compiler, caplog
):
    compiler("eager")
    model = small_wan.fast(small_wan.transformer(num_layers=2), compile=True)
    grids = [(3, 2 * side, 2) for side in range(1, 13)]
    with caplog.at_level(logging.WARNING):
        for grid in (*grids, *grids):
            small_wan.run(model, small_wan.inputs(grid=grid))
    assert num_graphs() == len(grids)
    assert not caplog.records


@pytest.mark.parametrize("fails", ["forward", pytest.param("backward", marks=pytest.mark.slow)])
def test_failed_compilation_falls_back_with_a_warning(small_wan, compiler, caplog, fails):
    from functorch.compile import nop
    from torch._dynamo.backends.common import aot_autograd

    def broken(_graph, _inputs):
        raise OSError("no compiler")

    forward, backward = (broken, nop) if fails == "forward" else (nop, broken)
    compiler(aot_autograd(fw_compiler=forward, bw_compiler=backward))
    dit = small_wan.transformer(num_layers=2)
    arguments = small_wan.inputs()
    model = small_wan.fast(dit, compile=True, num_checkpointed=1)
    with caplog.at_level(logging.WARNING):
        ours = [small_wan.run(model, arguments) for _ in range(2)]
    assert [record.levelname for record in caplog.records].count("WARNING") == 1
    assert "no compiler" in caplog.text
    for result in ours:
        small_wan.assert_equal(result, small_wan.run(small_wan.fast(dit), arguments), value=1e-7)


def test_other_errors_pass(small_wan, compiler):
    compiler("eager")
    model = small_wan.fast(small_wan.transformer(num_layers=2), compile=True)

    def exhausted(*_):
        raise torch.OutOfMemoryError("out of memory")

    model._block = exhausted
    with pytest.raises(torch.OutOfMemoryError):
        model(*small_wan.inputs())


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
@pytest.mark.parametrize("kind, given", [("TI2V", (True, False)), ("I2V", (False, False))])
def test_inductor_equals_eager(small_wan, compiler, kind, given):
    compiler("inductor")
    dit = small_wan.transformer(kind)
    arguments = small_wan.inputs(kind, given)
    model = small_wan.fast(dit, compile=True, num_checkpointed=1)
    ours = small_wan.run(model, arguments)
    assert num_graphs() == 1
    small_wan.assert_equal(ours, small_wan.run(small_wan.fast(dit), arguments))
