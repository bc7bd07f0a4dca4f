"""The whole loop on a CPU with a tiny random model: generate, verify, train, infer, judge."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from vtb.core.files import atomic_write, atomic_write_json, read_json_lines
from vtb.core.frames import FramePlan
from vtb.core.splits import Split

if TYPE_CHECKING:
    from vtb.eval.puzzles import PuzzleResult
    from vtb.eval.report import Comparison

FAMILY = "wan2.2-ti2v-5b"
RECIPE = "video/wan2.2-ti2v-5b-tiny"
BASELINES = {
    "oracle": "the true solution, through H.264",
    "unchanged": "the puzzle, repeated",
    "random": "a random walk that enters no cell twice",
    "straight": "a straight line between the ends",
}
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
        """Whether every step held what it must."""
        return all(step.ok for step in self.steps)

    def payload(self) -> dict[str, Any]:
        """The JSON of `vtb demo`, without its schema."""
        return {
            "out": str(self.out),
            "steps": [
                {"name": step.name, "seconds": round(step.seconds, 2), "ok": step.ok}
                for step in self.steps
            ],
            "results": [
                {"name": r.name, "accuracy": r.accuracy, "ci95": list(r.ci95), "loss": r.loss}
                for r in self.rows
            ],
            "html": str(self.html),
        }


def run_demo(out: Path, announce: Callable[[str], None], workers: int) -> DemoResult:
    """Runs the loop into `out`; a repeat completes it. `announce` receives a line per step."""
    # A tiny step is 18 ms on one thread and several times that on two (specs/dependencies.md).
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    demo = _Demo(out, workers)
    result = DemoResult(out, out / "report.html")
    for name, step in demo.steps().items():
        announce(name)
        start = time.monotonic()
        ok = step()
        result.steps.append(Step(name, time.monotonic() - start, ok))
    result.rows = demo.rows
    atomic_write_json(out / "results.json", result.payload())
    return result


class _Demo:
    """The steps, each returning whether what it must hold holds."""

    def __init__(self, out: Path, workers: int) -> None:
        self._out, self._workers = out, workers
        self._train_set, self._test_set = out / "data" / "train", out / "data" / "test"
        self._model, self._run = out / "tiny-model", out / "run"
        self.rows: list[DemoRow] = []

    def steps(self) -> dict[str, Callable[[], bool]]:
        """What to announce, and what to do; each step says whether it held what it must."""
        return {
            "Generate mazes for training and for testing": self._generate,
            f"Verify {TEST_SAMPLES} answers of each set, right and corrupted": self._verify,
            "Write a tiny random Wan2.2 checkpoint": self._create_model,
            f"Train a LoRA for {TRAIN_STEPS} steps": self._train,
            "Generate videos before and after training": self._infer,
            "Judge the videos and the baselines": self._judge,
        }

    def _generate(self) -> bool:
        return self._build(self._train_set, TRAIN_SAMPLES, "train") and self._build(
            self._test_set, TEST_SAMPLES, "test"
        )

    def _build(self, out: Path, count: int, split: Split) -> bool:
        from vtb.data.build import build
        from vtb.data.request import Request, Task

        task = Task.of("maze-square", {"rows": SIZE, "cols": SIZE}, {"cell": CELL_PX})
        request = Request([task], 0, FramePlan.of(FRAMES, FPS), video=True, split=split)
        return build(request, out, count, workers=self._workers).splits[split] == count

    def _verify(self) -> bool:
        from vtb.data.store import open_dataset
        from vtb.data.verify import verify

        return all(
            verify(open_dataset(path), limit=TEST_SAMPLES, workers=self._workers).ok
            for path in (self._train_set, self._test_set)
        )

    def _create_model(self) -> bool:
        from vtb.models.create import create

        return create(FAMILY, "tiny", 0, self._model).parameters > 0

    def _train(self) -> bool:
        from vtb.train.launch.job import Machines, open_job
        from vtb.train.launch.run import run_job

        overrides = [f"train.steps={TRAIN_STEPS}", f"save.every={TRAIN_STEPS}"]
        job = open_job(
            RECIPE,
            overrides,
            data=self._train_set,
            model=self._model,
            out=self._run,
            machines=Machines(num_gpus=0),
        )
        return run_job(job, warn=lambda check: None).steps == TRAIN_STEPS

    def _infer(self) -> bool:
        from vtb.infer.settings import VideoRequest
        from vtb.infer.video import infer_videos

        lora = self._run / "final" / "lora.safetensors"
        requests = (
            VideoRequest(
                model=self._model,
                data=self._test_set,
                out=self._out / name,
                loras=weights,
                steps=DENOISING_STEPS,
                cfg=1.0,
                device="cpu",
            )
            for name, weights in (("before", ()), ("after", (lora,)))
        )
        return not any(infer_videos(request).failed for request in requests)

    def _judge(self) -> bool:
        """Scores every row; the oracle must pass all and the unchanged puzzle none."""
        from vtb.eval.report import Comparison

        compared = [
            Comparison(name, self._evaluate(name, baseline=name).results) for name in BASELINES
        ]
        before = self._evaluate("before", pred=self._out / "before").results
        compared.append(Comparison("tiny-model before training", before))
        after = self._evaluate("after", compared, pred=self._out / "after")
        atomic_write(self._out / "report.html", after.report.read_bytes())
        losses = _losses(self._run)
        self.rows = [_row(row.label, row.results) for row in compared]
        self.rows[-1] = replace(self.rows[-1], loss=losses[0])
        self.rows.append(_row("tiny-model after training", after.results, losses[1]))
        accuracy = {row.name: row.accuracy for row in self.rows}
        return accuracy["oracle"] == 1 and accuracy["unchanged"] == 0

    def _evaluate(
        self, name: str, comparisons: Sequence[Comparison] = (), **what: Any
    ) -> PuzzleResult:
        from vtb.eval.puzzles import PuzzleEval, evaluate

        request = PuzzleEval(
            data=self._test_set, out=self._out / "eval" / name, workers=self._workers, **what
        )
        return evaluate(request, comparisons=comparisons, notes=[PLAIN_TRUTH])


def _row(name: str, results: Mapping[str, Any], loss: float | None = None) -> DemoRow:
    low, high = results["ci95"]
    return DemoRow(name, results["accuracy"], (low, high), loss)


def _losses(run: Path) -> tuple[float, float]:
    """Mean training loss of the first and of the last quarter of the steps."""
    losses = [row["loss"] for row in read_json_lines(run / "events.jsonl") if "loss" in row]
    quarter = max(1, len(losses) // 4)
    return fmean(losses[:quarter]), fmean(losses[-quarter:])
