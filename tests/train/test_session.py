"""A training process and its clips."""

import pytest

from vtb.core.errors import MissingEnvironmentError
from vtb.models.wan.checkpoint import open_checkpoint
from vtb.recipe.schema import VideoRecipe
from vtb.train.latents import session as module
from vtb.train.launch.child import ChildArguments
from vtb.train.launch.plan import plan_video
from vtb.train.loop.stopping import StopRequest
from vtb.train.session import Session


def test_a_cache_that_is_not_shared_is_named(job_of, tmp_path, monkeypatch):
    monkeypatch.setenv("VTB_HOME", str(tmp_path / "home"))
    job = job_of(tmp_path / "run")
    plan = plan_video(job)
    job.run.begin(job.record(), job.resolved.toml(), plan)
    arguments = ChildArguments.parse(plan.argv[3:])
    session = Session.open(arguments, StopRequest(), VideoRecipe, open_checkpoint)
    # As if another machine had encoded the clips, into a directory of its own.
    monkeypatch.setattr(module, "build_missing", lambda *args, **options: None)
    with pytest.raises(MissingEnvironmentError) as caught:
        module.encoded_clips(session, "train")
    assert "VTB_HOME" in caught.value.hint
    assert "lacks 3 samples" in caught.value.fact
