"""The difference of two models as a LoRA: `vtb models lora extract`."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from vtb.core.errors import UnreadableError
from vtb.models.checkpoint import Checkpoint
from vtb.models.identity import weights_fingerprint
from vtb.models.lora.check import transformer
from vtb.models.lora.file import Lora
from vtb.models.lora.resize import Reduced, reduced
from vtb.models.lora.shard import paired_weights
from vtb.models.lora.svd import Approximation, low_rank
from vtb.models.lora.targets import linear_shapes
from vtb.run.progress import progress


@dataclass(frozen=True, slots=True)
class Extracted:
    """The approximated difference; `left_out` names changed tensors that no LoRA can hold."""

    reduced: Reduced
    left_out: tuple[str, ...]


def extract(base: Checkpoint, tuned: Checkpoint, rank: int, expert: str | None = None) -> Extracted:
    """The LoRA of at most that rank nearest to what tuning did to a model's linear layers.

    Layers that are equal are left out. Raises UsageError when the model has two transformers and
    no `expert` is named, and UnreadableError when the models are of different structure or equal
    in all linear layers.
    """
    part, other = transformer(base, expert), transformer(tuned, expert)
    base.require([part])
    tuned.require([other])
    shapes = base.shapes(part)
    if base.family != tuned.family or shapes != tuned.shapes(other):
        raise UnreadableError(
            f"`{tuned.directory}` is no tuned `{base.directory}`",
            fact=f"{tuned.family} is not {base.family}, or of another size",
        )
    linears = linear_shapes(shapes)
    found: dict[str, Approximation] = {}
    left_out: list[str] = []
    with progress("extracting", len(shapes)) as advance:
        for name, before, after in paired_weights(base.paths(part), tuned.paths(other)):
            module = name.removesuffix(".weight")
            if not torch.equal(before, after):
                if module in linears:
                    found[module] = low_rank(after.float() - before.float(), rank)
                else:
                    left_out.append(name)
            advance(1)
    if not found:
        raise UnreadableError(
            f"`{tuned.directory}` has the linear layers of `{base.directory}`",
            fact=f"{len(linears)} layers are equal",
        )
    metadata = {"base_family": base.family}
    if all(path.is_file() for path in base.files):
        metadata["base_fingerprint"] = weights_fingerprint(base.files)
    if "" not in base.transformers and expert is not None:
        metadata["expert"] = expert
    return Extracted(reduced(found, Lora({}, metadata)), tuple(left_out))
