"""Compares a LoRA file with a Wan checkpoint, from the checkpoint's headers."""

from __future__ import annotations

from pathlib import Path

from vtb.models.families import LoraReport
from vtb.models.structure import read_shapes
from vtb.models.wan.checkpoint import WanCheckpoint
from vtb.models.wan.lora import unmatched
from vtb.models.wan.lora_file import read_lora
from vtb.models.wan.lora_targets import linear_shapes


def check_lora(checkpoint: WanCheckpoint, file: Path) -> LoraReport:
    """How many of a LoRA's layers fit the transformer, which do not, and which are zero."""
    dit = checkpoint.part("dit")
    checkpoint.require([dit])
    lora = read_lora(file)
    missing = unmatched(lora, linear_shapes(read_shapes(checkpoint.paths(dit))))
    fitting = [name for name in lora.pairs if name not in missing]
    zero = tuple(name for name in fitting if lora.pairs[name].is_zero())
    return LoraReport(file, len(fitting), tuple(missing), zero)
