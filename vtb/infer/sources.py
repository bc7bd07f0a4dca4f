"""Where the prompts and first frames of clips come from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from vtb.core.errors import UnreadableError, UsageError
from vtb.core.files import sha256_file
from vtb.core.types import Array
from vtb.data.store import Dataset
from vtb.media.image import decode_image
from vtb.media.video import probe

# The shape of clips where the source has none of its own.
DEFAULT_FRAMES = 81
DEFAULT_FPS = 16.0


@dataclass(frozen=True, slots=True)
class VideoJob:
    """One clip to make: it begins with `picture`, RGB uint8 (H, W, 3)."""

    sample_id: str
    prompt: str
    picture: Array


@dataclass(frozen=True, slots=True)
class ClipShape:
    """How many frames a clip has, and how many are shown in a second."""

    num_frames: int
    fps: float


@dataclass(frozen=True, slots=True)
class DatasetSource:
    """The samples of one split."""

    dataset: Dataset
    split: str

    def record(self) -> dict[str, Any]:
        """What identifies the source, as JSON."""
        return {
            "data": str(self.dataset.path),
            "manifest_hash": self.dataset.manifest_hash,
            "split": self.split,
        }

    def ids(self, limit: int | None) -> list[str]:
        """Sample ids in order; raises UsageError when there are none."""
        ids = self.dataset.ids(self.split, limit)
        if not ids:
            raise UsageError(
                f"`{self.dataset.path}` has no samples in the split `{self.split}`",
                hint="--split all",
            )
        return ids

    def job(self, sample_id: str) -> VideoJob:
        """The job of one id; raises UnreadableError when its picture is damaged."""
        sample = self.dataset.sample(sample_id)
        if sample.puzzle is None:
            raise UnreadableError(f"sample `{sample_id}` has no picture")
        return VideoJob(sample_id, sample.prompts["video"], sample.puzzle)

    def shape(self) -> ClipShape:
        """That of the first clip; a dataset without videos takes 81 frames at 16 fps."""
        sample = next(self.dataset.samples(self.split, 1, pixels=False, video=True))
        if sample.video is None:
            return ClipShape(DEFAULT_FRAMES, DEFAULT_FPS)
        info = probe(sample.video)
        return ClipShape(info.num_frames, info.fps)


@dataclass(frozen=True, slots=True)
class PromptSource:
    """One prompt with the image file the clip begins with."""

    prompt: str
    image: Path

    def record(self) -> dict[str, Any]:
        """What identifies the source, as JSON; raises UnreadableError without an image."""
        if not self.image.is_file():
            raise UnreadableError(f"image `{self.image}` does not exist")
        return {"prompt": self.prompt, "image_sha256": sha256_file(self.image)}

    def ids(self, limit: int | None) -> list[str]:
        """One id, derived from prompt and image."""
        text = f"{self.prompt}\0{self.record()['image_sha256']}"
        return [f"prompt-{hashlib.blake2b(text.encode(), digest_size=6).hexdigest()}"]

    def job(self, sample_id: str) -> VideoJob:
        """The one job."""
        return VideoJob(sample_id, self.prompt, decode_image(self.image))

    def shape(self) -> ClipShape:
        """81 frames at 16 fps."""
        return ClipShape(DEFAULT_FRAMES, DEFAULT_FPS)


Source: TypeAlias = DatasetSource | PromptSource
