"""Clips of a data set as the model wants them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vtb.core.errors import UnreadableError
from vtb.core.types import Array
from vtb.data.store import Dataset
from vtb.media.fit import Fit, Size
from vtb.media.video import read_frames
from vtb.recipe.schema import VideoDataTable
from vtb.train.job import SPLIT


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames, RGB uint8 (T, H, W, 3), and their prompt."""

    id: str
    frames: Array
    prompt: str


class ClipSource:
    """The training clips of a data set by number, in the geometry of a recipe."""

    def __init__(self, dataset: Dataset, table: VideoDataTable) -> None:
        self._dataset = dataset
        self._table = table
        # By id, so that the order does not depend on how the data set is cut into shards.
        self.ids: Sequence[str] = sorted(dataset.ids(SPLIT))

    def read(self, number: int) -> Clip:
        """Decodes one clip; raises UnreadableError, naming the sample, when that fails."""
        sample_id = self.ids[number]
        row = self._dataset.row(sample_id, columns=["prompt", "video"])
        try:
            frames = read_frames(row["video"]["bytes"])
        except UnreadableError as error:
            raise UnreadableError(
                f"the video of sample `{sample_id}` cannot be read",
                fact=error.fact or error.message,
                hint=f"vtb data verify {self._dataset.path} --repair",
            ) from error
        return Clip(sample_id, fit(frames, self._table), row["prompt"])


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
