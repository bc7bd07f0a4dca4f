"""A VAE and a transformer from nothing: one maze, learnt by heart, drawn again and judged.

Runs the real commands: `vtb gen`, `models init`, `train video` twice, `infer video`, `eval
puzzles`. It passes when the maze's own verifier accepts first the VAE's reconstruction of the
clip, then the clip that the trained model makes from its first frame and its prompt.

    python benchmarks/micro_overfit.py --work DIR [--gpus N] [--seed S]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Generator

    from vtb.core.types import Verdict

FAMILY = "wan2.2-ti2v-5b"
CLIP = ("--frames", 17, "--style", "classic", "--split", "train")
# Five rooms of nine: no straight line.
MAZE = ("--size", 7, "--cell", 12, "--canvas", "96x96", "--min-path", 5)


def main() -> None:
    """Runs all stages in `--work`, where finished ones stay finished, and prints their seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--gpus", default="0")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    work, data, init = options.work, options.work / "data", options.work / "init"
    seconds: dict[str, float] = {}
    seed = ("--seed", options.seed)

    def train(name: str, model: Path) -> Path:
        recipe = f"video/{FAMILY}-micro-{name}"
        paths = ("--data", data, "--model", model, "-o", work / name)
        vtb("train", "video", "-r", recipe, *paths, "--gpus", options.gpus, *seed)
        return work / name / "final"

    with timed(seconds, "one maze"):
        vtb("gen", "maze", *MAZE, *CLIP, "-n", 1, *seed, "-o", data)
    with timed(seconds, "random model"):
        vtb("models", "init", FAMILY, "--preset", "mini", *seed, "-o", init)
    with timed(seconds, "VAE"):
        vae = train("vae", init)
    with timed(seconds, "its reconstruction"):
        require(judge_reconstruction(vae, data))
    with timed(seconds, "transformer"):
        model = train("base", vae)
    chosen = ("--data", data, "--split", "train")
    with timed(seconds, "its clip"):
        sampling = ("--model", model, "--steps", 10, "--cfg", 1, *seed)
        vtb("models", "check", model)
        vtb("infer", "video", *chosen, *sampling, "-o", work / "clips")
    with timed(seconds, "verdict"):
        score = ("--pred", work / "clips", "--fail-under", 1, "-o", work / "scores")
        vtb("eval", "puzzles", *chosen, *score)
    print_table(seconds, work)


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Generator[None]:
    """Notes how long the block takes."""
    start = time.monotonic()
    yield
    seconds[stage] = time.monotonic() - start


def judge_reconstruction(model: Path, data: Path) -> tuple[Verdict, float]:
    """What the verifier says of the clip after the VAE, and its peak signal-to-noise ratio, dB."""
    import torch

    from vtb.core.types import Prediction
    from vtb.data import judging
    from vtb.data.store import open_dataset
    from vtb.media.video import read_frames
    from vtb.models.wan.load import load_pipeline

    dataset = open_dataset(data)
    [sample_id] = dataset.ids("train")
    frames = read_frames(dataset.row(sample_id, ["video"])["video"]["bytes"])
    vae: Any = load_pipeline(model, parts=("vae",)).vae
    clip = torch.from_numpy(frames).permute(3, 0, 1, 2) / 127.5 - 1
    with torch.no_grad():
        decoded = vae.decode(vae.encode([clip], "cpu"), "cpu")[0]
    values = ((decoded.permute(1, 2, 3, 0) + 1) * 127.5).round().to(torch.uint8).numpy()
    error = np.square(values.astype(float) - frames).mean()
    prediction = Prediction(sample_id, "video", content=values)
    verdict = judging.check(dataset.sample(sample_id), prediction)
    return verdict, 10 * float(np.log10(255**2 / error))


def require(judged: tuple[Verdict, float]) -> None:
    """Stops the benchmark unless the verdict is good."""
    verdict, psnr = judged
    print(f"reconstruction: {verdict.reason}, {psnr:.1f} dB", flush=True)
    if not verdict.passed:
        sys.exit("the VAE's reconstruction does not pass")


def vtb(*args: object) -> None:
    """Runs one command and stops the benchmark when it fails."""
    argv = [sys.executable, "-m", "vtb", *map(str, args)]
    print("$", "vtb", *argv[3:], flush=True)
    done = subprocess.run(argv, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def print_table(seconds: dict[str, float], work: Path) -> None:
    """Seconds by stage, and the losses of both trainings."""
    print("\n| stage | s |\n|---|---|")
    for stage, value in seconds.items():
        print(f"| {stage} | {value:.1f} |")
    print(f"| all | {sum(seconds.values()):.1f} |")
    for name in ("vae", "base"):
        lines = (work / name / "events.jsonl").read_text().splitlines()
        losses = [row["loss"] for row in map(json.loads, lines) if row.get("loss") is not None]
        print(f"{name}: loss {losses[0]:.3f} to {losses[-1]:.3f} in {len(losses)} steps")


if __name__ == "__main__":
    main()
