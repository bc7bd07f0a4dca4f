"""Where a model runs, and in which precision."""

from __future__ import annotations

from typing import NamedTuple

import torch

from vtb.core.errors import MissingEnvironmentError, UsageError


class Placement(NamedTuple):
    """A torch device and the dtype models have there."""

    device: str
    dtype: torch.dtype


def place(device: str) -> Placement:
    """Resolves `auto`, `cpu`, `cuda` or `cuda:i`: bfloat16 on a GPU, float32 on the CPU.

    Raises UsageError for another name and MissingEnvironmentError for a GPU that is not there.
    """
    count = torch.cuda.device_count()
    if device == "cpu" or (device == "auto" and count == 0):
        return Placement("cpu", torch.float32)
    name, _, index = device.partition(":")
    if name not in ("auto", "cuda") or not (index or "0").isdigit():
        raise UsageError(f"unknown device `{device}`", hint="auto, cpu, cuda or cuda:0")
    if int(index or 0) >= count:
        raise MissingEnvironmentError(
            f"device `{device}` is not there", fact=f"{count} CUDA devices", hint="--device auto"
        )
    return Placement(f"cuda:{index or 0}", torch.bfloat16)
