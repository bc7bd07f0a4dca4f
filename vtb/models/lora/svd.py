"""Best low-rank approximations of updates, by singular values (Eckart and Young 1936)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vtb.models.lora.file import LoraPair

# Up to this many rows or columns the whole decomposition takes less than about a second.
EXACT_SIDE = 1024
# Randomized range finder with power iterations: Halko, Martinsson and Tropp 2011, section 4.
OVERSAMPLING, POWER_ITERATIONS = 16, 4


@dataclass(frozen=True, slots=True)
class Approximation:
    """An update of lower rank; energies are squared Frobenius norms, of it and of the original."""

    pair: LoraPair
    kept: float
    total: float


def truncate(pair: LoraPair, rank: int) -> Approximation:
    """The best pair of at most that rank, balanced, with alpha equal to its rank.

    The (out, in) product is never formed: with up = Q R and down^T = P S, the singular values are
    those of the small R S^T. Float64.
    """
    q, r = torch.linalg.qr(pair.up.double())
    p, s = torch.linalg.qr(pair.down.double().T)
    u, values, vh = torch.linalg.svd(pair.scale * r @ s.T, full_matrices=False)
    total = values.square().sum().item()
    return _balanced(q @ u, values, vh @ p.T, rank, total)


def low_rank(update: Tensor, rank: int) -> Approximation:
    """The pair of at most that rank nearest to an (out, in) update, with alpha equal to its rank.

    Exact where the matrix is small, else randomized with a fixed seed.
    """
    update = update.float()
    total = update.double().square().sum().item()
    if min(update.shape) <= max(EXACT_SIDE, 2 * (rank + OVERSAMPLING)):
        u, values, vh = torch.linalg.svd(update, full_matrices=False)
    else:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            u, values, v = torch.svd_lowrank(update, rank + OVERSAMPLING, niter=POWER_ITERATIONS)
        vh = v.T
    return _balanced(u, values, vh, rank, total)


def _balanced(u: Tensor, values: Tensor, vh: Tensor, rank: int, total: float) -> Approximation:
    rank = min(rank, len(values))
    root = values[:rank].sqrt()
    down = (root[:, None] * vh[:rank]).float().contiguous()
    up = (u[:, :rank] * root).float().contiguous()
    kept = values[:rank].double().square().sum().item()
    return Approximation(LoraPair(down, up, float(rank)), kept, total)
