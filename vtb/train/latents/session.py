"""The clips that a process trains a Wan model on."""

from __future__ import annotations

from typing import TypeAlias

from vtb.models.wan.checkpoint import WanCheckpoint
from vtb.recipe.schema import VideoRecipe
from vtb.train.latents.build import build_missing
from vtb.train.latents.cache import LatentCache
from vtb.train.latents.clips import ClipSource
from vtb.train.latents.read import CachedClips
from vtb.train.session import Report, Session

VideoSession: TypeAlias = Session[VideoRecipe, WanCheckpoint]


def clips_of(session: VideoSession, split: str, limit: int | None = None) -> ClipSource:
    """The clips of a split."""
    return ClipSource(session.dataset, session.recipe.data, split, limit)


def encoded_clips(session: VideoSession, split: str, limit: int | None = None) -> CachedClips:
    """The clips of a split, encoded; raises what `Session.fill` does."""
    source = clips_of(session, split, limit)
    cache = LatentCache.of(
        source,
        session.checkpoint,
        dtype=session.recipe.cache.dtype,
        root=session.arguments.cache,
    )

    def build(report: Report) -> None:
        build_missing(
            cache,
            source,
            device=str(session.device),
            rank=session.accelerator.process_index,
            world_size=session.accelerator.num_processes,
            on_progress=report,
            log=session.run.log,
        )

    session.fill(cache, build)
    return CachedClips(cache)
