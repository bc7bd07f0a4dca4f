"""Clips of a data set as the model wants them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vtb.core.errors import UnreadableError
from vtb.core.types import Array
from vtb.data.store import Dataset
from vtb.media.fit import Fit, Size
from vtb.media.video import read_frames
from vtb.recipe.schema import VideoDataTable


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames, RGB uint8 (T, H, W, 3), and their prompt."""

    id: str
    frames: Array
    prompt: str


@dataclass(frozen=True, slots=True)
class ClipIdentity:
    """A clip's prompt and the blake2b-128 of its video's bytes, as hex."""

    prompt: str
    video_hash: str


class ClipSource:
    """The clips of a split by number, in the geometry of a recipe.

    `limit` takes so many of them, spread evenly over the ids and so over the tasks.
    """

    def __init__(
        self,
        dataset: Dataset,
        table: VideoDataTable,
        split: str = "train",
        limit: int | None = None,
    ) -> None:
        self._dataset, self._split = dataset, split
        self.table = table
        # By id, so that the order does not depend on how the data set is cut into shards.
        ids = sorted(dataset.ids(split))
        count = len(ids) if limit is None else min(limit, len(ids))
        self.ids: Sequence[str] = [ids[i * len(ids) // count] for i in range(count)]

    def identities(self) -> list[ClipIdentity]:
        """What tells the clips apart, by number; decodes nothing."""
        found = dict.fromkeys(self.ids, ClipIdentity("", ""))
        for row in self._dataset.rows(self._split, columns=["id", "prompt", "video"]):
            if row["id"] in found:
                found[row["id"]] = ClipIdentity(row["prompt"], _hash(row["video"]))
        return list(found.values())

    def read(self, number: int) -> Clip:
        """Decodes one clip; raises UnreadableError, naming the sample, when that fails."""
        sample_id = self.ids[number]
        row = self._dataset.row(sample_id, columns=["prompt", "video"])
        if row["video"] is None:
            raise UnreadableError(
                f"sample `{sample_id}` has no video", hint="make the data set again with --video"
            )
        try:
            frames = read_frames(row["video"]["bytes"])
        except UnreadableError as error:
            raise UnreadableError(
                f"the video of sample `{sample_id}` cannot be read",
                fact=error.fact or error.message,
                hint=f"vtb data verify {self._dataset.path} --repair",
            ) from error
        return Clip(sample_id, fit(frames, self.table), row["prompt"])


def fit(frames: Array, table: VideoDataTable) -> Array:
    """Picks `num_frames` frames and brings them to the recipe's size; (T, H, W, 3) each way.

    The clip is at least as long as wanted; with `fit = "exact"` it has the size already. Both are
    checked before a run starts.
    """
    chosen = frames[frame_indices(len(frames), table.num_frames, table.frame_plan)]
    source, wanted = Size(*chosen.shape[1:3]), Size(table.height, table.width)
    if source == wanted:
        return chosen
    # The padding of inference, so that a model is asked for what it was trained on.
    padded = Fit.of(source, wanted, multiple=1, mode="pad")
    return np.stack([padded.apply(frame) for frame in chosen])


def frame_indices(available: int, wanted: int, plan: str) -> list[int]:
    """Which frames of a clip to take: the first ones, or evenly spread with both ends kept."""
    if plan == "prefix" or wanted == 1:
        return list(range(wanted))
    return [round(i * (available - 1) / (wanted - 1)) for i in range(wanted)]


def _hash(video: Mapping[str, Any] | None) -> str:
    # A sample without a video is found by the preflight, or when it is read.
    content = video["bytes"] if video else b""
    return hashlib.blake2b(content, digest_size=16).hexdigest()
