"""Clips sampled while training: files, verdicts, guidance and stops."""

import json
import shutil
import signal
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from vtb.core.files import read_json_lines
from vtb.core.frames import FramePlan
from vtb.core.splits import SplitRule
from vtb.data.build import build
from vtb.data.request import Request, Task
from vtb.data.store import open_dataset
from vtb.infer.fill import sample_seed
from vtb.media.video import probe, read_frames
from vtb.models.wan.checkpoint import open_checkpoint
from vtb.models.wan.load import load_pipeline
from vtb.recipe.load import load
from vtb.recipe.schema import VideoRecipe
from vtb.run.rundir import RunDirectory
from vtb.train.flow.schedule import NoiseSchedule
from vtb.train.latents.clips import ClipSource
from vtb.train.latents.encode import ClipEncoder, PromptEncoder
from vtb.train.latents.encoded import Encoded
from vtb.train.launch.child import ChildArguments
from vtb.train.loop.loop import Loop
from vtb.train.loop.step_log import StepLog, events_file
from vtb.train.loop.stopping import StopRequest
from vtb.train.loop.watchdog import Watchdog
from vtb.train.session import Session
from vtb.train.trainee import TransformerTrainee
from vtb.train.validation import clips as module
from vtb.train.validation.best import read_best
from vtb.train.validation.clips import SampledClips, encode_empty_prompt

TINY = "video/wan2.2-ti2v-5b-tiny"


@pytest.fixture(scope="module")
def held_out(tmp_path_factory):
    """Three 5x5 mazes of the validation split, clips of 17 frames."""
    out = tmp_path_factory.mktemp("held_out") / "set"
    task = Task.of("maze-square", {"rows": 5, "cols": 5}, {"cell": 16})
    plan = FramePlan.of(17, 16)
    rule = SplitRule(test=0, validation=1000)
    build(Request([task], seed=0, plan=plan, video=True, rule=rule), out, 3)
    return open_dataset(out)


class Clips:
    """Encoded clips by number."""

    def __init__(self, ids, encoded):
        self.ids, self._encoded = ids, encoded
        self.sizes = [tuple(16 * side for side in one.latents.shape[2:]) for one in encoded]

    def read(self, number):
        return self._encoded[number]


@pytest.fixture(scope="module")
def encoded(held_out, tiny_wan):
    """The clips as the model reads them, and as it should make them."""
    source = ClipSource(held_out, load(VideoRecipe, TINY).recipe.data, "validation")
    pipe = load_pipeline(tiny_wan, parts=("vae", "text_encoder"))
    clip_encoder, prompt_encoder = ClipEncoder(pipe, open_checkpoint(tiny_wan)), PromptEncoder(pipe)
    read = [source.read(number) for number in range(len(source.ids))]
    encoded = [
        Encoded(
            context=prompt_encoder.encode(clip.prompt),
            **{name: t[0] for name, t in clip_encoder.encode(clip.frames[None]).items()},
        )
        for clip in read
    ]
    return Clips(source.ids, encoded), [clip.frames for clip in read]


@pytest.fixture
def sampled(tmp_path, held_out, tiny_wan, encoded):
    """Makes a measurement with a predictor of constant velocity zero unless told otherwise."""

    def make(*overrides, **changes):
        recipe = load(VideoRecipe, TINY, ["validation.steps=2", *overrides]).recipe
        measure = SampledClips(
            recipe=recipe,
            run=RunDirectory(tmp_path),
            dataset=held_out,
            model=tiny_wan,
            clips=encoded[0],
            predict=lambda latents, *_: torch.zeros_like(latents),
            dtype=torch.float32,
            schedule=NoiseSchedule.shifted(5.0, weighting="bell"),
            accelerator=Accelerator(cpu=True),
            stop=StopRequest(),
            beat=lambda: None,
        )
        return replace(measure, **changes)

    return make


def oracle(clips):
    """Predicts the velocity that leads to the true latents of the clip a sample belongs to."""
    truths = [clips.read(number) for number in range(len(clips.ids))]

    def predict(latents, timesteps, *_):
        sigma = (timesteps / 1000).view(-1, 1, 1, 1, 1)
        own = [
            min(truths, key=lambda truth: (truth.latents[:, 0] - x[:, 0]).square().sum())
            for x in latents
        ]
        return (latents - torch.stack([truth.latents for truth in own])) / sigma

    return predict


def test_a_perfect_model_passes(sampled, tmp_path, held_out, encoded, monkeypatch):
    clips, frames = encoded

    def decode(vae, latents):
        # The tiny VAE is random, so it cannot show what the latents stand for.
        errors = [(clips.read(n).latents - latents).abs().max().item() for n in range(3)]
        assert min(errors) < 1e-3
        return frames[int(np.argmin(errors))][None]

    monkeypatch.setattr(module, "decode", decode)
    beats = []
    # Mazes of 5 x 5 cells of 16 px stay legible at 64 px: the verifier accepts three px a cell.
    measure = sampled(predict=oracle(clips), beat=lambda: beats.append(None))
    figures = measure(250)
    assert figures == {
        "validation_score": 1.0,
        "validation_pass_rate": 1.0,
        "by_task": {"maze_square": {"score": 1.0, "pass_rate": 1.0}},
        "unscored": 0,
    }
    assert len(beats) >= 6
    directory = tmp_path / "previews" / "step-000250"
    rows = read_json_lines(directory / "verdicts.jsonl")
    assert [row["sample_id"] for row in rows] == sorted(held_out.ids())
    assert {path.name for path in directory.glob("*")} == {
        "verdicts.jsonl",
        *(f"{row['sample_id']}.mp4" for row in rows),
    }
    for row in rows:
        info = probe(directory / f"{row['sample_id']}.mp4")
        picture = held_out.sample(row["sample_id"]).puzzle
        # As large as the puzzle, whatever the model works in.
        assert (info.num_frames, info.fps) == (17, 16)
        assert (info.height, info.width) == picture.shape[:2]


def test_an_untrained_model_fails(sampled, tmp_path, encoded):
    figures = sampled("train.micro_batch=2")(10)
    assert figures["validation_pass_rate"] == 0.0 and figures["unscored"] == 0
    assert json.dumps(figures)
    clips = encoded[0]
    made = read_frames(tmp_path / "previews" / "step-000010" / f"{clips.ids[0]}.mp4")
    assert made.shape[0] == 17 and made.std() > 5


def test_noise_and_size_of_the_batch(sampled, encoded):
    clips = encoded[0]
    seen = []

    def predict(latents, timesteps, *_):
        seen.append((latents.clone(), timesteps))
        return torch.zeros_like(latents)

    sampled("train.micro_batch=2", "validation.seed=3", predict=predict)._denoised()
    assert [len(latents) for latents, _ in seen] == [2, 2, 2, 2]  # two rounds of two steps
    generator = torch.Generator().manual_seed(sample_seed(3, clips.ids[1]))
    noise = torch.randn(clips.read(1).latents.shape, generator=generator)
    assert torch.equal(seen[0][0][1][:, 1:], noise[:, 1:])
    assert seen[0][1].tolist() == [1000.0, 1000.0]


def test_each_clip_is_made_by_one_process(sampled):
    def member(rank):
        # Nobody asks for a stop, so the sum over both is that of one.
        return SimpleNamespace(
            device=torch.device("cpu"),
            num_processes=2,
            process_index=rank,
            reduce=lambda values, reduction: values,
        )

    shares = [list(sampled(accelerator=member(rank))._denoised()) for rank in range(2)]
    assert shares == [[0, 2], [1]]


def test_guidance_asks_twice(sampled, encoded, tiny_wan, tmp_path):
    empty = encode_empty_prompt(tiny_wan, torch.device("cpu"), tmp_path / "log.txt")
    assert empty.ndim == 2 and 0 < len(empty) < 5
    contexts = []

    def predict(latents, timesteps, context, *_):
        contexts.append(context)
        return torch.full_like(latents, float(len(contexts) % 2))

    measure = sampled("validation.cfg=3", predict=predict, empty_context=empty)
    latents = measure._denoised()
    assert len(contexts) == 3 * 2 * 2
    assert {context.shape[::2] for context in contexts} == {(1, 32)}
    assert torch.equal(contexts[1][0, : len(empty)], empty)
    assert not contexts[1][0, len(empty) :].any()
    # Velocity 1 with the prompt and 0 without makes 3, over a sigma of 1.
    generator = torch.Generator().manual_seed(sample_seed(0, encoded[0].ids[0]))
    noise = torch.randn(encoded[0].read(0).latents.shape, generator=generator)
    assert torch.allclose(latents[0][:, 1:], noise[:, 1:] - 3, atol=1e-5)


def test_without_images_in_training_none_is_given(sampled):
    flags = []

    def predict(latents, timesteps, context, is_given, image):
        flags.append(is_given.tolist())
        return torch.zeros_like(latents)

    sampled("train.i2v_prob=0", predict=predict)._denoised()
    sampled(predict=predict)._denoised()
    assert flags == [[False]] * 6 + [[True]] * 6


def test_a_stop_ends_it_without_a_result(sampled, tmp_path):
    stop = StopRequest()
    stop._note(signal.SIGTERM, None)
    assert sampled(stop=stop)(10) is None
    assert not (tmp_path / "previews").exists()


def run_loop(path, tiny_wan, held_out, clips, stop_at, *overrides):
    """Trains on the held-out clips themselves, as the training process does."""
    values = ["train.warmup_steps=0", "validation.steps=2", *overrides]
    recipe = load(VideoRecipe, TINY, values).recipe
    run, accelerator, stop = RunDirectory(path), Accelerator(cpu=True), StopRequest()
    steps = max(6, stop_at)
    arguments = ChildArguments(path, held_out.path, tiny_wan, path, "cpu", steps, stop_at)
    checkpoint, dog = open_checkpoint(tiny_wan), Watchdog(run, 0)
    session = Session(arguments, run, recipe, held_out, checkpoint, accelerator, stop, dog)
    trainee = TransformerTrainee.prepare(session, clips, held_out=clips)
    log = StepLog(trainee.task, [events_file(run)])
    loop = Loop(trainee.task, recipe.train, recipe.save, run, accelerator, log)
    observers = trainee.observers(loop, log)
    reached = loop.run(steps=steps, stop_at=stop_at, stop=stop, observers=observers)
    return run, reached


def measured(run, *names):
    """Step and figures of the measurements in the log."""
    rows = read_json_lines(run.events)
    return [[row[name] for name in ("step", *names)] for row in rows if names[0] in row]


def test_in_the_loop_and_after_a_kill(tmp_path, tiny_wan, held_out, encoded):
    values = ("validation.loss_every=2", "validation.every=4", "train.ema=0.5", "save.every=3")
    straight, reached = run_loop(tmp_path / "straight", tiny_wan, held_out, encoded[0], 6, *values)
    assert reached.is_complete
    losses = measured(straight, "validation_loss", "validation_loss_by_group")
    assert [step for step, *_ in losses] == [2, 4, 6]
    clips = measured(straight, "validation_score", "validation_pass_rate", "unscored")
    assert [step for step, *_ in clips] == [4, 6]
    assert (straight.previews / "step-000004" / "verdicts.jsonl").is_file()
    # Clips decide what is best, and checkpoints come and go without it.
    assert "validation_score" in read_best(straight).figures
    [best] = straight.checkpoints.glob("best-*")
    assert (best / "lora.safetensors").is_file() and straight.steps() == [3, 6]
    # Killed at step 5 and resumed from the checkpoint of step 3, the log is the same.
    killed = tmp_path / "killed"
    run_loop(killed, tiny_wan, held_out, encoded[0], 5, *values)
    shutil.rmtree(RunDirectory(killed).checkpoint(5))
    resumed, _ = run_loop(killed, tiny_wan, held_out, encoded[0], 6, *values)
    assert measured(resumed, "validation_loss", "validation_loss_by_group") == losses
    assert measured(resumed, "validation_score", "validation_pass_rate", "unscored") == clips
    assert [path.name for path in resumed.checkpoints.glob("best-*")] == [best.name]


def test_a_run_without_improvement_ends_early(tmp_path, tiny_wan, held_out, encoded):
    values = ("validation.loss_every=1", "validation.patience=2", "train.lr=1e-30")
    run, reached = run_loop(tmp_path, tiny_wan, held_out, encoded[0], 6, *values)
    assert (reached.step, reached.is_complete) == (3, True)
    assert read_best(run).step == 1
    _, again = run_loop(tmp_path, tiny_wan, held_out, encoded[0], 6, *values)
    assert (again.step, again.is_complete) == (3, True)


@pytest.mark.slow
def test_one_sample_is_overfitted(tmp_path, tiny_wan, held_out, encoded):
    clips = Clips(encoded[0].ids[:1], encoded[0]._encoded[:1])

    def loss_after(steps, *values):
        overrides = (f"validation.loss_every={steps}", "save.every=1000", *values)
        run, _ = run_loop(tmp_path / str(steps), tiny_wan, held_out, clips, steps, *overrides)
        [[_, loss]] = measured(run, "validation_loss")
        return loss

    untrained = loss_after(1, "train.lr=1e-30")
    assert loss_after(200, "train.lr=1e-2") < 0.7 * untrained
