"""Where the prompts and pictures that a model is given come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from vtb.core.errors import UnreadableError, UsageError
from vtb.core.files import sha256_file
from vtb.core.splits import fingerprint
from vtb.core.types import Array, Audience
from vtb.data.request import split_rule
from vtb.data.store import Dataset
from vtb.media.fit import Size
from vtb.media.image import decode_image
from vtb.media.video import probe

# The shape of clips where the source has none of its own.
DEFAULT_FRAMES = 81
DEFAULT_FPS = 16.0
PROMPT_COLUMNS: Mapping[Audience, str] = {
    "video": "prompt",
    "image": "prompt_image",
    "vlm": "prompt_vlm",
}


@dataclass(frozen=True, slots=True)
class Job:
    """One clip or picture to make, of that size, from `picture`, RGB uint8 (H, W, 3).

    A model that takes no image ignores the picture.
    """

    sample_id: str
    prompt: str
    picture: Array | None
    size: Size


@dataclass(frozen=True, slots=True)
class ClipShape:
    """How many frames a clip has, and how many are shown in a second."""

    num_frames: int
    fps: float


@dataclass(frozen=True, slots=True)
class DatasetSource:
    """The samples of one split, with the prompts for an audience."""

    dataset: Dataset
    split: str
    audience: Audience

    def record(self) -> dict[str, Any]:
        """What identifies the source, as JSON."""
        return {
            "data": str(self.dataset.path),
            "manifest_hash": self.dataset.manifest_hash,
            "split": self.split,
        }

    def drawings(self, limit: int | None) -> dict[str, str]:
        """A hash of content and style by sample id, in order; raises UsageError without samples."""
        rows = self.dataset.rows(self.split, ["id", "instance"], limit)
        drawings = {row["id"]: fingerprint(row["instance"].encode()) for row in rows}
        if not drawings:
            raise UsageError(
                f"`{self.dataset.path}` has no samples in the split `{self.split}`",
                hint="--split all",
            )
        return drawings

    def prompts(self, limit: int | None) -> dict[str, str]:
        """The prompts by sample id, in order."""
        column = PROMPT_COLUMNS[self.audience]
        rows = self.dataset.rows(self.split, ["id", column], limit)
        return {row["id"]: row[column] for row in rows}

    def buckets(self) -> range:
        """The buckets that the puzzles may come from; see `SplitRule`."""
        return split_rule(self.dataset.path).buckets(self.split)

    def job(self, sample_id: str) -> Job:
        """The job of one id; raises UnreadableError when its picture is damaged."""
        sample = self.dataset.sample(sample_id)
        if sample.puzzle is None:
            raise UnreadableError(f"sample `{sample_id}` has no picture")
        size = Size(*sample.puzzle.shape[:2])
        return Job(sample_id, sample.prompts[self.audience], sample.puzzle, size)

    def shape(self) -> ClipShape:
        """That of the first clip; a dataset without videos takes 81 frames at 16 fps."""
        sample = next(self.dataset.samples(self.split, 1, pixels=False, video=True))
        if sample.video is None:
            return ClipShape(DEFAULT_FRAMES, DEFAULT_FPS)
        info = probe(sample.video)
        return ClipShape(info.num_frames, info.fps)


@dataclass(frozen=True, slots=True)
class PromptSource:
    """One prompt with an image file; without one what is made has `size`."""

    prompt: str
    image: Path | None
    size: Size

    def record(self) -> dict[str, Any]:
        """What identifies the source, as JSON; raises UnreadableError for an absent image."""
        if self.image is None:
            return {"prompt": self.prompt, "image_sha256": None}
        if not self.image.is_file():
            raise UnreadableError(f"image `{self.image}` does not exist")
        return {"prompt": self.prompt, "image_sha256": sha256_file(self.image)}

    def drawings(self, limit: int | None) -> dict[str, str]:
        """A hash of prompt and image by the one id, which is derived from it."""
        digest = fingerprint(f"{self.prompt}\0{self.record()['image_sha256']}".encode())
        return {f"prompt-{digest[:12]}": digest}

    def prompts(self, limit: int | None) -> dict[str, str]:
        """The one prompt by its id."""
        return dict.fromkeys(self.drawings(limit), self.prompt)

    def buckets(self) -> range:
        """None: the picture need not be a puzzle."""
        return range(0)

    def job(self, sample_id: str) -> Job:
        """The one job."""
        picture = None if self.image is None else decode_image(self.image)
        size = self.size if picture is None else Size(*picture.shape[:2])
        return Job(sample_id, self.prompt, picture, size)

    def shape(self) -> ClipShape:
        """81 frames at 16 fps."""
        return ClipShape(DEFAULT_FRAMES, DEFAULT_FPS)


Source: TypeAlias = DatasetSource | PromptSource
