"""Losses on fixed noise, the best weights, patience, and what the preflight says of them."""

import signal
from contextlib import contextmanager
from dataclasses import fields
from threading import Barrier, Thread
from types import SimpleNamespace

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file
from torch import nn

from vtb.models.wan.variants import I2V_A14B, TI2V_5B
from vtb.recipe.load import load
from vtb.recipe.schema import VideoRecipe
from vtb.run.rundir import RunDirectory
from vtb.train.flow.flow_matching import flow_matching_losses
from vtb.train.flow.schedule import NoiseSchedule
from vtb.train.latents.encoded import Encoded
from vtb.train.loop.ema import Average
from vtb.train.loop.step_log import StepLog, events_file
from vtb.train.loop.stopping import StopRequest
from vtb.train.validation.best import BestWeights, read_best
from vtb.train.validation.checks import validation_checks
from vtb.train.validation.loss import NUM_LEVELS, HeldOutLoss, NoiseGrid
from vtb.train.validation.observers import Measurements, Validation
from vtb.train.validation.sharing import rounds
from vtb.train.validation.verdicts import summary

TINY = "video/wan2.2-ti2v-5b-tiny"
GROUPS = ("a", "b", "c", "d")


def recipe_of(*overrides):
    return load(VideoRecipe, TINY, overrides).recipe


class Clips:
    """Three random clips, all with a first frame."""

    ids = ("one", "two", "three")

    def __init__(self, sizes=((64, 64),) * 3):
        self.sizes = sizes

    def read(self, number):
        draw = torch.Generator().manual_seed(number)
        latents = torch.randn(2, 3, *(side // 16 for side in self.sizes[number]), generator=draw)
        return Encoded(latents, torch.ones(5, 6), latents[:, :1] + 1)


class Objective(nn.Module):
    """Flow matching with one weight: it predicts that share of the noisy latents."""

    def __init__(self):
        super().__init__()
        self.share = nn.Parameter(torch.tensor(0.25))
        self.seen = []

    def forward(self, batch):
        assert not torch.is_grad_enabled()
        self.seen.append(batch)
        return flow_matching_losses(lambda x, *_: self.share * x, batch, torch.float32)


def loss_of(
    accelerator=None,
    *,
    micro_batch=1,
    stop=None,
    module=None,
    i2v_prob=1.0,
    beat=None,
    clips=None,
):
    """A measurement on the three clips, and its module."""
    recipe = recipe_of(f"train.i2v_prob={i2v_prob}")
    schedule = NoiseSchedule.shifted(5.0, weighting="bell")
    module = module or Objective()
    measure = HeldOutLoss(
        SimpleNamespace(module=module, group_names=GROUPS),
        NoiseGrid(clips or Clips(), schedule, recipe),
        accelerator or Accelerator(cpu=True),
        micro_batch,
        stop or StopRequest(),
        beat or (lambda: None),
    )
    return measure, module


class Team:
    """Accelerators of processes that are threads here."""

    def __init__(self, world):
        self.num_processes, self.device = world, torch.device("cpu")
        self._barrier, self._values = Barrier(world), [torch.zeros(0)] * world

    def member(self, rank):
        def reduce(values, reduction):
            assert reduction == "sum"
            self._values[rank] = values
            self._barrier.wait(timeout=10)
            result = torch.stack(self._values).sum(0)
            self._barrier.wait(timeout=10)
            return result

        return SimpleNamespace(
            num_processes=self.num_processes,
            process_index=rank,
            device=self.device,
            is_main_process=rank == 0,
            reduce=reduce,
        )

    def run(self, act):
        """What `act` returns for each member, all at once."""
        found = [None] * self.num_processes
        threads = [
            Thread(target=lambda rank=rank: found.__setitem__(rank, act(self.member(rank))))
            for rank in range(self.num_processes)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found


def member(rank, world):
    return SimpleNamespace(process_index=rank, num_processes=world)


@pytest.mark.parametrize(("size", "world"), [(1, 1), (2, 1), (2, 2), (8, 3)])
def test_groups_are_not_mixed(size, world):
    groups = [[0, 3, 4, 6, 7], [1, 2], [5]]
    shares = [list(rounds(groups, size, member(rank, world))) for rank in range(world)]
    together = [list(of_round) for of_round in zip(*shares, strict=True)]
    counted = []
    for of_round in together:
        numbers = {item.number for items in of_round for item in items}
        assert any(numbers <= {*group} for group in groups)
        assert len({len(items) for items in of_round}) == 1
        counted += [item.number for items in of_round for item in items if item.counts]
    assert sorted(counted) == list(range(8))


def test_every_item_counts_once_and_all_processes_do_as_much():
    for count, size, world in [(8, 3, 1), (8, 3, 2), (5, 1, 3), (2, 8, 1), (1, 4, 3), (8, 4, 8)]:
        shares = [list(rounds([range(count)], size, member(rank, world))) for rank in range(world)]
        assert len({len(share) for share in shares}) == 1
        items = [items for share in shares for items in share]
        assert len({len(of_round) for of_round in items}) == 1
        counted = [item.number for of_round in items for item in of_round if item.counts]
        assert sorted(counted) == list(range(count))
        assert max(map(len, items)) <= min(size, -(-count // world))  # nobody takes it all
        assert sum(map(len, items)) - count < world * size


def test_the_loss_is_the_mean_over_clips_and_levels():
    measure, module = loss_of()
    found = measure(5)
    batches = module.seen
    assert len(batches) == len(Clips.ids) * NUM_LEVELS
    sigmas = sorted({batch.sigmas.item() for batch in batches})
    assert len(sigmas) == NUM_LEVELS and sigmas[0] < 0.3 and sigmas[-1] > 0.95
    with torch.no_grad():
        losses = torch.cat([module(batch) for batch in list(batches)])
    assert found["validation_loss"] == pytest.approx(losses.mean().item(), rel=1e-5)
    groups = torch.cat([batch.groups for batch in batches[: len(losses)]])
    by_group = {GROUPS[i]: losses[groups == i].mean().item() for i in groups.unique()}
    assert found["validation_loss_by_group"] == pytest.approx(by_group, rel=1e-5)


def test_the_noise_is_fixed_and_differs_between_clips():
    (first, one), (second, two) = loss_of(), loss_of()
    assert first(1) == second(9)
    assert all(torch.equal(a.noise, b.noise) for a, b in zip(one.seen, two.seen, strict=True))
    assert not torch.equal(one.seen[0].noise, one.seen[1].noise)
    assert not torch.equal(one.seen[0].noise, one.seen[NUM_LEVELS].noise)


def test_a_better_model_has_a_lower_loss():
    measure, module = loss_of()
    before = measure(1)["validation_loss"]
    with torch.enable_grad():
        for batch in [measure.held_out.batch([number]) for number in range(24)]:
            loss = flow_matching_losses(lambda x, *_: module.share * x, batch, torch.float32)
            loss.mean().backward()
    module.share.data -= 0.05 * module.share.grad.sign()
    assert measure(2)["validation_loss"] < before


def test_first_frames_are_given_as_often_as_in_training():
    for i2v_prob, expected in [(0.0, 0.0), (1.0, 1.0)]:
        measure, module = loss_of(i2v_prob=i2v_prob)
        measure(1)
        given = [batch.is_image_conditioned.float().mean().item() for batch in module.seen]
        assert set(given) == {expected}


@pytest.mark.parametrize(("world", "micro_batch"), [(1, 5), (2, 1), (3, 7)])
@pytest.mark.parametrize("sizes", [[(64, 64)] * 3, [(96, 64), (64, 64), (96, 64)]], ids=["1", "2"])
def test_processes_measure_together_what_one_does(world, micro_batch, sizes):
    clips = Clips(sizes)
    expected = loss_of(clips=clips)[0](1)
    team = Team(world)
    found = team.run(lambda one: loss_of(one, micro_batch=micro_batch, clips=clips)[0](1))
    assert len(found) == world
    for each in found:
        assert each["validation_loss"] == pytest.approx(expected["validation_loss"], rel=1e-5)
        assert each["validation_loss_by_group"] == pytest.approx(
            expected["validation_loss_by_group"], rel=1e-5
        )


def test_a_stop_in_one_process_ends_the_measurement_in_all():
    def act(member):
        stop = StopRequest()
        seen = []

        def beat():
            seen.append(None)
            if member.process_index == 1 and len(seen) == 2:
                stop._note(signal.SIGTERM, None)

        return loss_of(member, stop=stop, beat=beat)[0](1), len(seen)

    assert Team(2).run(act) == [(None, 2), (None, 2)]


def test_a_loss_that_is_not_finite_is_null():
    measure, module = loss_of()
    module.share.data.fill_(float("nan"))
    assert measure(1)["validation_loss"] is None


class Owner:
    """Weights that are one number."""

    def __init__(self):
        self.weight = torch.zeros(1)

    def write_weights(self, directory, step):
        save_file({"weight": self.weight}, directory / "weights.safetensors")

    def read_weights(self, directory):
        raise AssertionError


def note(best, step, event):
    """What an observer does with a measurement; says whether patience is at an end."""
    if best.is_better(event):
        best.keep(step, event)
    return best.is_at_end(step)


def kept(run):
    """Step, and the weight that was kept."""
    best = read_best(run)
    [directory] = run.checkpoints.glob("best-*")
    assert directory.name == f"best-{best.step:06d}"
    return best.step, load_file(directory / "weights.safetensors")["weight"].item()


def test_the_weights_of_the_lowest_loss_are_kept(tmp_path):
    run, owner = RunDirectory(tmp_path), Owner()
    best = BestWeights(run, owner, every=10, patience=0)
    for step, loss in [(10, 0.5), (20, 0.3), (30, None), (40, 0.4), (50, 0.3)]:
        owner.weight.fill_(step)
        assert not note(best, step, {"validation_loss": loss})
    assert kept(run) == (20, 20.0)
    assert str(read_best(run)) == "step 20 (loss 0.3)"
    assert run.steps() == []  # not taken for a checkpoint


def test_pass_rate_decides_before_score(tmp_path):
    run = RunDirectory(tmp_path)
    best = BestWeights(run, Owner(), every=10, patience=0)
    figures = [(0.0, 0.2), (0.0, 0.4), (0.25, 0.3), (0.0, 0.9), (None, None)]
    for step, (pass_rate, score) in enumerate(figures):
        note(best, step, {"validation_pass_rate": pass_rate, "validation_score": score})
    assert read_best(run).step == 2


def test_patience_counts_measurements_without_a_better_one(tmp_path):
    def notes(losses, first=1):
        best = BestWeights(RunDirectory(tmp_path), Owner(), every=5, patience=2)
        return [
            note(best, 5 * n, {"validation_loss": loss}) for n, loss in enumerate(losses, first)
        ]

    assert notes([0.5, 0.6, 0.4, 0.45]) == [False, False, False, False]
    # A resumed run, which measures one step again, knows what was before.
    assert notes([0.45, 0.41, 0.2], first=4) == [False, True, False]


def test_nothing_scored_never_ends_a_run(tmp_path):
    best = BestWeights(RunDirectory(tmp_path), Owner(), every=1, patience=1)
    event = {"validation_pass_rate": None, "validation_score": None}
    assert not any(note(best, step, event) for step in range(1, 5))
    assert read_best(RunDirectory(tmp_path)) is None


def test_an_interrupted_write_keeps_the_best_before(tmp_path):
    run, owner = RunDirectory(tmp_path), Owner()
    note(BestWeights(run, owner, every=1, patience=0), 1, {"validation_loss": 0.5})

    def fail(directory, step):
        raise RuntimeError

    owner.write_weights = fail
    with pytest.raises(RuntimeError):
        note(BestWeights(run, owner, every=1, patience=0), 2, {"validation_loss": 0.1})
    assert kept(run)[0] == 1


def observe(tmp_path, losses, *, every=2, stop_at=100, patience=0, steps=10, decay=0.0):
    """Events and answers of an observer that measures these losses, and its run."""
    run, owner = RunDirectory(tmp_path), Owner()
    average = Average([owner.weight], decay)
    values, events, answers = iter(losses), [], []

    def measure(step):
        loss = next(values)
        return None if loss is None else {"validation_loss": loss, "weight": owner.weight.item()}

    observer = Measurements(
        measure,
        "validation_loss",
        every,
        stop_at,
        average,
        run,
        StepLog(None, [events.append]),
        Accelerator(cpu=True),
        BestWeights(run, owner, every=every, patience=patience),
    )
    for step in range(1, steps + 1):
        owner.weight.fill_(step)
        average.update(step)
        answers.append(observer(step))
    return events, answers, run


def test_an_observer_measures_now_and_then_and_at_the_end(tmp_path):
    events, answers, _ = observe(tmp_path, [0.5, 0.4, 0.3], every=4, stop_at=10)
    assert [event["step"] for event in events] == [4, 8, 10]
    assert not any(answers)


def test_an_observer_asks_for_the_end_when_patience_is_gone(tmp_path):
    _, answers, _ = observe(tmp_path, [0.5, 0.6, 0.7], patience=2, steps=6)
    assert answers == [False, False, False, False, False, True]


def test_all_processes_gather_the_best_weights_and_end_together(tmp_path):
    def act(member):
        entered = []

        @contextmanager
        def whole():
            entered.append(True)
            yield

        observer = Measurements(
            lambda step: {"validation_loss": float(step)},
            "validation_loss",
            1,
            100,
            Average([], 0.0),
            RunDirectory(tmp_path),
            StepLog(None, []),
            member,
            BestWeights(RunDirectory(tmp_path), Owner(), every=1, patience=2),
            whole,
        )
        return [observer(step) for step in range(1, 4)], len(entered)

    assert Team(2).run(act) == [([False, False, True], 1)] * 2


def test_an_abandoned_measurement_leaves_no_trace(tmp_path):
    events, answers, run = observe(tmp_path, [None], every=10)
    assert events == [] and read_best(run) is None
    assert answers == [False] * 9 + [None]  # to be made up for


def test_what_the_log_has_is_not_measured_again(tmp_path):
    log = StepLog(None, [events_file(RunDirectory(tmp_path))])
    log.write({"step": 2, "validation_loss": 0.5})
    log.write({"step": 4, "validation_score": 0.5})  # of another measurement
    events, _, _ = observe(tmp_path, [0.4, 0.3], steps=6)
    assert [event["step"] for event in events] == [4, 6]


def test_all_processes_go_by_the_log_of_the_first(tmp_path):
    def act(member):
        run = RunDirectory(tmp_path / str(member.process_index))
        run.path.mkdir()
        if member.is_main_process:
            StepLog(None, [events_file(run)]).write({"step": 1, "validation_loss": 0.5})
        measured = []
        observer = Measurements(
            lambda step: measured.append(step) or {"validation_loss": 1.0},
            "validation_loss",
            1,
            100,
            Average([], 0.0),
            run,
            StepLog(None, []),
            member,
        )
        return [observer(step) for step in (1, 2)], measured

    assert Team(2).run(act) == [([False, False], [2])] * 2


def test_the_averaged_weights_are_measured_and_kept(tmp_path):
    [event], _, run = observe(tmp_path, [0.5], every=10, decay=0.9)
    assert 5 < event["weight"] < 9.5
    assert kept(run) == (10, event["weight"])


@pytest.mark.parametrize(
    ("overrides", "variant", "expected"),
    [
        ([], TI2V_5B, []),
        (["validation.loss_every=2"], TI2V_5B, [("HeldOutLoss", 2, True)]),
        (["validation.every=4"], TI2V_5B, [("SampledClips", 4, True)]),
        (
            ["validation.loss_every=2", "validation.every=4"],
            TI2V_5B,
            [("HeldOutLoss", 2, False), ("SampledClips", 4, True)],
        ),
        (
            ["validation.loss_every=2", "validation.every=4"],
            I2V_A14B,
            [("HeldOutLoss", 2, True)],
        ),
    ],
)
def test_one_measurement_decides(tmp_path, overrides, variant, expected):
    names = [field.name for field in fields(Validation)]
    given = dict.fromkeys(names) | {
        "recipe": recipe_of(*overrides),
        "run": RunDirectory(tmp_path),
        "checkpoint": SimpleNamespace(variant=variant, directory=tmp_path),
    }
    found = Validation(**given).observers()
    figures = {"HeldOutLoss": "validation_loss", "SampledClips": "validation_pass_rate"}
    assert all(o.figure == figures[type(o.measure).__name__] for o in found)
    assert [(type(o.measure).__name__, o.every, bool(o.best)) for o in found] == expected


def test_a_measurement_stands_in_the_log_once(tmp_path):
    run = RunDirectory(tmp_path)
    log = StepLog(None, [events_file(run)])
    log.write({"step": 10, "loss": 1.0})
    log.write({"step": 10, "validation_loss": 0.5})
    log.write({"step": 11, "loss": 1.0})
    assert run.last_event()["step"] == 11
    run.drop_events_after(10)
    assert run.last_event() == {"step": 10, "validation_loss": 0.5}
    run.drop_events_after(9)
    assert run.last_event() == {}


def test_a_summary_keeps_unscored_apart():
    rows = [
        {"task": "maze", "score": 1.0, "passed": True},
        {"task": "maze", "score": 0.5, "passed": False},
        {"task": "maze", "score": None, "passed": False},
        {"task": "ray", "score": None, "passed": False},
    ]
    assert summary(rows) == {
        "validation_score": 0.75,
        "validation_pass_rate": 0.5,
        "by_task": {
            "maze": {"score": 0.75, "pass_rate": 0.5},
            "ray": {"score": None, "pass_rate": None},
        },
        "unscored": 2,
    }


@pytest.mark.parametrize(
    ("overrides", "variant", "held_out", "expected"),
    [
        ([], TI2V_5B, 0, []),
        (["validation.every=5"], TI2V_5B, 0, ["error"]),
        (["validation.loss_every=5"], I2V_A14B, 0, ["error"]),
        (["validation.every=5", "validation.samples=4"], TI2V_5B, 3, ["warning"]),
        (["validation.every=5", "validation.samples=3"], TI2V_5B, 3, []),
        (["validation.every=5"], I2V_A14B, 0, ["warning"]),
        (["validation.patience=2"], TI2V_5B, 0, ["warning"]),
    ],
)
def test_the_preflight_knows_what_cannot_be_measured(overrides, variant, held_out, expected):
    checks = validation_checks(recipe_of(*overrides), variant, held_out)
    assert [check.level for check in checks] == expected


def test_one_expert_alone_makes_no_clips():
    [check] = validation_checks(recipe_of("validation.every=5"), I2V_A14B, 9)
    assert "one of two experts" in check.message and check.hint == "-s validation.loss_every=5"
