"""Samples per second from video files: `vtb train video` beside diffsynth's training as it ships.

Both train a LoRA of rank 32 on a full-size random TI2V-5B for three epochs over the same clips.
diffsynth decodes, encodes and trains in every step, frames coming from a loader process; its rate
is that of its steady state. Ours is the whole command's, cache building and compilation included,
and only the loading of the models left out, as on their side. Needs one GPU and 25 GB of disk.

    python benchmarks/wan_end_to_end.py --data DATASET --work DIR [--their-steps 12]
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import av
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from wan_full_size import write_random_checkpoint
from wan_step import RANK, TARGETS, device_name

from vtb.models.wan.load import load_pipeline

RECIPE, EPOCHS, WARMUP = "video/wan2.2-ti2v-5b-lora", 3, 2


def main() -> None:
    """Measures both sides and prints their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--their-steps", type=int, default=12)
    options = parser.parse_args()
    model = options.work / "model"
    if not model.exists():
        start = time.monotonic()
        write_random_checkpoint(model)
        print(f"checkpoint written in {time.monotonic() - start:.0f} s", flush=True)
    ours = our_rate(model, options.data, options.work / "run")
    theirs = their_rate(model, options.data, options.their_steps)
    print(
        f"{device_name()}: diffsynth {theirs:.3f}, vtb {ours:.3f} samples/s over {EPOCHS} epochs, "
        f"{ours / theirs:.2f}x"
    )


def our_rate(model: Path, data: Path, run: Path) -> float:
    """Samples per second of the command, from its first encoding to its last step."""
    start = time.monotonic()
    command = ["train", "video", "-r", RECIPE, "--data", data, "--model", model, "-o", run]
    argv = [sys.executable, "-m", "vtb", *map(str, command), "-s", f"train.epochs={EPOCHS}"]
    subprocess.run(argv, check=True)
    wall = time.monotonic() - start
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    steps = [event for event in events if "loss" in event]
    encoding = json.loads((run / "encoding.json").read_text())["seconds"]
    training = sum(1 / event["samples_per_second"] for event in steps)
    busy = training + encoding
    print(
        f"vtb: {len(steps)} samples, {wall:.0f} s for the command, {busy:.0f} s without loading, "
        f"{median(1 / e['samples_per_second'] for e in steps):.3f} s per step, "
        f"encoding {busy - training:.0f} s",
        flush=True,
    )
    return len(steps) / busy


class Clips(Dataset[dict[str, Any]]):
    """Frames and prompt of each training clip, decoded when asked for."""

    def __init__(self, data: Path) -> None:
        tables = [pq.read_table(path) for path in sorted(data.glob("data/train-*.parquet"))]
        self._rows = [row for table in tables for row in table.to_pylist()]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self._rows[index]
        with av.open(io.BytesIO(row["video"]["bytes"])) as container:
            frames = [
                Image.fromarray(f.to_ndarray(format="rgb24")) for f in container.decode(video=0)
            ]
        return {"prompt": row["prompt"], "video": frames}


def their_rate(model: Path, data: Path, steps: int) -> float:
    """Samples per second of diffsynth's step, with decoding in one loader process."""
    from diffsynth.diffusion import FlowMatchSFTLoss
    from diffsynth.diffusion.training_module import DiffusionTrainingModule

    pipe: Any = load_pipeline(model, device="cuda", dtype=torch.bfloat16)
    pipe.scheduler.set_timesteps(1000, training=True)
    pipe.dit = DiffusionTrainingModule().add_lora_to_model(
        pipe.dit, list(TARGETS), RANK, upcast_dtype=torch.bfloat16
    )
    parameters = [p for p in pipe.dit.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.01)
    times: list[float] = []
    for sample in endless(data, WARMUP + steps):
        start = time.perf_counter()
        optimizer.zero_grad()
        shared, positive = encode(pipe, sample)
        loss = FlowMatchSFTLoss(pipe, **shared, **positive)
        loss.backward()
        optimizer.step()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    print(f"diffsynth: {median(times[WARMUP:]):.3f} s per step", flush=True)
    return 1 / median(times[WARMUP:])


def encode(pipe: Any, sample: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pipeline's own units on one clip, as its training module runs them in each step."""
    frames = sample["video"]
    width, height = frames[0].size
    shared: dict[str, Any] = {
        "input_video": frames, "input_image": frames[0], "height": height, "width": width,
        "num_frames": len(frames), "cfg_scale": 1, "tiled": False, "rand_device": pipe.device,
        "use_gradient_checkpointing": True, "use_gradient_checkpointing_offload": False,
        "cfg_merge": False, "vace_scale": 1, "max_timestep_boundary": 1, "min_timestep_boundary": 0,
    }  # fmt: skip
    inputs: Any = (shared, {"prompt": sample["prompt"]}, {})
    with torch.no_grad():
        for unit in pipe.units:
            inputs = pipe.unit_runner(unit, pipe, *inputs)
    return inputs[0], inputs[1]


def endless(data: Path, count: int) -> Iterator[dict[str, Any]]:
    """So many samples, in as many passes as it takes."""
    loader = DataLoader(Clips(data), batch_size=None, shuffle=True, num_workers=1)
    while True:
        for sample in loader:
            yield sample
            count -= 1
            if not count:
                return


if __name__ == "__main__":
    main()
