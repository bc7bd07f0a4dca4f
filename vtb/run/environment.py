"""Environment variables of child processes, and which values must never be written down."""

from __future__ import annotations

import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import vtb

SECRET_NAMES = ("*TOKEN*", "*KEY*", "*SECRET*", "*PASSWORD*")
# A shorter value is a switch such as `false`; replacing it would spoil unrelated text.
SECRET_LENGTH = 8

# diffsynth asks its hub even for files that are complete, and reads these when imported.
DIFFSYNTH = {
    "DIFFSYNTH_SKIP_DOWNLOAD": "true",
    "DIFFSYNTH_DOWNLOAD_SOURCE": "huggingface",
}
QUIET = {
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}
# torchrun's own patience with processes that write a checkpoint is 30 s; ours is 60.
LAUNCHER = {"TORCH_ELASTIC_SHUTDOWN_TIMEOUT": "55"}
# Clips are decoded in several threads already, and cv2's own spin: 90 ms for one of 17 frames.
MEDIA = {"OPENCV_FOR_THREADS_NUM": "1"}
# A tiny step takes 18 ms on one thread and up to 900 ms on two of a busy machine.
CPU = {"OMP_NUM_THREADS": "1", "DS_ACCELERATOR": "cpu"}
# Clips of several shapes fragment the default allocator.
GPU = {"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"}


def training_environment(user: Mapping[str, str], *, on_gpu: bool) -> dict[str, str]:
    """What is added to the user's variables for a training process; theirs win.

    The import hook's directory comes first on PYTHONPATH, because a launcher or a worker may start
    processes that never import vtb.
    """
    wanted = {**DIFFSYNTH, **QUIET, **LAUNCHER, **MEDIA, **(GPU if on_gpu else CPU)}
    added = {name: user.get(name, value) for name, value in wanted.items()}
    if not on_gpu:
        added["CUDA_VISIBLE_DEVICES"] = ""
    hook = str(Path(vtb.__file__).resolve().parent / "_site")
    rest = [entry for entry in user.get("PYTHONPATH", "").split(os.pathsep) if entry != hook]
    added["PYTHONPATH"] = os.pathsep.join([hook, *filter(None, rest)])
    return added


def redact(text: str, environment: Mapping[str, str] | None = None) -> str:
    """The text with the values of secret variables replaced by `***`."""
    variables = os.environ if environment is None else environment
    secrets = {
        value
        for name, value in variables.items()
        if len(value) >= SECRET_LENGTH
        # A path is no secret, and it says where a run's inputs were.
        and not value.startswith("/")
        and any(fnmatchcase(name.upper(), pattern) for pattern in SECRET_NAMES)
    }
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
