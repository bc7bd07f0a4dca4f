"""What a dataset says of its clips, read without the clips themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    # The writer of rows needs the columns, and the reader of datasets what the writer knows.
    from vtb.data.store import Dataset

FORM_COLUMNS = ("num_frames", "height", "width", "fps")
HASH_COLUMN = "video_hash"
COLUMNS = (*FORM_COLUMNS, HASH_COLUMN)
# Of the frame rate, which a file holds as a fraction.
FPS_TOLERANCE = 0.01


class ClipForm(NamedTuple):
    """Length, size in px and rate in Hz of a clip."""

    num_frames: int
    height: int
    width: int
    fps: float

    def is_like(self, other: ClipForm) -> bool:
        """Whether both are the same, but for rounding of the rate."""
        return self[:3] == other[:3] and abs(self.fps - other.fps) <= FPS_TOLERANCE


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """The form of a clip and the blake2b-128 of its bytes, as hex."""

    form: ClipForm
    hash: str

    def columns(self) -> dict[str, Any]:
        """As they stand in a row."""
        return {**self.form._asdict(), HASH_COLUMN: self.hash}

    def describes(self, clip: bytes) -> bool:
        """Whether a clip is that which is meant; raises UnreadableError if it is none at all."""
        real = facts_of(clip)
        return self.hash == real.hash and self.form.is_like(real.form)


@dataclass(frozen=True, slots=True)
class ClipRow:
    """A sample's clip and its prompt; `facts` is None where there is no clip."""

    id: str
    prompt: str
    facts: ClipFacts | None


def clip_hash(clip: bytes) -> str:
    """The blake2b-128 of a clip's bytes, as hex."""
    return hashlib.blake2b(clip, digest_size=16).hexdigest()


def facts_of(clip: bytes) -> ClipFacts:
    """What a clip's header says; raises UnreadableError if it has none."""
    from vtb.media.video import read_header

    info = read_header(clip)
    form = ClipForm(info.num_frames, info.height, info.width, info.fps)
    return ClipFacts(form, clip_hash(clip))


def stored_facts(row: Mapping[str, Any]) -> ClipFacts | None:
    """What the columns of a row say; None where there is no clip or no such column."""
    if row.get(HASH_COLUMN) is None:
        return None
    return ClipFacts(ClipForm(*(row[name] for name in FORM_COLUMNS)), row[HASH_COLUMN])


def clip_rows(dataset: Dataset, split: str) -> Iterator[ClipRow]:
    """Every sample of a split, in row order; 20 µs each.

    The clips themselves are read only in shards that were made before there were these columns, in
    0.6 ms each. Raises UnreadableError for a damaged shard, and for a damaged clip of those.
    """
    for shard in dataset.of_split(split):
        columns = dataset.columns(shard, ["id", "prompt", *COLUMNS])
        if HASH_COLUMN not in columns:
            columns = dataset.columns(shard, ["id", "prompt", "video"])
        for values in zip(*columns.values(), strict=True):
            row = dict(zip(columns, values, strict=True))
            yield ClipRow(row["id"], row["prompt"], stored_facts(row) or _read_facts(row))


def misdescribed(dataset: Dataset, split: str) -> list[str]:
    """Files of a split whose columns deny what the first clip's header says; 4 ms each.

    Raises UnreadableError where that is no clip at all.
    """
    found: list[str] = []
    for shard in dataset.of_split(split):
        alone = replace(dataset, shards=(shard,))
        row = next(alone.rows(columns=["video", *COLUMNS], limit=1))
        facts = stored_facts(row)
        if facts and not (row["video"] and facts.describes(row["video"]["bytes"])):
            found.append(shard.file)
    return found


def _read_facts(row: Mapping[str, Any]) -> ClipFacts | None:
    video = row.get("video")
    return facts_of(video["bytes"]) if video else None
