"""The steps: generate, verify, solve, train on another drawing style, solve again, judge."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtb.core.files import atomic_write_json, read_json_lines
from vtb.core.frames import FramePlan
from vtb.core.splits import Split
from vtb.core.stats import paired
from vtb.demo.result import DemoResult, Row, Step

if TYPE_CHECKING:
    from vtb.eval.puzzles import PuzzleResult
    from vtb.eval.report import Comparison

FAMILY, PRESET = "wan2.2-ti2v-5b", "mini"
RECIPE = "video/wan2.2-ti2v-5b-mini-lora"
STYLE = "slate"
BASELINES = {
    "oracle": "the true solution, through H.264",
    "unchanged": "the puzzle, repeated",
    "random": "a random walk that enters no cell twice",
    "straight": "a straight line between the ends",
}
MINI, BEFORE, AFTER = "mini", f"{STYLE}, before", f"{STYLE}, after"
# Blocks per side; a cell of 32 px is one token of the model.
KNOWN_SIZE, NEW_SIZE, FRAMES, FPS = 9, 7, 17, 16
KNOWN_SAMPLES, TRAIN_SAMPLES, TEST_SAMPLES = 12, 64, 20
# More denoising steps solve no more mazes: the way is chosen in the first of them.
DENOISING_STEPS, BATCH = 4, 10


def run_demo(
    out: Path, announce: Callable[[str], None], *, workers: int, seed: int = 0
) -> DemoResult:
    """Runs the loop into `out`; a repeat completes it. `announce` receives a line per step."""
    # Steps of the mini take a second, so a second thread pays; those of the tiny models do not.
    os.environ.setdefault("OMP_NUM_THREADS", str(workers))
    demo = _Demo(out, workers, seed)
    for name, step in demo.steps().items():
        announce(name)
        start = time.monotonic()
        ok = step()
        demo.result.steps.append(Step(name, time.monotonic() - start, ok))
    atomic_write_json(out / "results.json", demo.result.payload())
    return demo.result


class _Demo:
    """The steps, each returning whether what it must hold holds."""

    def __init__(self, out: Path, workers: int, seed: int) -> None:
        self._out, self._workers, self._seed = out, workers, seed
        self._model, self._run = out / "model", out / "run"
        self.result = DemoResult(out)

    def steps(self) -> dict[str, Callable[[], bool]]:
        """What to announce, and what to do."""
        return {
            f"Generate {KNOWN_SAMPLES} mazes, and {TEST_SAMPLES} in `{STYLE}`": self._generate,
            "Verify every answer, right and corrupted": self._verify,
            "Unpack the mini Wan2.2": self._unpack,
            f"Let it solve them; its transformer has never seen {STYLE}": self._solve_untrained,
            f"Train a LoRA on {TRAIN_SAMPLES} mazes in {STYLE}": self._train,
            "Solve those again": self._solve_trained,
            "Judge the clips and the baselines": self._judge,
        }

    def _data(self, name: str) -> Path:
        return self._out / "data" / name

    def _generate(self) -> bool:
        return all(
            (
                self._build("known", KNOWN_SIZE, "classic", KNOWN_SAMPLES, "test"),
                self._build("new", NEW_SIZE, STYLE, TEST_SAMPLES, "test"),
                self._build("train", NEW_SIZE, STYLE, TRAIN_SAMPLES, "train"),
            )
        )

    def _build(self, name: str, size: int, style: str, count: int, split: Split) -> bool:
        from vtb.data.build import build
        from vtb.data.choice import Choice
        from vtb.data.request import Request

        task = Choice.of("maze-square", style=style).having({"rows": size, "cols": size}).task()
        plan = FramePlan.of(FRAMES, FPS)
        request = Request([task], self._seed, plan, video=True, split=split)
        built = build(request, self._data(name), count, workers=self._workers)
        return built.splits[split] == count

    def _verify(self) -> bool:
        from vtb.data.store import open_dataset
        from vtb.data.verify import verify

        return all(
            verify(open_dataset(self._data(name)), limit=TEST_SAMPLES, workers=self._workers).ok
            for name in ("known", "new", "train")
        )

    def _unpack(self) -> bool:
        from vtb.models.create import create

        return create(FAMILY, PRESET, None, self._model).trained

    def _solve_untrained(self) -> bool:
        return self._solve(MINI, "known") and self._solve(BEFORE, "new")

    def _solve_trained(self) -> bool:
        return self._solve(AFTER, "new", loras=(self._run / "final" / "lora.safetensors",))

    def _solve(self, name: str, data: str, loras: Sequence[Path] = ()) -> bool:
        from vtb.infer.settings import VideoRequest
        from vtb.infer.video import infer_videos

        request = VideoRequest(
            model=self._model,
            data=self._data(data),
            out=self._clips(name),
            loras=tuple(loras),
            steps=DENOISING_STEPS,
            cfg=1.0,
            batch=BATCH,
            device="cpu",
        )
        return not infer_videos(request).failed

    def _clips(self, name: str) -> Path:
        return self._out / "clips" / name.replace(", ", "-")

    def _train(self) -> bool:
        from vtb.train.launch.job import Machines, open_job
        from vtb.train.launch.run import run_job

        job = open_job(
            RECIPE,
            [f"train.seed={self._seed}"],
            data=self._data("train"),
            model=self._model,
            out=self._run,
            machines=Machines(num_gpus=0),
        )
        return run_job(job, warn=lambda check: None).steps == job.steps

    def _judge(self) -> bool:
        """Scores every row; nothing but the true solution may beat the model."""
        from vtb.demo.page import write_page

        baselines = [self._evaluate(name, "known", baseline=name) for name in BASELINES]
        before = self._evaluate(BEFORE, "new", pred=self._clips(BEFORE))
        rows = [
            self._evaluate(MINI, "known", baselines, pred=self._clips(MINI)),
            before,
            self._evaluate(AFTER, "new", [before], pred=self._clips(AFTER)),
            *baselines,
        ]
        self.result.rows = [self._row(row) for row in rows]
        by_name = {row.name: row for row in self.result.rows}
        self.result.pairs = paired(by_name[BEFORE].passed, by_name[AFTER].passed)
        write_page(self.result, self._data, self._clips)
        others = (by_name[name].accuracy for name in BASELINES if name != "oracle")
        return by_name["oracle"].accuracy == 1 and max(others) < by_name[MINI].accuracy

    def _evaluate(
        self, name: str, data: str, beside: Sequence[Comparison] = (), **what: Any
    ) -> Comparison:
        from vtb.eval.puzzles import PuzzleEval, evaluate
        from vtb.eval.report import Comparison

        out = self._scores(name)
        request = PuzzleEval(data=self._data(data), out=out, workers=self._workers, **what)
        result: PuzzleResult = evaluate(request, comparisons=beside)
        return Comparison(name, result.results)

    def _scores(self, name: str) -> Path:
        return self._out / "eval" / name.replace(", ", "-")

    def _row(self, judged: Comparison) -> Row:
        from vtb.eval.scores import SCORES_NAME

        scores = read_json_lines(self._scores(judged.label) / SCORES_NAME)
        passed = {score["sample_id"]: score["passed"] for score in scores}
        low, high = judged.results["ci95"]
        return Row(judged.label, passed, judged.results["accuracy"], (low, high))
