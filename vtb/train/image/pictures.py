"""Pictures of a data set as the model wants them; imports no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from vtb.core.errors import UnreadableError
from vtb.core.types import Array
from vtb.data.store import Dataset
from vtb.media.fit import Fit, Size, fit_of
from vtb.models.qwen_image.variants import EDIT_MULTIPLE_PX, TOKEN_PX
from vtb.recipe.image import ImageDataTable

COLUMNS = ("id", "prompt_image", "solution", "image")


@dataclass(frozen=True, slots=True)
class Picture:
    """A stored picture: the blake2b-128 of its bytes, and how it is brought to the model's size."""

    hash: str
    fit: Fit


@dataclass(frozen=True, slots=True)
class Row:
    """A sample: its prompt, the picture to make and those to edit."""

    id: str
    prompt: str
    made: Picture
    references: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pixels of a sample, RGB uint8 (H, W, 3) each."""

    id: str
    prompt: str
    made: Array
    references: tuple[Array, ...]


class PictureSource:
    """The samples of a split by number: from the puzzle, if the model edits, to its solution.

    A picture keeps its size, raised to multiples of 16 px, or 32 to edit, by repeating its border,
    unless it has more pixels than the recipe allows. `limit` takes so many samples, spread evenly
    over the ids and so over the tasks. Nothing is read before it is asked for.
    """

    def __init__(
        self,
        dataset: Dataset,
        table: ImageDataTable,
        *,
        is_edit: bool,
        split: str = "train",
        limit: int | None = None,
    ) -> None:
        self._dataset, self._limit = dataset, limit
        self._multiple = EDIT_MULTIPLE_PX if is_edit else TOKEN_PX
        self._is_edit = is_edit
        self.table, self.split = table, split

    @cached_property
    def rows(self) -> Sequence[Row]:
        """What the data set says of each sample; raises UnreadableError where a picture lacks."""
        # By id, so that the order does not depend on how the data set is cut into shards.
        rows = sorted(self._rows(), key=lambda row: row.id)
        count = len(rows) if self._limit is None else min(self._limit, len(rows))
        return [rows[i * len(rows) // count] for i in range(count)]

    @cached_property
    def ids(self) -> Sequence[str]:
        """The samples' ids."""
        return [row.id for row in self.rows]

    @cached_property
    def shapes(self) -> Sequence[tuple[int, ...]]:
        """Height and width in px of each sample's pictures, as the model reads them."""
        return [
            tuple(side for one in (row.made, *row.references) for side in one.fit.target)
            for row in self.rows
        ]

    def read(self, number: int) -> Pictures:
        """One sample; raises UnreadableError, naming it, when a picture is damaged."""
        row = self.rows[number]
        cells = self._dataset.row(row.id, COLUMNS)
        return Pictures(
            row.id,
            row.prompt,
            row.made.fit.apply(_decoded(row.id, cells["solution"]["bytes"])),
            tuple(
                reference.fit.apply(_decoded(row.id, cells["image"]["bytes"]))
                for reference in row.references
            ),
        )

    def _rows(self) -> Iterator[Row]:
        for shard in self._dataset.of_split(self.split):
            columns = self._dataset.columns(shard, COLUMNS)
            for values in zip(*(columns[name] for name in COLUMNS), strict=True):
                yield self._row(dict(zip(COLUMNS, values, strict=True)))

    def _row(self, cells: Mapping[str, Any]) -> Row:
        name = cells["id"]
        made = self._picture(name, cells["solution"])
        references = (self._picture(name, cells["image"]),) if self._is_edit else ()
        return Row(name, cells["prompt_image"], made, references)

    def _picture(self, name: str, cell: Mapping[str, bytes] | None) -> Picture:
        if cell is None:
            raise UnreadableError(
                f"sample `{name}` lacks its puzzle or its solution as a picture",
                hint="choose other tasks",
            )
        with Image.open(BytesIO(cell["bytes"])) as opened:
            source = Size(opened.height, opened.width)
        digest = hashlib.blake2b(cell["bytes"], digest_size=16).hexdigest()
        return Picture(digest, fit_of(source, self.table.max_pixels, self._multiple))


def _decoded(name: str, png: bytes) -> Array:
    try:
        with Image.open(BytesIO(png)) as opened:
            return np.asarray(opened.convert("RGB"), dtype=np.uint8)
    except OSError as error:
        raise UnreadableError(
            f"a picture of sample `{name}` cannot be read", fact=str(error)
        ) from error
