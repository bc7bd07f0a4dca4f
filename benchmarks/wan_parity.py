"""Do the fast and the reference forward train alike? 50 bf16 updates on the same draws.

Random weights of the real size (or fewer layers), the same LoRA and the same noise on both sides;
prints the largest relative difference of the loss. Needs one GPU.

    python benchmarks/wan_parity.py [--size 480x480x49] [--steps 50] [--fp8]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Literal

import torch
from accelerate import Accelerator
from wan_step import (
    RANK,
    TARGETS,
    collect,
    device,
    device_name,
    random_batch,
    random_transformer,
)

from vtb.models.lora.layers import inject_lora
from vtb.models.upstream import import_diffsynth
from vtb.models.wan.variants import VARIANTS
from vtb.recipe.schema import VideoTrainTable
from vtb.train.flow.batch import NoisyBatch
from vtb.train.flow.objective import WanObjective
from vtb.train.flow.schedule import NoiseSchedule
from vtb.train.loop.engine import Engine

LIMITS = {"bf16": 1e-2, "fp8": 3e-2}


def main() -> None:
    """Trains both sides and compares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="wan2.2-ti2v-5b", choices=list(VARIANTS))
    parser.add_argument("--size", default="480x480x49")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--layers", type=int)
    parser.add_argument("--fp8", action="store_true")
    options = parser.parse_args()
    import_diffsynth()
    print(f"{device_name()}, torch {torch.__version__}")
    reference = list(losses("reference", "bf16", options))
    for precision in ["bf16", *(["fp8"] if options.fp8 else [])]:
        fast = list(losses("fast", precision, options))
        worst = max(abs(a - b) / abs(b) for a, b in zip(fast, reference, strict=True))
        print(
            f"{precision}: first {fast[0]:.5f} / {reference[0]:.5f}, last {fast[-1]:.5f} / "
            f"{reference[-1]:.5f}, largest relative difference {worst:.2e} "
            f"over {options.steps} steps (limit {LIMITS[precision]:g})"
        )


def losses(
    forward: Literal["fast", "reference"], precision: str, options: argparse.Namespace
) -> Iterator[float]:
    """The loss of each step of one side."""
    variant = VARIANTS[options.model]
    torch.manual_seed(0)
    dit = random_transformer(variant, options.layers)
    inject_lora(dit, rank=RANK, alpha=RANK, target_modules=TARGETS, seed=0)
    if precision == "fp8":
        from vtb.models.wan.fast.fp8 import quantize_base

        quantize_base(dit)
    train = VideoTrainTable(forward=forward)
    objective = WanObjective(dit, train, num_recomputed=0, compile_blocks=forward == "fast")
    engine = Engine(objective, train, Accelerator(cpu=device() == "cpu"))
    schedule = NoiseSchedule.shifted(5.0, weighting="bell", dtype=torch.bfloat16)
    height, width, frames = map(int, options.size.split("x"))
    for step in range(options.steps):
        torch.manual_seed(1000 + step)
        batch = at_timestep(random_batch(dit, variant, frames, height, width), schedule, step)
        loss = engine.model(batch).mean()
        engine.backward(loss, is_last=True)
        engine.update(1e-4, loss.detach())
        yield loss.item()
    del dit, objective, engine
    collect()


def at_timestep(batch: NoisyBatch, schedule: NoiseSchedule, step: int) -> NoisyBatch:
    """The batch at another timestep, spread over the schedule."""
    from dataclasses import replace

    index = torch.tensor([50 + step * 379 % 900])
    return replace(
        batch,
        timesteps=schedule.timesteps[index].to(device()),
        sigmas=schedule.sigmas[index].to(device()),
        weights=schedule.weights[index].to(device()),
    )


if __name__ == "__main__":
    main()
