"""Rotary embedding against complex rotation."""

import pytest

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("head_dim", [24, 128])
def test_turns_pairs_like_complex_numbers(head_dim):
    from vtb.models.wan.fast.rope import rotary_table, rotate

    grid, third = (2, 3, 4), head_dim // 3
    dims = (head_dim - 2 * third, third, third)
    x = torch.randn(2, 24, 3, head_dim, generator=torch.Generator().manual_seed(0))
    rates = [
        [10_000 ** (-2 * i / dim) if axis == own else 0.0 for own in range(3)]
        for axis, dim in enumerate(dims)
        for i in range(dim // 2)
    ]
    places = torch.cartesian_prod(*map(torch.arange, grid)).double()
    angles = places @ torch.tensor(rates, dtype=torch.float64).T
    turned = torch.view_as_complex(x.double().unflatten(-1, (-1, 2))) * torch.polar(
        torch.ones_like(angles), angles
    ).unsqueeze(1)
    ours = rotate(x, rotary_table(grid, head_dim, x.device))
    assert torch.allclose(ours.double(), torch.view_as_real(turned).flatten(-2), atol=1e-5)
