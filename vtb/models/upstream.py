"""The one way in which diffsynth is imported, and told of models that it does not know."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

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


def register_model(entry: Mapping[str, Any]) -> None:
    """Adds an entry to diffsynth's table of models, unless it knows that structure.

    An entry that is there twice would load the model twice.
    """
    from diffsynth.configs import MODEL_CONFIGS

    if all(known["model_hash"] != entry["model_hash"] for known in MODEL_CONFIGS):
        MODEL_CONFIGS.append(dict(entry))
