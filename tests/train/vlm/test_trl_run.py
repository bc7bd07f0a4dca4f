"""TRL trainings as runs: exact resumption, graceful ends, what is logged and what is left."""

import math
import signal
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from vtb.core.errors import TrainingDivergedError, UsageError
from vtb.core.files import append_line, read_json, read_json_lines
from vtb.core.rewards import sample_of
from vtb.data.store import open_dataset
from vtb.models.check import check
from vtb.run.launch import Ending
from vtb.train.vlm.stages import run_vlm_job
from vtb.train.vlm.trl.recorder import Recorder

GRPO = "vlm/qwen3-vl-tiny-grpo"
SHORT = ("train.steps=8", "save.every=100")
# From a random model nothing is earned, but everything is called.
SMALL_GRPO = (
    *("train.steps=4", "save.every=2", "train.batch=8", "train.micro_batch=4"),
    *("grpo.generations=4", "grpo.overlong_filter=false"),
    *("preflight.prompts=4", "preflight.generations=4"),
)


def events(run):
    return read_json_lines(run.events)


def losses(run):
    return [row["loss"] for row in events(run)]


@pytest.fixture
def taught(trained):
    """A model that has begun to answer."""
    return trained("train.steps=25", "train.lr=1e-3", "save.every=100", out="taught").final


def test_a_resumed_run_is_the_same_run(trained):
    whole = trained(*SHORT, out="whole")
    killed = trained(*SHORT, out="parts", max_steps=3)
    append_line(killed.events, '{"step": 4, "loss": 9.0}')  # of a step without a checkpoint
    append_line(killed.completions, '{"step": 4}')
    parts = trained(*SHORT, out="parts")
    assert [row["step"] for row in events(parts)] == list(range(1, 9))
    assert losses(parts) == pytest.approx(losses(whole), abs=1e-6)
    assert parts.state()["resumed_from"] == 3
    assert not read_json_lines(parts.completions)
    ends = [load_file(run.final / "model.safetensors") for run in (whole, parts)]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
    assert not whole.backend.exists()


def test_a_seed_decides_a_run(trained):
    same = [trained(*SHORT, out=name, max_steps=2) for name in ("one", "two")]
    other = trained(*SHORT, "train.seed=1", out="other", max_steps=2)
    assert losses(same[0]) == losses(same[1]) != losses(other)


def test_a_recipe_becomes_the_arguments_of_a_trainer(job_of, tmp_path):
    from vtb.train.vlm.child import VlmChildArguments
    from vtb.train.vlm.trl.settings import grpo_config, sft_config

    chosen = ("train.seed=5", "train.batch=40", "train.grad_clip=0", "train.warmup_steps=3")
    more = ("grpo.beta=0.1", "grpo.epsilon_high=0.3", "train.adam_beta2=0.9", "grpo.top_p=0.5")
    job = job_of(tmp_path, *chosen, *more, max_steps=9)
    arguments = VlmChildArguments.of(job, "train")
    sft = sft_config(job.recipe, arguments, 2, tmp_path)
    assert (sft.seed, sft.data_seed, sft.max_steps, sft.max_length) == (5, 5, 120, None)
    assert (sft.per_device_train_batch_size, sft.gradient_accumulation_steps) == (10, 2)
    assert (sft.max_grad_norm, sft.warmup_steps, sft.adam_beta2) == (math.inf, 3, 0.9)
    grpo = grpo_config(job.recipe, arguments, 1, tmp_path, [7, 8])
    assert (grpo.seed, grpo.steps_per_generation, grpo.beta) == (5, 4, 0.1)
    assert (grpo.epsilon, grpo.epsilon_high, grpo.top_p, grpo.loss_type) == (0.2, 0.3, 0.5, "dapo")
    assert grpo.generation_kwargs == {"suppress_tokens": [7, 8]}
    assert grpo.mask_truncated_completions


def test_old_checkpoints_go(trained):
    run = trained("train.steps=5", "save.every=1", "save.keep=2")
    assert run.steps() == [4, 5]


def test_a_complete_run_is_left_alone(trained, monkeypatch):
    run = trained(*SHORT, max_steps=2)
    before = run.events.read_bytes()
    monkeypatch.setattr("vtb.train.vlm.main.work", None)
    assert trained(*SHORT, max_steps=2) == run
    assert run.events.read_bytes() == before


def test_a_final_that_is_lost_is_made_again_without_training(trained):
    import shutil

    run = trained(*SHORT, max_steps=2)
    shutil.rmtree(run.final)
    trained(*SHORT, max_steps=2)
    assert (run.final / "model.safetensors").is_file()
    assert len(events(run)) == 2


class StopAfter:
    """A stop request that comes at the end of a step."""

    def __init__(self, steps):
        self.left = steps

    @property
    def signal(self):
        self.left -= 1
        return signal.SIGTERM if self.left <= 0 else None


def test_a_stop_leaves_a_checkpoint_of_its_step(job_of, tmp_path):
    from vtb.train.vlm.child import VlmChildArguments
    from vtb.train.vlm.main import work

    def launch(plan, log, watch):
        assert not work(VlmChildArguments.parse(plan.argv[3:]), StopAfter(3))
        return Ending(is_complete=False)

    job = job_of(tmp_path / "run", *SHORT)
    run_vlm_job(job, warn=print, launch=launch)
    assert job.run.steps() == [3]
    assert job.run.state()["status"] == "interrupted"
    assert not job.run.final.exists()


def test_frozen_parts_stay(trained, tiny_qwen3_vl):
    run = trained(*SHORT, 'train.freeze=["vision"]', max_steps=2)
    before, after = (
        load_file(directory / "model.safetensors") for directory in (tiny_qwen3_vl, run.final)
    )
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert not [name for name in changed if name.startswith("model.visual.blocks")]
    assert any(name.startswith("model.visual.merger") for name in changed)
    assert any("language_model" in name for name in changed)


def test_a_final_checkpoint_is_whole_and_sees_as_training_did(trained, tiny_qwen3_vl):
    from vtb.models.qwen3_vl.load import load_processor, picture_limits
    from vtb.models.qwen3_vl.pictures import PictureLimits

    run = trained(*SHORT, "data.image_min_tokens=16", max_steps=1)
    assert check(run.final).ok
    assert picture_limits(load_processor(run.final)) == PictureLimits(16, 1024)
    names = {path.name for path in tiny_qwen3_vl.iterdir()}
    assert {path.name for path in run.final.iterdir()} == names | {"README.md"}
    card = (run.final / "README.md").read_text()
    assert "trained by SFT" in card and "16 to 1024 tokens" in card
    assert read_json(run.final / "vtb_tiny.json")["seed"] is None


def test_an_adapter_fits_its_base(trained, tiny_qwen3_vl):
    from vtb.models.qwen3_vl.adapter import read_adapter
    from vtb.models.structure import read_shapes
    from vtb.recipe.load import load
    from vtb.recipe.vlm import VlmRecipe
    from vtb.train.vlm.layers import lora_layers

    frozen = 'train.freeze=["vision"]'
    run = trained(*SHORT, "train.target=lora", "lora.rank=3", "lora.alpha=5", frozen, max_steps=2)
    assert check(tiny_qwen3_vl, None, [run.final]).ok
    adapter = read_adapter(run.final / "adapter_model.safetensors")
    assert (adapter.ranks, adapter.alphas) == ((3,), (5.0,))
    recipe = load(VlmRecipe, str(run.recipe)).recipe
    layers = lora_layers(read_shapes([tiny_qwen3_vl / "model.safetensors"]), recipe)
    assert set(adapter.pairs) == set(layers)


def test_grpo_logs_what_it_does(trained, taught, squares):
    said = []
    run = trained(*SMALL_GRPO, recipe=GRPO, model=taught, said=said)
    assert run.steps() == [2, 4]
    rows = events(run)
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    for row in rows:
        parts = row["reward_parts"]
        assert row["reward"] == pytest.approx(parts["correct"] + 0.1 * parts["format"], abs=1e-5)
        assert row["correct_by_task"] == {"squares": pytest.approx(parts["correct"], abs=1e-5)}
        assert {"zero_std_groups", "clipped_ratio", "mean_length", "entropy", "lr"} <= set(row)
    lines = read_json_lines(run.completions)
    assert [line["step"] for line in lines] == [step for step in (1, 2, 3, 4) for _ in range(8)]
    ids = open_dataset(squares).ids("train")
    for step in (1, 2, 3, 4):
        of_step = [line for line in lines if line["step"] == step]
        assert len({line["vtb_id"] for line in of_step}) == 2
        scores = [line["parts"]["correct"] for line in of_step]
        assert sum(scores) / 8 == pytest.approx(rows[step - 1]["reward_parts"]["correct"], abs=1e-5)
    assert {line["vtb_id"] for line in lines} <= set(ids)
    report = read_json(run.preflight)
    assert (report["completions"], list(report["tasks"])) == (16, ["squares"])
    assert "over the last" in (run.final / "README.md").read_text()


def test_grpo_trains_on_the_puzzles_of_its_curriculum(trained, taught, squares):
    pool = ("curriculum.band=[0.2, 0.8]", "preflight.prompts=50")
    run = trained(*SMALL_GRPO[:-2], *pool, "preflight.generations=8", recipe=GRPO, model=taught)
    found = read_json(run.preflight)["curriculum"]
    assert found["below"] + found["within"] + found["above"] == len(found["accuracy"]) == 50
    chosen = {name for name, share in found["accuracy"].items() if 0.2 <= share <= 0.8}
    assert 2 <= found["within"] == len(chosen) < 50
    asked = {line["vtb_id"] for line in read_json_lines(run.completions)}
    assert asked and asked <= chosen


@pytest.mark.slow
def test_a_resumed_grpo_run_is_the_same_run(trained, taught):
    options = {"recipe": GRPO, "model": taught}
    whole = trained(*SMALL_GRPO, out="whole", **options)
    trained(*SMALL_GRPO, out="parts", max_steps=2, **options)
    parts = trained(*SMALL_GRPO, out="parts", **options)
    for read in (events, lambda run: read_json_lines(run.completions)):
        assert len(read(parts)) == len(read(whole))
    assert losses(parts) == pytest.approx(losses(whole), abs=1e-6)
    texts = [[row["text"] for row in read_json_lines(run.completions)] for run in (whole, parts)]
    assert texts[0] == texts[1]


def test_cut_completions_count_as_unreadable_or_not_at_all(job_of, tmp_path):
    from vtb.recipe.load import load
    from vtb.recipe.vlm import VlmRecipe
    from vtb.train.vlm.trl.rewarding import Rewarding

    row = next(open_dataset(job_of(tmp_path).dataset.path).rows("train", limit=1))
    text = f"<answer>{row['answer']}</answer>"
    columns = {
        "vtb_id": [row["id"]] * 2,
        "vtb_task": [row["task"]] * 2,
        "vtb_instance": [row["instance"]] * 2,
        "completion_ids": [[5, 1], [5, 6]],
        "trainer_state": SimpleNamespace(global_step=0),
    }
    assert sample_of(row["id"], row["instance"]).answer == row["answer"]

    def rewards(*overrides):
        recipe = load(VlmRecipe, GRPO, ["reward.format=0.5", *overrides]).recipe
        dog = SimpleNamespace(beat=lambda: None)
        functions = Rewarding(recipe, frozenset([1]), dog, None).functions()
        completions = [[{"role": "assistant", "content": text}]] * 2
        return {one.__name__: one(completions, **columns) for one in functions}

    assert rewards("grpo.overlong_filter=false") == {
        "vtb_correct": [1.0, -1.0],
        "vtb_format": [0.5, 0.5],
    }
    assert rewards("grpo.overlong_filter=true")["vtb_correct"] == [1.0, 1.0]
    assert list(rewards("reward.correct=0")) == ["vtb_format"]


def test_a_loss_that_is_not_finite_ends_the_run(trained, tmp_path):
    with pytest.raises(TrainingDivergedError) as caught:
        trained("train.steps=9", "save.every=1", "train.lr=1e30", "train.grad_clip=0")
    assert "step-" in caught.value.fact and "is good" in caught.value.fact
    rows = read_json_lines(tmp_path / "run" / "events.jsonl")
    assert [row["loss"] for row in rows[-3:]] == [None] * 3
    assert read_json(tmp_path / "run" / "run.json")["status"] == "failed"


@pytest.mark.parametrize(("value", "is_kept"), [(1.0, True), (math.nan, False), (math.inf, False)])
def test_a_gradient_that_is_not_finite_changes_nothing(value, is_kept):
    model = nn.Linear(2, 1)
    model(torch.ones(1, 2)).sum().backward()
    model.weight.grad[0, 1] = value
    Recorder.on_pre_optimizer_step(None, None, None, None, model=model)
    assert (model.weight.grad is not None) == is_kept


def test_a_warning_of_the_training_is_said(job_of, tmp_path):
    def launch(plan, log, watch):
        run = job.run
        run.events.write_text('{"step": 1, "loss": 1.0, "warning": "all is flat"}\n')
        run.checkpoint(8).mkdir(parents=True)
        return Ending()

    job, said = job_of(tmp_path / "run", *SHORT), []
    run_vlm_job(job, warn=said.append, launch=launch)
    assert [check.message for check in said] == ["all is flat"]


def test_a_random_model_is_stopped_before_grpo(trained, tmp_path):
    with pytest.raises(UsageError, match="100% of the groups earn the same") as caught:
        trained(recipe=GRPO)
    assert caught.value.exit_code == 2
    assert "--method sft first" in caught.value.hint
    run = tmp_path / "run"
    report = read_json(run / "preflight.json")
    assert (report["zero_std_groups"], report["completions"]) == (1.0, 128)
    assert not (run / "events.jsonl").exists()
    assert read_json(run / "run.json")["status"] == "failed"


def test_the_preflight_can_be_left_out(trained, tmp_path):
    small = [one for one in SMALL_GRPO if not one.startswith("preflight")]
    run = trained(*small, "preflight.prompts=0", recipe=GRPO, max_steps=1)
    assert not run.preflight.exists()
    assert len(events(run)) == 1
