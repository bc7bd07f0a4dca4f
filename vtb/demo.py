"""The whole loop on a CPU with a tiny random model: generate, verify, train, infer, judge."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from vtb.core.errors import VtbError
from vtb.core.files import atomic_write, atomic_write_json, read_json_lines
from vtb.core.frames import FramePlan
from vtb.core.splits import Split

FAMILY = "wan2.2-ti2v-5b"
RECIPE = "video/wan2.2-ti2v-5b-tiny"
BASELINES = ("oracle", "unchanged", "random", "straight")
# 7x7 blocks of 9 px make a clip of 64x64 px: 20 tokens for the tiny model.
SIZE, CELL_PX, FRAMES, FPS = 7, 9, 17, 16
TRAIN_SAMPLES, TEST_SAMPLES = 96, 20
TRAIN_STEPS, DENOISING_STEPS = 120, 4
PLAIN_TRUTH = (
    "The tiny model has random weights: it does not solve mazes, before or after training. "
    "What this run proves is the chain, and that training lowers the loss."
)


@dataclass(frozen=True, slots=True)
class Step:
    """One finished step of the demo."""

    name: str
    seconds: float
    ok: bool


@dataclass(frozen=True, slots=True)
class DemoRow:
    """A line of the closing table; `loss` is the mean training loss where there is one."""

    name: str
    accuracy: float
    ci95: tuple[float, float]
    loss: float | None = None


@dataclass(slots=True)
class DemoResult:
    """What the demo made; `html` is its report."""

    out: Path
    html: Path
    steps: list[Step] = field(default_factory=list[Step])
    rows: list[DemoRow] = field(default_factory=list[DemoRow])

    @property
    def ok(self) -> bool:
        """Whether every step did what it must."""
        return all(step.ok for step in self.steps)


def run_demo(out: Path, announce: Callable[[str], None], workers: int) -> DemoResult:
    """Runs the loop into `out`; a repeat completes it. `announce` receives a line per step."""
    # A tiny step is 18 ms on one thread and several times that on two (specs/dependencies.md).
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    result = DemoResult(out, out / "report.html")
    train_set, test_set = out / "data" / "train", out / "data" / "test"
    model, run = out / "tiny-model", out / "run"
    with _step(result, announce, "Generate mazes for training and for testing"):
        _generate(train_set, TRAIN_SAMPLES, "train", workers)
        _generate(test_set, TEST_SAMPLES, "test", workers)
    with _step(result, announce, f"Verify {TEST_SAMPLES} answers of each, right and corrupted"):
        _verify([train_set, test_set], workers)
    with _step(result, announce, "Write a tiny random Wan2.2 checkpoint"):
        _create_model(model)
    with _step(result, announce, f"Train a LoRA for {TRAIN_STEPS} steps"):
        lora = _train(train_set, model, run)
    with _step(result, announce, "Generate videos before and after training"):
        _infer(model, test_set, out / "before", None)
        _infer(model, test_set, out / "after", lora)
    with _step(result, announce, "Judge the videos and the baselines"):
        _judge(result, test_set, run, workers)
    atomic_write_json(out / "results.json", payload(result))
    return result


def payload(result: DemoResult) -> dict[str, Any]:
    """The JSON of `vtb demo`, without its schema."""
    return {
        "out": str(result.out),
        "steps": [
            {"name": step.name, "seconds": round(step.seconds, 2), "ok": step.ok}
            for step in result.steps
        ],
        "results": [
            {"name": row.name, "accuracy": row.accuracy, "ci95": list(row.ci95), "loss": row.loss}
            for row in result.rows
        ],
        "html": str(result.html),
    }


@contextmanager
def _step(result: DemoResult, announce: Callable[[str], None], name: str) -> Generator[None]:
    announce(name)
    start = time.monotonic()
    yield
    result.steps.append(Step(name, time.monotonic() - start, ok=True))


def _generate(out: Path, count: int, split: Split, workers: int) -> None:
    from vtb.data.build import build
    from vtb.data.request import Request, Task

    task = Task.of("maze-square", {"rows": SIZE, "cols": SIZE}, {"cell": CELL_PX})
    plan = FramePlan.of(FRAMES, FPS)
    build(Request([task], 0, plan, video=True, split=split), out, count, workers=workers)


def _verify(datasets: Sequence[Path], workers: int) -> None:
    from vtb.data.store import open_dataset
    from vtb.data.verify import verify

    for path in datasets:
        report = verify(open_dataset(path), limit=TEST_SAMPLES, workers=workers)
        if not report.ok:
            raise VtbError(
                "a dataset failed its own verification",
                fact="; ".join(f"{f.id}: {f.reason}" for f in report.failures[:3]),
                hint=f"vtb data verify {path}",
            )


def _create_model(model: Path) -> None:
    from vtb.models.create import create

    create(FAMILY, "tiny", 0, model)


def _train(data: Path, model: Path, run: Path) -> Path:
    from vtb.train.job import open_job
    from vtb.train.run import run_job

    overrides = [f"train.steps={TRAIN_STEPS}", f"save.every={TRAIN_STEPS}"]
    job = open_job(RECIPE, overrides, data=data, model=model, out=run, num_gpus=0)
    return run_job(job, warn=lambda check: None).final / "lora.safetensors"


def _infer(model: Path, data: Path, out: Path, lora: Path | None) -> None:
    from vtb.infer.settings import VideoRequest
    from vtb.infer.video import infer_videos

    infer_videos(
        VideoRequest(
            model=model, data=data, out=out, lora=lora, steps=DENOISING_STEPS, cfg=1.0, device="cpu"
        )
    )


def _judge(result: DemoResult, data: Path, run: Path, workers: int) -> None:
    from vtb.eval.puzzles import PuzzleEval, evaluate
    from vtb.eval.report import Comparison

    out = result.out
    shared: dict[str, Any] = {"data": data, "split": "test", "workers": workers}
    compared: list[Comparison] = []
    for baseline in BASELINES:
        request = PuzzleEval(out=out / "eval" / baseline, baseline=baseline, **shared)
        compared.append(Comparison(baseline, evaluate(request).results))
    before = evaluate(PuzzleEval(out=out / "eval" / "before", pred=out / "before", **shared))
    compared.append(Comparison("tiny-model before training", before.results))
    after = evaluate(
        PuzzleEval(out=out / "eval" / "after", pred=out / "after", **shared),
        comparisons=compared,
        notes=[PLAIN_TRUTH],
    )
    atomic_write(result.html, after.report.read_bytes())
    first, last = _losses(run)
    result.rows += [_row(row.label, row.results) for row in compared[:-1]]
    result.rows.append(_row("tiny-model before training", before.results, first))
    result.rows.append(_row("tiny-model after training", after.results, last))


def _row(name: str, results: Mapping[str, Any], loss: float | None = None) -> DemoRow:
    low, high = results["ci95"]
    return DemoRow(name, results["accuracy"], (low, high), loss)


def _losses(run: Path) -> tuple[float, float]:
    """Mean training loss of the first and of the last quarter of the steps."""
    losses = [row["loss"] for row in read_json_lines(run / "events.jsonl") if "loss" in row]
    quarter = max(1, len(losses) // 4)
    return fmean(losses[:quarter]), fmean(losses[-quarter:])
