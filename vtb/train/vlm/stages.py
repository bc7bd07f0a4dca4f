"""The stages of a run before and around its training; imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from vtb.core.files import read_json, read_json_lines
from vtb.run.launch import Ending, execute
from vtb.run.plan import Check, Plan
from vtb.train.launch.invocation import Launch, invoke, require_no_errors
from vtb.train.launch.outcome import Outcome
from vtb.train.vlm.backends import BACKENDS
from vtb.train.vlm.curriculum import chosen, result_check
from vtb.train.vlm.job import VlmJob
from vtb.train.vlm.plan import plan_vlm
from vtb.train.vlm.questions import export_questions
from vtb.train.vlm.variance import findings, read_report


def run_vlm_job(
    job: VlmJob,
    *,
    warn: Callable[[Check], None],
    force: bool = False,
    launch: Launch = execute,
) -> Outcome:
    """Trains a job to its end, from where an earlier invocation left it.

    Besides what `invoke` raises, UsageError when nothing that the base model writes earns more
    than the rest.
    """
    stages = _Stages(job, warn, launch)
    return invoke(job, lambda: plan_vlm(job), warn=warn, force=force, launch=stages)


class _Stages:
    """Executes a plan after the base model has been tried and the data is written."""

    def __init__(self, job: VlmJob, warn: Callable[[Check], None], launch: Launch) -> None:
        self._job, self._warn, self._launch = job, warn, launch

    def __call__(self, plan: Plan, log: Path, watch: Callable[[], None]) -> Ending:
        job, backend = self._job, BACKENDS[self._job.recipe.train.backend]
        if job.cluster.is_main:
            ending = self._try_base(plan, log, watch)
            if ending.signal is not None:
                return replace(ending, is_complete=False)
            ids = None if job.band is None else chosen(read_json(job.run.preflight))
            export_questions(job, backend.layout(job), ids)
        seen = len(self._warnings())
        ending = self._train(plan, log, watch)
        for message in self._warnings()[seen:]:
            self._warn(Check("warning", "training", message))
        return ending

    def _train(self, plan: Plan, log: Path, watch: Callable[[], None]) -> Ending:
        job, backend = self._job, BACKENDS[self._job.recipe.train.backend]
        if not job.cluster.is_main:
            return self._launch(plan, log, watch)
        # The plan is older than the removal of another run's checkpoints.
        argv = backend.process(job).argv
        with backend.follow(job, watch) as followed:
            ending = self._launch(replace(plan, argv=argv), log, followed)
        if ending.signal is None and plan.finish:
            return self._launch(replace(plan, argv=plan.finish, files={}), log, watch)
        return ending

    def _try_base(self, plan: Plan, log: Path, watch: Callable[[], None]) -> Ending:
        job, wanted = self._job, self._job.recipe.preflight
        # A curriculum says at each start what it has chosen.
        is_over = bool(job.run.steps()) and job.band is None
        if not plan.preflight or is_over:
            return Ending()
        ending = Ending()
        if read_report(job.run, wanted) is None:
            ending = self._launch(replace(plan, argv=plan.preflight, files={}), log, watch)
        report = read_report(job.run, wanted)
        if report is not None:
            checks = findings(report, wanted)
            if job.band is not None:
                checks = (result_check(job, report), *checks)
            require_no_errors(replace(plan, checks=checks))
            for check in checks:
                self._warn(check)
        return ending

    def _warnings(self) -> list[str]:
        events = read_json_lines(self._job.run.events)
        return [event["warning"] for event in events if "warning" in event]
