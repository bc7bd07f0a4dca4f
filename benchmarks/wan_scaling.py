"""Weak scaling: one micro-batch per GPU on 1, 2, ... GPUs, through the trainer's own engine.

Full-size random weights; each count of GPUs is one `torchrun` of this file.

    python benchmarks/wan_scaling.py [--size 480x832x81] [--gpus 1 2 4]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import torch
from accelerate import Accelerator
from wan_step import RANK, TARGETS, device_name, random_batch, random_transformer, timed

from vtb.models.lora.layers import inject_lora
from vtb.models.upstream import import_diffsynth
from vtb.models.wan.variants import VARIANTS
from vtb.recipe.schema import VideoTrainTable
from vtb.train.flow.objective import WanObjective
from vtb.train.loop.engine import Engine

WARMUP, REPEATS = 3, 10


def main() -> None:
    """Starts one torchrun per count, or is one of its processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="wan2.2-ti2v-5b", choices=list(VARIANTS))
    parser.add_argument("--size", default="480x832x81")
    parser.add_argument("--gpus", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--layers", type=int)
    options = parser.parse_args()
    if "RANK" in os.environ:
        measure(options)
        return
    for count in options.gpus:
        launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
        subprocess.run([sys.executable, *launch, str(Path(__file__)), *sys.argv[1:]], check=True)


def measure(options: argparse.Namespace) -> None:
    """Seconds per step of this number of processes; the first one prints them."""
    import_diffsynth()
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    variant = VARIANTS[options.model]
    torch.manual_seed(0)
    dit = random_transformer(variant, options.layers)
    inject_lora(dit, rank=RANK, alpha=RANK, target_modules=TARGETS, seed=0)
    train = VideoTrainTable()
    on_gpu = torch.cuda.is_available()
    objective = WanObjective(dit, train, num_recomputed=0, compile_blocks=on_gpu)
    engine = Engine(objective, train, accelerator)
    height, width, frames = map(int, options.size.split("x"))
    torch.manual_seed(1 + accelerator.process_index)
    batch = random_batch(dit, variant, frames, height, width)

    def step() -> torch.Tensor:
        loss = engine.model(batch).mean()
        engine.backward(loss, is_last=True)
        shared = accelerator.reduce(loss.detach()[None], reduction="mean")
        assert isinstance(shared, torch.Tensor)
        engine.update(1e-4, shared[0])
        return shared[0]

    for _ in range(WARMUP):
        timed(step)
    accelerator.wait_for_everyone()
    seconds = timed(lambda: [step() for _ in range(REPEATS)][-1]) / REPEATS
    if accelerator.is_main_process:
        world = accelerator.num_processes
        rate = world / seconds
        print(f"{device_name()} x {world}: {seconds:.4f} s per step, {rate:.2f} samples/s")
    accelerator.end_training()


if __name__ == "__main__":
    main()
