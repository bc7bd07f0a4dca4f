"""The libraries whose trainers run, as plans see them; imports none of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from vtb.recipe.vlm import BackendName
from vtb.run.plan import Check
from vtb.train.vlm.job import VlmJob
from vtb.train.vlm.process import Process
from vtb.train.vlm.swift import plan as swift
from vtb.train.vlm.swift.following import Watch, following
from vtb.train.vlm.trl import plan as trl


@dataclass(frozen=True, slots=True)
class Backend:
    """A library: the layout of its data, what of a job it cannot do, and how it is started.

    `follow` brings into the run directory what the library writes elsewhere, whenever the function
    that it yields is called; `has_final` tells whether its process writes `final/` too.
    """

    layout: Callable[[VlmJob], str]
    checks: Callable[[VlmJob], Iterator[Check]]
    process: Callable[[VlmJob], Process]
    follow: Callable[[VlmJob, Watch], AbstractContextManager[Watch]]
    has_final: bool


BACKENDS: Mapping[BackendName, Backend] = {
    "ms-swift": Backend(swift.layout, swift.checks, swift.process, following, has_final=False),
    "trl": Backend(
        lambda job: "trl",
        trl.checks,
        trl.process,
        lambda job, watch: nullcontext(watch),
        has_final=True,
    ),
}
