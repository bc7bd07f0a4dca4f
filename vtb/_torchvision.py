"""Lets torchvision be imported on a CPU-only torch.

The torchvision wheel is built against CUDA. On a CPU-only torch its compiled library cannot load,
yet the package registers meta kernels for two operators of that library, so its import fails with
`operator torchvision::nms does not exist`, and with it those of diffsynth, peft and diffusers.
Declaring the two schemas first is enough: the operators themselves are never used.

This file imports the standard library only and nothing of vtb, because `_site/sitecustomize.py`
loads it by path in processes that never import vtb.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

OPERATORS = ("nms", "qnms")
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


class TorchvisionFinder:
    """Declares the operators when torchvision is first looked for; finds nothing itself."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Always None, so that the normal finders go on."""
        if fullname == "torchvision":
            sys.meta_path.remove(self)
            declare_operators()
        return None


def install() -> None:
    """Puts one finder first in `sys.meta_path`, however often and from wherever it is called."""
    # By name: the copy loaded by sitecustomize is another class object.
    present = any(type(finder).__name__ == TorchvisionFinder.__name__ for finder in sys.meta_path)
    if not present and "torchvision" not in sys.modules:
        sys.meta_path.insert(0, TorchvisionFinder())


def declare_operators() -> None:
    """Declares both schemas, on a torch without CUDA and ROCm only."""
    try:
        import torch
    except ImportError:
        return
    if torch.version.cuda is not None or torch.version.hip is not None:
        return
    for name in OPERATORS:
        try:
            torch.library.define(f"torchvision::{name}", SCHEMA)
        except RuntimeError:
            continue  # another copy of this hook was earlier
