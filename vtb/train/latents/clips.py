"""Clips of a data set as the model wants them; codecs are loaded with the first clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from vtb.core.errors import UnreadableError
from vtb.core.types import Array
from vtb.data.clips import ClipRow, clip_rows
from vtb.data.store import Dataset, open_dataset
from vtb.recipe.schema import VideoDataTable


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames, RGB uint8 (T, H, W, 3), and their prompt."""

    id: str
    frames: Array
    prompt: str


@dataclass(frozen=True, slots=True)
class ClipRequest:
    """One clip of a data set in a geometry."""

    path: Path
    sample_id: str
    table: VideoDataTable

    def read(self) -> Clip:
        """The clip, as `ClipSource.read`; the data set stays open for the next one."""
        return _read(_opened(self.path), self.sample_id, self.table)


class ClipSource:
    """The clips of a split by number, in the geometry of a recipe.

    `limit` takes so many of them, spread evenly over the ids and so over the tasks. Nothing is read
    before it is asked for.
    """

    def __init__(
        self,
        dataset: Dataset,
        table: VideoDataTable,
        split: str = "train",
        limit: int | None = None,
    ) -> None:
        self._dataset, self._limit = dataset, limit
        self.table, self.split = table, split

    @cached_property
    def rows(self) -> Sequence[ClipRow]:
        """What the data set says of each clip; raises as `clip_rows` does."""
        # By id, so that the order does not depend on how the data set is cut into shards.
        rows = sorted(clip_rows(self._dataset, self.split), key=lambda row: row.id)
        count = len(rows) if self._limit is None else min(self._limit, len(rows))
        return [rows[i * len(rows) // count] for i in range(count)]

    @cached_property
    def ids(self) -> Sequence[str]:
        """The samples' ids."""
        return [row.id for row in self.rows]

    @cached_property
    def sizes(self) -> Sequence[tuple[int, int]]:
        """(height, width) in px of each clip as the model reads it."""
        wanted = (self.table.height, self.table.width)
        if self.table.fit != "native":
            return [wanted] * len(self.rows)
        # A sample without a video is found by the preflight, or when it is read.
        return [
            (row.facts.form.height, row.facts.form.width) if row.facts else wanted
            for row in self.rows
        ]

    def geometry(self, number: int) -> VideoDataTable:
        """What the recipe asks of one clip: where clips keep their sizes, exactly its own."""
        if self.table.fit != "native":
            return self.table
        return self._geometries[self.sizes[number]]

    def read(self, number: int) -> Clip:
        """Decodes one clip; raises UnreadableError, naming the sample, when that fails."""
        return _read(self._dataset, self.ids[number], self.geometry(number))

    def request(self, number: int) -> ClipRequest:
        """What another process needs to read it."""
        return ClipRequest(self._dataset.path, self.ids[number], self.geometry(number))

    @cached_property
    def _geometries(self) -> Mapping[tuple[int, int], VideoDataTable]:
        return {
            (height, width): self.table.model_copy(
                update={"height": height, "width": width, "fit": "exact"}
            )
            for height, width in dict.fromkeys(self.sizes)
        }


@cache
def _opened(path: Path) -> Dataset:
    return open_dataset(path)


def _read(dataset: Dataset, sample_id: str, table: VideoDataTable) -> Clip:
    from vtb.media.video import read_frames

    row = dataset.row(sample_id, columns=["prompt", "video"])
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
            hint=f"vtb data verify {dataset.path} --repair",
        ) from error
    return Clip(sample_id, fit(frames, table), row["prompt"])


def fit(frames: Array, table: VideoDataTable) -> Array:
    """Picks `num_frames` frames and brings them to the recipe's size; (T, H, W, 3) each way.

    The clip is at least as long as wanted; with `fit = "exact"` it has the size already. Both are
    checked before a run starts.
    """
    from vtb.media.fit import Fit, Size

    indices = frame_indices(len(frames), table.num_frames, table.frame_plan)
    # Of a whole clip the copy would take a quarter of its decoder's time.
    chosen = frames if len(indices) == len(frames) else frames[indices]
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
