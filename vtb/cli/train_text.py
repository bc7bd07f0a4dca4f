"""What `vtb train` says to people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vtb.run.plan import Estimates, Plan
    from vtb.train.launch.outcome import Cached, Outcome

# Values that decide what a run costs and makes, in the order of interest.
SHOWN = (
    "model.family",
    "model.expert",
    "data.num_frames",
    "data.height",
    "data.width",
    "data.fps",
    "train.method",
    "train.backend",
    "train.target",
    "lora.rank",
    "lora.alpha",
    "train.lr",
    "train.scheduler",
    "train.warmup_steps",
    "train.seed",
    "train.forward",
    "train.base_precision",
    "grpo.generations",
    "grpo.max_completion",
    "rollout.engine",
    "dist.strategy",
)
# What only reinforcement reads.
GRPO_TABLES = ("grpo.", "rollout.")


def plan_text(plan: Plan, other_nodes: Sequence[str]) -> str:
    """The plan as lines of a name and a value."""
    command = " ".join([*(f"{name}={value}" for name, value in plan.env.items()), *plan.argv])
    rows = [
        *({**plan.inputs, **plan.outputs}).items(),
        *_setting_rows(plan),
        *_estimate_rows(plan.estimates),
        *_cache_rows(plan),
        *(("other node", command) for command in other_nodes),
        *((check.level, f"{check.name}: {check.message}") for check in plan.checks),
    ]
    first = [" ".join(plan.preflight)] if plan.preflight else []
    return "\n".join([*first, command, *(f"{name:<12} {value}" for name, value in rows)])


def _setting_rows(plan: Plan) -> Iterator[tuple[str, str]]:
    method = plan.recipe.get("train.method", {}).get("value")
    for key in SHOWN:
        if key in plan.recipe and not (method == "sft" and key.startswith(GRPO_TABLES)):
            value, origin = plan.recipe[key]["value"], plan.recipe[key]["origin"]
            # Only what somebody chose has a place to be found at.
            place = "" if origin == "default" else f"  ({origin})"
            yield "recipe", f"{key} = {value}{place}"


def _estimate_rows(estimates: Estimates) -> Iterator[tuple[str, str]]:
    yield "samples", f"{estimates.samples:,}"
    yield "steps", f"{estimates.steps:,}"
    yield (
        "batch",
        f"{estimates.batch} = {estimates.micro_batch} at once x {estimates.accum} rounds x "
        f"{estimates.devices} device{'s' if estimates.devices > 1 else ''}",
    )
    yield "tokens", f"{estimates.tokens:,} per sample"
    yield (
        "trainable",
        f"{estimates.trainable_parameters:,} parameters, "
        f"{estimates.checkpoint_bytes / 1e6:,.1f} MB per checkpoint",
    )
    if estimates.blocks:
        yield "recomputed", f"{estimates.recomputed_blocks} of {estimates.blocks} blocks"
    if estimates.tflop_per_step is not None:
        yield "compute", f"{estimates.tflop_per_step:,.3g} TFLOP per step"
    if estimates.memory_gib is not None:
        yield "memory", f"about {estimates.memory_gib:.0f} GiB per device"
    if estimates.seconds_per_step is not None:
        hours = estimates.seconds_per_step * estimates.steps / 3600
        yield "time", f"about {estimates.seconds_per_step:.2f} s/step, {hours:.1f} h"


def _cache_rows(plan: Plan) -> Iterator[tuple[str, str]]:
    if plan.cache:
        need = f"{plan.cache.missing:,} to encode, about {plan.cache.bytes_to_write / 1e9:.3g} GB"
        yield "cache", f"{plan.cache.hits:,} encoded, {need}, in {plan.cache.directory}"


def outcome_text(outcome: Outcome) -> str:
    """How far a run has come, and where its result is."""
    loss = ""
    if outcome.first_loss is not None and outcome.last_loss is not None:
        loss = f", loss {outcome.first_loss:.4f} → {outcome.last_loss:.4f}"
    state = "trained" if outcome.is_new else "already complete"
    early = ", ended early" if outcome.is_early else ""
    return f"{state}: {outcome.steps:,} steps{loss}{early}\n{outcome.final}"


def cached_text(cached: Cached) -> str:
    """How much was encoded, and where it is."""
    made = f"{cached.encoded:,} of {cached.samples:,} samples, {cached.num_bytes / 1e6:,.1f} MB"
    state = f"encoded: {made}" if cached.encoded else f"already encoded: {cached.samples:,} samples"
    return f"{state}\n{cached.directory}"
