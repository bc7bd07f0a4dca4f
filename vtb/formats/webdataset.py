"""WebDataset's tar files: the members of a sample share the part of their names before the dot."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

from vtb.formats.record import Record

# Some hundred MB a file: large enough to stream, small enough to deal to many readers.
MAX_SAMPLES = 1000
MAX_BYTES = 500_000_000


def write(
    records: Iterable[Record],
    root: Path,
    *,
    max_samples: int = MAX_SAMPLES,
    max_bytes: int = MAX_BYTES,
) -> None:
    """Writes `<split>-000000.tar` and so on; a file ends before it would exceed either limit.

    A sample is `<id>.image.png`, `.json`, `.solution.png` and, where it has them,
    `.image_vlm.png` and `.video.mp4`, in the order of their names. Samples keep the dataset's
    order, and members have no time or owner, so that equal samples give equal bytes.
    """
    with ExitStack() as stack:
        splits: dict[str, _Shards] = {}
        for record in records:
            if record.split not in splits:
                shards = _Shards(root, record.split, max_samples, max_bytes)
                splits[record.split] = stack.enter_context(closing(shards))
            splits[record.split].add(_members(record))


class _Shards:
    """The tar files of one split, one of them open."""

    def __init__(self, root: Path, split: str, max_samples: int, max_bytes: int) -> None:
        self._root = root
        self._split = split
        self._limits = (max_samples, max_bytes)
        self._number = 0
        self._open()

    def add(self, members: Mapping[str, bytes]) -> None:
        size = sum(map(len, members.values()))
        max_samples, max_bytes = self._limits
        if self._samples and (self._samples == max_samples or self._bytes + size > max_bytes):
            self.close()
            self._number += 1
            self._open()
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            self._tar.addfile(member, BytesIO(content))
        self._samples += 1
        self._bytes += size

    def close(self) -> None:
        self._tar.close()

    def _open(self) -> None:
        path = self._root / f"{self._split}-{self._number:06d}.tar"
        self._tar = tarfile.open(path, "w")  # noqa: SIM115 closed by `close`
        self._samples = self._bytes = 0


def _members(record: Record) -> dict[str, bytes]:
    """The members of a sample by name, sorted."""
    contents = {
        "image.png": record.puzzle,
        "image_vlm.png": record.reasoning,
        "json": _description(record),
        "solution.png": record.solution,
        "video.mp4": record.video,
    }
    return {
        f"{record.id}.{suffix}": content
        for suffix, content in contents.items()
        if content is not None
    }


def _description(record: Record) -> bytes:
    description = {
        "id": record.id,
        "split": record.split,
        "task_type": record.instance.task,
        "task_group": record.task_group,
        "prompts": dict(record.prompts),
        "answer": record.answer,
        "instance": asdict(record.instance),
    }
    return json.dumps(description, ensure_ascii=False).encode()
