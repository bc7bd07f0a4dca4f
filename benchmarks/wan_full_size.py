"""Wan2.2-TI2V-5B at its real size with random weights: check, train a few steps, generate.

Needs a GPU and about 25 GB of disk. Timings are those of this first training loop, uncached.

    python benchmarks/wan_full_size.py --data DATASET --work DIR [--steps 12]
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import torch
from safetensors.torch import save_file

from vtb.models.families import Part
from vtb.models.wan.architecture import shapes_of
from vtb.models.wan.published import TOKENIZER_DIRECTORY
from vtb.models.wan.tokenizer import write_tokenizer
from vtb.models.wan.variants import TI2V_5B

RECIPE = "video/wan2.2-ti2v-5b-lora"


def main() -> None:
    """Writes the checkpoint, then runs the three commands on it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=12)
    options = parser.parse_args()
    model, run = options.work / "model", options.work / "run"
    start = time.monotonic()
    write_random_checkpoint(model)
    print(f"checkpoint written in {time.monotonic() - start:.0f} s", flush=True)
    vtb("models", "check", model)
    train = ("train", "video", "-r", RECIPE, "--data", options.data, "--model", model, "-o", run)
    vtb(*train, "--dry-run")
    vtb(*train, "--max-steps", options.steps)
    report(run)
    lora = ("--lora", run / "final" / "lora.safetensors")
    infer = ("infer", "video", "--model", model, "--data", options.data, "--split", "all", *lora)
    vtb(*infer, "--limit", 1, "--steps", 4, "-o", options.work / "pred")


def write_random_checkpoint(directory: Path) -> None:
    """Every file of the published layout; bfloat16, drawn on the GPU."""
    (directory / TOKENIZER_DIRECTORY).mkdir(parents=True, exist_ok=True)
    write_tokenizer(directory / TOKENIZER_DIRECTORY)
    (directory / "config.json").write_text("{}")
    for part in TI2V_5B.parts:
        if part.structure_hash:
            write_part(directory, part)


def write_part(directory: Path, part: Part) -> None:
    """One part: sharded safetensors, or a state dict under its published name."""
    weights = {name: random_weight(name, shape) for name, shape in shapes_of(part).items()}
    if len(part.files) == 1:
        torch.save(weights, directory / part.files[0])
        return
    names = list(weights)
    per_file = math.ceil(len(names) / len(part.files))
    for i, file in enumerate(part.files):
        chosen = names[i * per_file : (i + 1) * per_file]
        save_file({name: weights[name] for name in chosen}, directory / file)


def random_weight(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Normal with the deviation that keeps activations at unit scale; norms stay near one."""
    noise = torch.randn(shape, device="cuda")
    if name.endswith("gamma") or (name.endswith("weight") and len(shape) == 1):
        noise = 1 + 0.1 * noise
    elif len(shape) == 1:
        noise = 0.02 * noise
    else:
        noise = noise / math.sqrt(math.prod(shape[1:]))
    return noise.to(torch.bfloat16).cpu()


def vtb(*args: object) -> None:
    """Runs one command and stops the benchmark when it fails."""
    argv = [sys.executable, "-m", "vtb", *map(str, args)]
    print("$", "vtb", *argv[3:], flush=True)
    start = time.monotonic()
    done = subprocess.run(argv, check=False)
    print(f"  exit {done.returncode} after {time.monotonic() - start:.0f} s", flush=True)
    if done.returncode:
        sys.exit(done.returncode)


def report(run: Path) -> None:
    """Median speed without the first steps, peak memory and losses."""
    rows = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    steps = [row for row in rows if "loss" in row]
    speed = median(row["samples_per_second"] for row in steps[len(steps) // 2 :])
    peak = max(row["memory_gib"] for row in steps)
    losses = ", ".join(f"{row['loss']:.3f}" for row in steps)
    print(f"{1 / speed:.2f} s per sample, {peak:.1f} GiB, losses {losses}", flush=True)


if __name__ == "__main__":
    main()
