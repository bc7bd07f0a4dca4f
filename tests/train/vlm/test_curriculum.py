"""Puzzles are chosen by what the base model can do; nothing is trained and no model is asked."""

import json
import signal
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from vtb.core.answers import wrap
from vtb.core.errors import UsageError
from vtb.core.files import read_json, read_json_lines
from vtb.data.store import open_dataset
from vtb.infer.chat.protocol import ChatResult
from vtb.run.launch import Ending
from vtb.train.loop.stopping import StopRequest
from vtb.train.vlm.child import VlmChildArguments
from vtb.train.vlm.curriculum import chosen, measured
from vtb.train.vlm.plan import plan_vlm
from vtb.train.vlm.stages import run_vlm_job
from vtb.train.vlm.variance import Tried

GRPO = "vlm/qwen3-vl-tiny-grpo"
BAND = "curriculum.band=[0.25, 0.75]"
# Two puzzles a step.
SMALL = ("train.batch=8", "train.micro_batch=4", "grpo.generations=4", "preflight.generations=4")


def tried(name, *solved):
    return [Tried(name, "maze", "", float(one), one, "ok", False) for one in solved]


def test_puzzles_are_counted_below_within_and_above_the_band():
    answers = [
        *tried("never", False, False, False, False),
        *tried("seldom", True, False, False, False),
        *tried("often", True, True, True, False),
        *tried("always", True, True, True, True),
    ]
    found = measured(answers, (0.25, 0.75))
    assert (found["below"], found["within"], found["above"]) == (1, 2, 1)
    assert found["accuracy"] == {"never": 0, "seldom": 0.25, "often": 0.75, "always": 1}
    assert chosen({"curriculum": json.loads(json.dumps(found))}) == {"seldom", "often"}


def test_shares_are_exact_at_the_bounds():
    answers = [*tried("a", *[True] * 2, *[False] * 8), *tried("b", *[True] * 8, *[False] * 2)]
    assert measured(answers, (0.2, 0.8))["within"] == 2


def checks(job):
    return [check for check in plan_vlm(job).checks if check.name == "curriculum"]


def test_the_plan_says_what_is_chosen_from(job_of, tmp_path):
    [check] = checks(job_of(tmp_path, BAND, "preflight.prompts=20", recipe=GRPO))
    assert check.level == "info"
    assert "20 of 50 puzzles are asked 8 times each" in check.message
    assert "25% to 75%" in check.message
    assert not checks(job_of(tmp_path, BAND))  # SFT learns from all


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        ("train.steps=0", "-s train.steps=100"),
        ("preflight.prompts=7", "-s preflight.prompts=50"),
        ("preflight.prompts=0", "-s preflight.prompts=50"),
    ],
)
def test_what_a_curriculum_cannot_do(job_of, tmp_path, override, hint):
    first = checks(job_of(tmp_path, BAND, override, recipe=GRPO))[0]
    assert (first.level, first.hint) == ("error", hint)


def test_a_curriculum_decides_the_result(job_of, tmp_path):
    def settings(*overrides):
        return job_of(tmp_path, *overrides, recipe=GRPO).settings

    assert settings(BAND) != settings()
    assert settings(BAND, "preflight.prompts=20") != settings(BAND)


class ScriptedModel:
    """Solves the puzzle at each place of the data set in so many of the first rounds."""

    def __init__(self, data, solves):
        rows = open_dataset(data).rows("train", ["id", "answer"])
        self._truths = {row["id"]: row["answer"] for row in rows}
        self._solves = dict(zip(self._truths, solves, strict=True))
        self.seeds = []

    def complete(self, requests, sampling):
        self.seeds.append(sampling.seed)
        for request in requests:
            is_solved = sampling.seed - 42 < self._solves[request.id]
            text = wrap(self._truths[request.id]) if is_solved else "no idea"
            yield ChatResult(request.id, text, "stop")


@pytest.fixture
def model(squares, monkeypatch):
    """Of fifty puzzles it solves 45 never, three in two of four answers and two always."""
    pytest.importorskip("torch")
    scripted = ScriptedModel(squares, [0] * 45 + [2] * 3 + [4] * 2)
    monkeypatch.setattr("vtb.train.vlm.try_base._backend", lambda *_: scripted)
    return scripted


def launcher(job, launched):
    """Tries the base model in this process, and trains nothing."""

    def launch(plan, log, watch):
        from vtb.train.vlm.try_base import try_base

        if "preflight" in plan.argv:
            launched.append("preflight")
            is_done = try_base(VlmChildArguments.parse(plan.argv[3:]), StopRequest())
            return Ending(is_complete=is_done)
        launched.append("train" if "finish" not in plan.argv else "finish")
        job.run.checkpoint(job.stop_at).mkdir(parents=True, exist_ok=True)
        return Ending()

    return launch


@pytest.fixture
def run_job(job_of, model, tmp_path):
    """Runs a job without training; returns it, what was launched and what was said."""

    def run(*overrides, max_steps=None, **options):
        job = job_of(tmp_path / "run", *SMALL, *overrides, recipe=GRPO, max_steps=max_steps)
        launched, said = [], []
        run_vlm_job(job, warn=said.append, launch=launcher(job, launched), **options)
        return SimpleNamespace(run=job.run, launched=launched, said=[one.message for one in said])

    return run


def exported(run):
    """Ids of the puzzles that a backend is given."""
    if (run.data / "train_grpo.parquet").is_file():
        return pq.read_table(run.data / "train_grpo.parquet")["vtb_id"].to_pylist()
    return [row["vtb_id"] for row in read_json_lines(run.data / "train_grpo.jsonl")]


@pytest.mark.parametrize("backend", ["trl", "ms-swift"])
def test_a_backend_is_given_the_chosen_puzzles(run_job, squares, backend):
    pytest.importorskip("trl" if backend == "trl" else "swift")
    done = run_job(BAND, "preflight.prompts=50", f"train.backend={backend}")
    assert exported(done.run) == open_dataset(squares).ids("train")[45:48]
    found = read_json(done.run.preflight)
    assert found["completions"] == 200
    assert [found["curriculum"][name] for name in ("below", "within", "above")] == [45, 3, 2]
    [counts] = [message for message in done.said if "puzzles have" in message]
    assert counts.startswith("3 puzzles have 25% to 75% right answers of the base model, 45 have")


def test_without_a_band_all_are_trained_on(run_job):
    done = run_job()
    assert len(exported(done.run)) == 50
    assert "curriculum" not in read_json(done.run.preflight)


def test_a_resumed_run_measures_nothing_again(run_job, model):
    first = run_job(BAND, "preflight.prompts=50", max_steps=2)
    before, ids = first.run.preflight.read_bytes(), exported(first.run)
    second = run_job(BAND, "preflight.prompts=50")
    assert (first.launched, second.launched) == (["preflight", "train"], ["train"])
    assert model.seeds == [42, 43, 44, 45]
    assert (second.run.preflight.read_bytes(), exported(second.run)) == (before, ids)
    assert any(message.startswith("3 puzzles have") for message in second.said)


def test_a_run_is_refused_when_too_few_puzzles_are_left(run_job, tmp_path):
    with pytest.raises(UsageError, match="0 puzzles have 80% to 90%") as caught:
        run_job("curriculum.band=[0.8, 0.9]", "preflight.prompts=50")
    assert "48 have fewer and 2 more, and a step asks 2" in caught.value.message
    assert "easier puzzles" in caught.value.hint
    assert not (tmp_path / "run" / "data").exists()
    assert read_json(tmp_path / "run" / "run.json")["status"] == "failed"


def test_another_band_is_measured_anew_with_force(run_job, model):
    run_job(BAND, "preflight.prompts=50")
    done = run_job("curriculum.band=[0.5, 0.5]", "preflight.prompts=50", force=True)
    assert done.launched == ["preflight", "train"]
    assert model.seeds == [42, 43, 44, 45] * 2


class StopAfter:
    """A stop request that comes after so many answers."""

    def __init__(self, answers):
        self._left = answers

    @property
    def signal(self):
        self._left -= 1
        return signal.SIGTERM if self._left < 0 else None


def test_an_interrupted_measurement_keeps_its_finished_rounds(job_of, model, tmp_path):
    from vtb.train.vlm.try_base import try_base

    def measure(name, stop):
        job = job_of(tmp_path / name, *SMALL, BAND, "preflight.prompts=50", recipe=GRPO)
        job.run.path.mkdir(exist_ok=True)
        job.run.recipe.write_text(job.resolved.toml())
        return job.run, try_base(VlmChildArguments.of(job, "preflight"), stop)

    run, is_done = measure("parts", StopAfter(130))
    assert not is_done and not run.preflight.exists()
    with run.tried.open("a") as file:
        file.write('{"seed": 44, "sample_')  # torn by a kill
    assert measure("parts", StopRequest())[1]
    assert model.seeds == [42, 43, 44, 44, 45]
    whole, _ = measure("whole", StopRequest())
    assert run.preflight.read_bytes() == whole.preflight.read_bytes()
