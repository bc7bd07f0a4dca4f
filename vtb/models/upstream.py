"""The one way in which diffsynth is imported."""

from __future__ import annotations

import os
from importlib import import_module

import torch

from vtb.run.environment import DIFFSYNTH, QUIET
from vtb.run.quiet import quiet


def import_diffsynth() -> None:
    """Imports diffsynth with its downloads off and its banners hidden.

    Call it before the first `from diffsynth … import …` of a function; that import is then cheap.
    Variables that the user set stay as they are.
    """
    for name, value in {**DIFFSYNTH, **QUIET}.items():
        os.environ.setdefault(name, value)
    if not torch.cuda.is_available():
        os.environ.setdefault("DS_ACCELERATOR", "cpu")  # deepspeed, imported by diffsynth, probes
    with quiet():
        import_module("diffsynth.pipelines.wan_video")
