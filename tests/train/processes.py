"""What a process of `test_processes.py` runs: a toy in a loop, in float32 or with a bfloat16 base.

Arguments: run directory, strategy, dtype, steps to stop at, and the counter of a sample that is
not finite, or -1.
"""

import math
import sys
from dataclasses import dataclass
from pathlib import Path

import vtb  # noqa: F401  first: makes torchvision importable on a CPU-only torch

# isort: split
import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import linear

from vtb.recipe.schema import SaveTable, VideoTrainTable
from vtb.run.rundir import RunDirectory
from vtb.train.loop.loop import Loop
from vtb.train.loop.randomness import generator
from vtb.train.loop.step_log import StepLog, events_file
from vtb.train.loop.stopping import StopRequest

BATCH, STEPS = 4, 8


@dataclass
class ToyBatch:
    x: Tensor
    groups: Tensor

    def map(self, change):
        return ToyBatch(change(self.x), change(self.groups))


def normal(size, counter):
    return torch.randn(size, generator=generator(0, "x", counter))


class Adapted(nn.Module):
    """Frozen layers with a LoRA, as large ones and small ones are treated differently."""

    def __init__(self, dtype):
        super().__init__()
        self.base = nn.Linear(6, 6, dtype=dtype).requires_grad_(False)
        self.head = nn.Linear(6, 6, dtype=dtype).requires_grad_(False)
        generator = torch.Generator().manual_seed(0)
        for frozen in (*self.base.parameters(), *self.head.parameters()):
            frozen.data.copy_(torch.randn(frozen.shape, generator=generator) / 3)
        self.lora_A = nn.Parameter(torch.randn(2, 6, generator=generator) / 3)
        self.lora_B = nn.Parameter(torch.zeros(6, 2))

    def forward(self, batch):
        x = batch.x.to(self.base.weight.dtype)
        inner = linear(linear(x, self.lora_A.to(x.dtype)), self.lora_B.to(x.dtype))
        return (self.head(self.base(x) + inner).float() - 1).square().mean(-1)


class ToyTask:
    num_samples = 6
    group_names = ("all",)

    def __init__(self, dtype, broken):
        self.module = Adapted(dtype)
        self._broken = broken

    def batch(self, counters):
        samples = [
            torch.randn(6, generator=generator(0, "x", counter % 6))
            * (math.nan if counter == self._broken else 1)
            for counter in counters
        ]
        return ToyBatch(torch.stack(samples), torch.zeros(len(samples), dtype=torch.int64))

    def shape(self, counter):
        return (6,)

    def describe(self, counter):
        return f"sample {counter}"

    def write_weights(self, directory, step):
        trained = {"lora_A": self.module.lora_A, "lora_B": self.module.lora_B}
        save_file({k: v.detach().clone() for k, v in trained.items()}, directory / "lora")

    def read_weights(self, directory):
        for name, value in load_file(directory / "lora").items():
            getattr(self.module, name).data.copy_(value)


def main(path, strategy, dtype, stop_at, broken):
    torch.set_num_threads(1)
    run = RunDirectory(Path(path))
    run.path.mkdir(exist_ok=True)
    accelerator = Accelerator(cpu=True)
    train = VideoTrainTable(warmup_steps=2, scheduler="cosine", lr=0.1, batch=BATCH, grad_clip=0.5)
    task = ToyTask(vars(torch)[dtype], int(broken))
    sinks = [events_file(run)] if accelerator.is_main_process else []
    save = SaveTable(every=100)
    log = StepLog(task, sinks)
    loop = Loop(task, train, save, run, accelerator, log, strategy=strategy)
    loop.run(steps=STEPS, stop_at=int(stop_at), stop=StopRequest())
    accelerator.state.destroy_process_group()  # as vtb.train.video does at its end


if __name__ == "__main__":
    main(*sys.argv[1:])
