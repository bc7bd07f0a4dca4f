"""Whether a LoRA belongs to a checkpoint: asked before anything is loaded or trained."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vtb.core.errors import UnreadableError, UsageError
from vtb.models.checkpoint import Checkpoint
from vtb.models.families import LoraReport, Part
from vtb.models.identity import weights_fingerprint
from vtb.models.lora.file import Lora, read_lora
from vtb.models.lora.layers import require_match, unmatched
from vtb.models.lora.targets import linear_shapes
from vtb.models.structure import read_shapes


def check_lora(checkpoint: Checkpoint, file: Path, expert: str | None = None) -> LoraReport:
    """How many of a LoRA's layers fit the transformer, which do not, and which are zero.

    `expert` is the one it is meant for, where there are two; without it the file's own word
    counts. Reads headers only, of the transformer's files only.
    """
    lora = read_lora(file)
    missing = unmatched(lora, _linears(checkpoint, lora, expert))
    fitting = [name for name in lora.pairs if name not in missing]
    return LoraReport(
        file=file,
        matched=len(fitting),
        unmatched=tuple(missing),
        zero=tuple(name for name in fitting if lora.pairs[name].is_zero()),
        faults=tuple(_faults(checkpoint, lora, expert)),
        warnings=tuple(_warnings(checkpoint, lora, expert)),
        layout=lora.layout,
        ranks=lora.ranks,
        alphas=lora.alphas,
        metadata=lora.metadata,
    )


def require_lora(lora: Lora, checkpoint: Checkpoint, expert: str | None = None) -> list[str]:
    """Raises UnreadableError unless a LoRA belongs to the checkpoint and changes something.

    It must name no other family or expert, each of its layers must exist in that shape, and not
    all may be zero. Returns warnings: other base weights are no error, since a merged or
    re-sharded base has a fingerprint of its own.
    """
    faults = list(_faults(checkpoint, lora, expert))
    if faults:
        raise UnreadableError(
            f"`{lora.source}` belongs to another model",
            fact="; ".join(faults),
            hint="use it with the model that it was trained on",
        )
    require_match(lora, _linears(checkpoint, lora, expert))
    if all(pair.is_zero() for pair in lora.pairs.values()):
        raise UnreadableError(
            f"`{lora.source}` changes nothing",
            fact=f"all {len(lora.pairs)} updates are zero",
            hint="leave it out to have the base model",
        )
    return list(_warnings(checkpoint, lora, expert))


def transformer(checkpoint: Checkpoint, expert: str | None) -> Part:
    """The transformer of that expert, or with None the only one of a model without experts.

    Raises UsageError when the model has none of that name.
    """
    parts = checkpoint.transformers
    part = parts.get(expert or "")
    if part is None:
        names = " or ".join(f"--expert {name}" for name in parts if name)
        raise UsageError(
            f"`{checkpoint.directory}` has no {expert}-noise expert"
            if expert
            else f"`{checkpoint.directory}` has two transformers, and none is named",
            fact=f"{checkpoint.family} has {len(parts)}",
            hint=names or "leave --expert out",
        )
    return part


def stated_expert(lora: Lora) -> str | None:
    """The expert that a LoRA's file says it is for; None when it says nothing."""
    return lora.metadata.get("expert") or None


def _linears(checkpoint: Checkpoint, lora: Lora, expert: str | None) -> dict[str, tuple[int, ...]]:
    if expert is not None:
        part = transformer(checkpoint, expert)
    else:
        # Both experts have the same layers, so either tells whether one for an unknown one fits.
        parts = checkpoint.transformers
        part = parts.get(stated_expert(lora) or "", next(iter(parts.values())))
    checkpoint.require([part])
    return linear_shapes(read_shapes(checkpoint.paths(part)))


def _faults(checkpoint: Checkpoint, lora: Lora, expert: str | None) -> Iterator[str]:
    family, own = lora.metadata.get("base_family"), checkpoint.family
    if family is not None and family != own:
        yield f"made for {family}, not for {own}"
    made_for = stated_expert(lora)
    if made_for is not None and made_for not in checkpoint.transformers:
        yield f"made for the {made_for}-noise expert, which {own} does not have"
    elif made_for is not None and expert is not None and made_for != expert:
        yield f"made for the {made_for}-noise expert, not for the {expert}-noise one"


def _warnings(checkpoint: Checkpoint, lora: Lora, expert: str | None) -> Iterator[str]:
    if not (expert or stated_expert(lora)) and "" not in checkpoint.transformers:
        yield f"`{lora.source}` does not say which expert it is for"
    made_on = lora.metadata.get("base_fingerprint")
    if made_on is None or not all(path.is_file() for path in checkpoint.files):
        return
    present = weights_fingerprint(checkpoint.files)
    if made_on != present:
        yield f"`{lora.source}` was made on other weights: {made_on}, these are {present}"
