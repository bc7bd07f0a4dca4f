"""With what a run was made: versions, source state, machine."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import vtb

PACKAGES = (
    "vtb-toolkit",
    "torch",
    "diffsynth",
    "accelerate",
    "safetensors",
    "transformers",
    "deepspeed",
)


@dataclass(frozen=True, slots=True)
class Gpu:
    """A device as its driver reports it."""

    name: str
    memory_gib: float


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that shape a training run, where installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def git_state() -> dict[str, Any]:
    """`commit` and `dirty` of the checkout that vtb runs from; empty when it is installed."""
    root = Path(vtb.__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return {}
    commit = _output("git", "-C", str(root), "rev-parse", "HEAD")
    changes = _output("git", "-C", str(root), "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": bool(changes)} if commit else {}


def gpus() -> list[Gpu]:
    """The NVIDIA devices that this process may use, in the order torch numbers them.

    The driver's tool tells them, so torch stays unloaded. CUDA_VISIBLE_DEVICES chooses among them,
    by number or by the start of a UUID, and hides them all when it is empty.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible == "":
        return []
    query = "--query-gpu=name,memory.total,uuid"
    lines = _output("nvidia-smi", query, "--format=csv,noheader,nounits").splitlines()
    rows = [[word.strip() for word in line.rsplit(",", 2)] for line in lines if "," in line]
    found = [(Gpu(name, float(mebibytes) / 1024), uuid) for name, mebibytes, uuid in rows]
    if visible is None:
        return [gpu for gpu, _ in found]
    return [
        gpu
        for wanted in visible.split(",")
        for number, (gpu, uuid) in enumerate(found)
        if wanted.strip() == str(number) or (wanted.strip() and uuid.startswith(wanted.strip()))
    ]


def host() -> str:
    """This machine's name."""
    return socket.gethostname()


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
