"""Sinks of other programs, with stand-ins for those that are not installed."""

import sys
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from vtb.core.errors import MissingEnvironmentError
from vtb.core.files import atomic_write_json
from vtb.run.rundir import RunDirectory
from vtb.train.loop.trackers import numbers, require_trackers, tracker_sinks

EVENT = {
    "step": 7,
    "loss": 0.5,
    "grad_norm": None,
    "skipped": ["a sample"],
    "is_odd": True,
    "loss_by_group": {"sigma 0.00-0.25": 0.1},
}


@pytest.fixture
def run(tmp_path):
    """A run that was resumed from step 5."""
    atomic_write_json(
        tmp_path / "run.json",
        {
            "id": "tiny-0123",
            "settings": {"train.lr": 1e-4, "lora.target_modules": ["q", "k"]},
            "started": "2025-01-01T00:00:00+00:00",
            "resumed_from": 5,
        },
    )
    return RunDirectory(tmp_path)


class FakeModule:
    """Stands for `wandb` or `trackio`; records what it was told."""

    def __init__(self, error=None):
        self.options, self.logged, self.finished, self.error = [], [], 0, error

    def init(self, **options):
        self.options.append(options)
        return SimpleNamespace(log=self._log, finish=self._finish)

    def _log(self, values, step):
        if self.error:
            raise self.error
        self.logged.append((step, values))

    def _finish(self):
        self.finished += 1


@pytest.fixture
def fake(monkeypatch):
    """Installs a stand-in under a name."""

    def install(name, module=None):
        module = module or FakeModule()
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return install


def test_only_numbers_are_sent():
    assert numbers(EVENT) == {"loss": 0.5, "loss_by_group/sigma 0.00-0.25": 0.1}


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_hosted_trackers(run, fake, name):
    module = fake(name)
    with tracker_sinks([name], run) as [sink]:
        sink(EVENT)
        sink({"encoded": 3})  # no step
        assert not module.finished
    assert module.logged == [(7, {"loss": 0.5, "loss_by_group/sigma 0.00-0.25": 0.1})]
    assert module.finished == 1
    [options] = module.options
    assert (options["project"], options["name"]) == ("vtb", "tiny-0123")
    assert options["config"] == run.state()["settings"]
    assert options["resume"] == "allow"


def test_a_resumed_run_goes_on_and_a_new_one_does_not(run, fake):
    module = fake("wandb")
    for started in ("then", "then", "now"):
        atomic_write_json(run.path / "run.json", run.state() | {"started": started})
        with tracker_sinks(["wandb"], run):
            pass
    first, again, other = [options["id"] for options in module.options]
    assert first == again != other


def test_tensorboard(run):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with tracker_sinks(["tensorboard"], run) as [sink]:
        sink(EVENT)
        sink({"step": 8, "loss": 0.25})
    found = EventAccumulator(str(run.tensorboard)).Reload()
    assert [(e.step, e.value) for e in found.Scalars("loss")] == [(7, 0.5), (8, 0.25)]
    assert found.Tags()["tensors"] == ["settings/text_summary"]
    # A run resumed from step 7 writes step 8 anew.
    atomic_write_json(run.path / "run.json", run.state() | {"resumed_from": 7})
    with tracker_sinks(["tensorboard"], run) as [sink]:
        sink({"step": 8, "loss": 0.125})
    found = EventAccumulator(str(run.tensorboard)).Reload()
    assert [(e.step, e.value) for e in found.Scalars("loss")] == [(7, 0.5), (8, 0.125)]


def test_a_failing_tracker_ends_no_training(run, fake, capsys):
    broken, sound = fake("wandb", FakeModule(ConnectionError("no network"))), fake("trackio")
    with tracker_sinks(["wandb", "trackio"], run) as sinks:
        for step in (1, 2, 3):
            for sink in sinks:
                sink({"step": step, "loss": 1.0})
    assert len(sound.logged) == 3 and broken.finished == sound.finished == 1
    assert capsys.readouterr().err.count("no network") == 1


def test_a_tracker_that_cannot_start_is_said_before_training(run, fake):
    module, other = fake("wandb"), fake("trackio")

    def refuse(**options):
        raise RuntimeError("not logged in")

    module.init = refuse
    with (
        pytest.raises(MissingEnvironmentError, match="not logged in"),
        tracker_sinks(["trackio", "wandb"], run),
    ):
        pass
    assert other.finished == 1


def test_a_missing_package_is_named_and_nothing_imported():
    before = set(sys.modules)
    with pytest.raises(MissingEnvironmentError, match="trackio is not installed") as error:
        require_trackers(["wandb", "trackio"], lambda name: name == "wandb" or None)
    assert error.value.exit_code == 4 and "pip install trackio" in error.value.hint
    require_trackers([])
    if find_spec("tensorboard"):
        require_trackers(["tensorboard"])
    assert set(sys.modules) == before


def test_without_trackers_there_are_no_sinks(tmp_path):
    with tracker_sinks([], RunDirectory(tmp_path)) as sinks:
        assert sinks == []
