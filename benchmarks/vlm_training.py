"""Seconds per step and memory of `vtb train vlm` on a Qwen3-VL of the real size, random weights.

Supervised: a LoRA through ms-swift, beside plain `swift sft` with the same arguments on the same
file, but without our plugin and callback; the sides alternate. GRPO: through ms-swift and TRL,
whose model writes the completions itself. Each run is a process of its own, and the first steps are
left out. Needs one GPU and 15 GB of disk; on a CPU `--preset tiny --gpus 0` shows that it works.

    python benchmarks/vlm_training.py --work DIR [--preset 2b|4b|tiny] [--steps N] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Any

RECIPES: Mapping[str, str] = {
    "sft": "vlm/qwen3-vl-sft-maze",
    "grpo": "vlm/qwen3-vl-grpo-maze",
}
# A picture of 27x27 tokens.
MAZE = ("--size", 9, "--cell", 96, "--split", "train", "--no-video")
TINY_MAZE = ("--size", 7, "--cell", 16, "--split", "train", "--no-video")
SAMPLES = 512
# What of our command line and of our environment plain ms-swift is not given.
OUR_FLAGS, OUR_VARIABLES = ("--external_plugins", "--callbacks"), "VTB_SWIFT_"
CHECKPOINT = Path(__file__).with_name("vlm_checkpoint.py")
# What takes a CPU seconds.
TINY: Mapping[str, Any] = {
    "batch": 4,
    "micro_batch": 2,
    "repeats": 1,
    "grpo_batch": 8,
    "grpo_steps": 3,
    "completion": 96,
}
# Lines of a failed command that are shown.
TAIL = 30
# Memory once taken from the driver stays taken.
LOOK_S = 1.0
MIB_PER_GIB = 1024


@dataclass(frozen=True, slots=True)
class Row:
    """A run: `steps` are the seconds of each step that counts, `seconds` is their median.

    `losses` are of all steps. `memory_gib` is the peak that torch reserved, where the library logs
    it, and `device_gib` what was in use by the driver's word.
    """

    method: str
    backend: str
    side: str
    repeat: int
    seconds: float
    steps: list[float]
    losses: list[float]
    command_seconds: float
    memory_gib: float | None
    device_gib: float | None

    @property
    def kind(self) -> tuple[str, str, str]:
        """What repeats have in common."""
        return self.method, self.backend, self.side


class RunFailedError(Exception):
    """A run that ended with another code than 0."""


def main() -> None:
    """Measures what is asked for and prints a table; exits with 1 if a run failed."""
    options = parse()
    options.work = options.work.resolve()
    data, model = inputs(options)
    print(f"{device_name(options)}, {versions()}, preset {options.preset}", flush=True)
    rows, failed = [], 0
    for method, backend, repeat in planned(options):
        try:
            for row in measured(options, data, model, method, backend, repeat):
                rows.append(row)
                print_row(row)
                write(options, rows)
        except RunFailedError as error:
            failed += 1
            print(f"FAILED: {error}", flush=True)
    print_table(rows)
    sys.exit(failed > 0)


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--preset", default="2b", choices=["2b", "4b", "tiny"])
    parser.add_argument("--data", type=Path, help="A data set of puzzles, instead of mazes.")
    parser.add_argument("--model", type=Path, help="A checkpoint, instead of a random one.")
    parser.add_argument("--gpus", default="1")
    parser.add_argument("--method", nargs="+", default=["sft", "grpo"], choices=list(RECIPES))
    parser.add_argument("--backend", nargs="+", default=["ms-swift", "trl"], help="Of GRPO.")
    parser.add_argument("--steps", type=int, default=40, help="Of a supervised run.")
    parser.add_argument("--repeats", type=int, default=2, help="Of both sides.")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--micro-batch", type=int, default=8)
    parser.add_argument("--grpo-steps", type=int, default=6)
    parser.add_argument("--grpo-batch", type=int, default=32, help="Completions.")
    parser.add_argument("--grpo-micro-batch", type=int, default=8)
    parser.add_argument("--completion", type=int, default=160, help="Tokens: all are so long.")
    parser.add_argument("--warmup", type=int, default=5, help="First steps, at most half of all.")
    parser.add_argument("--out", type=Path, help="JSON, written again after each run.")
    if parser.parse_known_args()[0].preset == "tiny":
        parser.set_defaults(**TINY)
    return parser.parse_args()


def inputs(options: argparse.Namespace) -> tuple[Path, Path]:
    """The data set and the checkpoint, made where they are not given and not there."""
    is_tiny = options.preset == "tiny"
    data = options.data or options.work / "data"
    model = options.model or options.work / f"model-{options.preset}"
    if not data.exists():
        vtb("gen", "maze", *(TINY_MAZE if is_tiny else MAZE), "-n", SAMPLES, "-o", data, "-q")
    if not model.exists():
        start = time.monotonic()
        dtype = "float32" if on_cpu(options) else "bfloat16"
        words = [str(model), "--size", options.preset, "--dtype", dtype]
        # In a process of its own, which leaves the GPU empty.
        subprocess.run([sys.executable, str(CHECKPOINT), *words], check=True)
        print(f"written in {time.monotonic() - start:.0f} s", flush=True)
    return data, model


def planned(options: argparse.Namespace) -> Iterator[tuple[str, str, int]]:
    """Method, backend and number of each run that the command line asks for."""
    if "sft" in options.method:
        yield from (("sft", "ms-swift", repeat) for repeat in range(options.repeats))
    if "grpo" in options.method:
        yield from (("grpo", backend, 0) for backend in options.backend)


def measured(
    options: argparse.Namespace, data: Path, model: Path, method: str, backend: str, repeat: int
) -> Iterator[Row]:
    """Ours, and for supervised training the plain one right after it."""
    run = options.work / f"run-{method}-{backend}-{repeat}"
    command = train_command(options, data, model, method, backend, run)
    plan = json.loads(vtb(*command, "--dry-run", "--json"))
    with watched(options) as used:
        seconds = timed(lambda: vtb(*command, "-q"))
    log = run / ("backend/logging.jsonl" if backend == "ms-swift" else "events.jsonl")
    yield row_of(options, (method, backend, "vtb", repeat), log, seconds, used)
    if method == "sft":
        out = options.work / f"plain-{repeat}"
        with watched(options) as used:
            seconds = timed(lambda: run_plain(plan, out))
        log = out / "logging.jsonl"
        yield row_of(options, (method, backend, "plain", repeat), log, seconds, used)


def timed(act: Callable[[], object]) -> float:
    """Seconds that it takes."""
    start = time.monotonic()
    act()
    return time.monotonic() - start


def train_command(
    options: argparse.Namespace, data: Path, model: Path, method: str, backend: str, run: Path
) -> list[object]:
    """The words of `vtb train vlm`."""
    is_grpo = method == "grpo"
    settings: dict[str, object] = {
        "model.dtype": "fp32" if on_cpu(options) else "bf16",
        "train.steps": options.grpo_steps if is_grpo else options.steps,
        "train.batch": options.grpo_batch if is_grpo else options.batch,
        "train.micro_batch": options.grpo_micro_batch if is_grpo else options.micro_batch,
    }
    if is_grpo:
        settings |= {
            "grpo.max_completion": options.completion,
            # No random model solves a puzzle or comes to an end; such runs would be refused.
            "preflight.prompts": 0,
            "grpo.overlong_filter": "false",
            "grpo.dynamic_sample": "false",
        }
    words: list[object] = ["train", "vlm", "-r", RECIPES[method], "--data", data, "--model", model]
    words += ["-o", run, "--backend", backend, "--gpus", options.gpus]
    for name, value in settings.items():
        words += ["-s", f"{name}={value}"]
    return words


def run_plain(plan: Mapping[str, Any], out: Path) -> None:
    """Runs ms-swift as our plan does, less what is ours."""
    words = without(plan["argv"], OUR_FLAGS)
    words[words.index("--output_dir") + 1] = str(out)
    added = {name: value for name, value in plan["env"].items() if OUR_VARIABLES not in name}
    log = out.with_suffix(".log")
    with log.open("w") as file:
        done = subprocess.run(
            words, env={**os.environ, **added}, stdout=file, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-TAIL:])
        raise RunFailedError(f"plain ms-swift, exit {done.returncode}\n{last}")


def without(words: Sequence[str], flags: Sequence[str]) -> list[str]:
    """A command line without flags that have one value each."""
    dropped = {words.index(flag) + place for flag in flags for place in (0, 1)}
    return [word for place, word in enumerate(words) if place not in dropped]


def row_of(
    options: argparse.Namespace,
    what: tuple[str, str, str, int],
    log: Path,
    command_seconds: float,
    used: Sequence[float],
) -> Row:
    """Reads what a library has logged."""
    events = [json.loads(line) for line in log.read_text().splitlines()]
    events = [event for event in events if "loss" in event]
    is_grpo = what[0] == "grpo"
    batch = options.grpo_batch if is_grpo else options.batch
    seconds = trl_seconds(events, batch) if log.name == "events.jsonl" else swift_seconds(events)
    kept = seconds[min(options.warmup, len(seconds) // 2) :]
    memory = max((event.get("memory(GiB)", 0.0) for event in events), default=0.0)
    peak = max(used, default=0.0)
    losses = [event["loss"] for event in events]
    return Row(*what, median(kept), kept, losses, command_seconds, memory or None, peak or None)


def swift_seconds(events: Sequence[Mapping[str, Any]]) -> list[float]:
    """Of each step, from the mean over all steps so far, which the log has to the microsecond."""
    elapsed = [number * event["train_speed(s/it)"] for number, event in enumerate(events, 1)]
    return [after - before for before, after in pairwise([0.0, *elapsed])]


def trl_seconds(events: Sequence[Mapping[str, Any]], batch: int) -> list[float]:
    """Of each step, from our own events."""
    return [batch / event["samples_per_second"] for event in events]


@contextmanager
def watched(options: argparse.Namespace) -> Generator[list[float]]:
    """Yields a list that gets the memory in use on the GPU, GiB, time and again."""
    used: list[float] = []
    is_over = Event()

    def look() -> None:
        while not is_over.wait(LOOK_S):
            used.append(float(ask_driver("memory.used")) / MIB_PER_GIB)

    thread = Thread(target=look, daemon=True)
    if not on_cpu(options):
        thread.start()
    try:
        yield used
    finally:
        is_over.set()


def ask_driver(what: str) -> str:
    """A figure of the first GPU."""
    words = ["nvidia-smi", f"--query-gpu={what}", "--format=csv,noheader,nounits", "-i", "0"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def vtb(*args: object) -> str:
    """Runs one command and returns its standard output."""
    argv = [sys.executable, "-m", "vtb", *map(str, args)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-TAIL:])
        raise RunFailedError(f"vtb {' '.join(argv[3:])}, exit {done.returncode}\n{last}")
    return done.stdout


def on_cpu(options: argparse.Namespace) -> bool:
    """Whether no GPU is used; ms-swift trains in float32 then."""
    return options.gpus == "0"


def device_name(options: argparse.Namespace) -> str:
    """The device in words."""
    return "CPU" if on_cpu(options) else ask_driver("name")


def versions() -> str:
    """Of what decides the speed."""
    from importlib.metadata import version

    names = ("torch", "transformers", "ms-swift", "trl", "peft")
    return ", ".join(f"{name} {version(name)}" for name in names)


def write(options: argparse.Namespace, rows: Sequence[Row]) -> None:
    """Writes everything measured so far."""
    if not options.out:
        return
    asked = {name: str(value) for name, value in vars(options).items()}
    facts = {"device": device_name(options), "versions": versions(), "options": asked}
    found = facts | {"ratio": ratio(rows), "rows": [asdict(row) for row in rows]}
    options.out.write_text(json.dumps(found, indent=1) + "\n")


def ratio(rows: Sequence[Row]) -> float | None:
    """Our seconds per step of supervised training by plain ms-swift's, over all repeats."""
    ours, plain = (
        [one for row in rows if row.kind == ("sft", "ms-swift", side) for one in row.steps]
        for side in ("vtb", "plain")
    )
    return median(ours) / median(plain) if ours and plain else None


def print_row(row: Row) -> None:
    """One run, as soon as it is over."""
    spread = f"{min(row.steps):.4f} to {max(row.steps):.4f}"
    print(
        f"{' '.join(row.kind)} #{row.repeat}: {row.seconds:.4f} s per step ({spread}, "
        f"{len(row.steps)} steps), {gib(row.memory_gib)} reserved, {gib(row.device_gib)} in use, "
        f"loss {row.losses[0]:.4f} to {row.losses[-1]:.4f}, {row.command_seconds:.0f} s in all",
        flush=True,
    )


def print_table(rows: Sequence[Row]) -> None:
    """Each kind of run over its repeats, and the ratio of the two sides."""
    print("| method | backend | side | s per step | reserved | in use |")
    print("|---|---|---|---|---|---|")
    for kind in dict.fromkeys(row.kind for row in rows):
        same = [row for row in rows if row.kind == kind]
        seconds = median(one for row in same for one in row.steps)
        reserved, used = (
            gib(max((getattr(row, name) or 0.0 for row in same), default=0.0) or None)
            for name in ("memory_gib", "device_gib")
        )
        print(f"| {' | '.join(kind)} | {seconds:.4f} | {reserved} | {used} |")
    found = ratio(rows)
    if found is not None:
        pairs = ", ".join(f"{a.seconds / b.seconds:.3f}" for a, b in pairs_of(rows))
        print(f"vtb takes {found:.3f} times plain ms-swift's time per step (by pairs: {pairs})")
        print(f"and its losses differ by at most {loss_difference(rows):.2g}")


def pairs_of(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Our supervised runs, each with the plain one after it."""
    by = {(row.side, row.repeat): row for row in rows if row.method == "sft"}
    numbers = (row.repeat for row in rows if row.side == "plain")
    return [(by["vtb", number], by["plain", number]) for number in numbers]


def loss_difference(rows: Sequence[Row]) -> float:
    """The largest in any step of a pair: both train the same, or the times compare nothing."""
    return max(
        abs(one - other)
        for ours, plain in pairs_of(rows)
        for one, other in zip(ours.losses, plain.losses, strict=True)
    )


def gib(value: float | None) -> str:
    """A size, or that it is not known."""
    return "–" if value is None else f"{value:.1f} GiB"


if __name__ == "__main__":
    main()
