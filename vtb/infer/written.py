"""The clips in a folder of predictions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vtb.core.errors import UnreadableError
from vtb.core.files import (
    append_line,
    atomic_write,
    atomic_write_json,
    read_json_lines,
    sha256_file,
)
from vtb.core.types import Array
from vtb.data.names import sample_file
from vtb.infer.batches import Order
from vtb.infer.folder import LIST_NAME
from vtb.infer.settings import VideoRequest, VideoSettings
from vtb.media.video import encode, probe


def finished(out: Path) -> dict[str, str | None]:
    """The drawing that each whole clip was made for, by sample id; the last of its lines counts."""
    rows = {row["sample_id"]: row for row in read_json_lines(out / LIST_NAME)}
    return {name: row.get("drawing") for name, row in rows.items() if _is_whole(out, row)}


def write_clip(
    request: VideoRequest,
    settings: VideoSettings,
    order: Order,
    frames: Array,
    *,
    drawing: str,
    loras: str,
) -> None:
    """Writes a clip, RGB uint8 (T, H, W, 3) in the model's size, its sidecar and its line.

    Raises UnreadableError unless it decodes to the wanted number of frames.
    """
    shown = order.fit.undo(frames)
    clip = _mp4(shown, settings)
    path = sample_file(request.out, order.job.sample_id, ".mp4")
    atomic_write(path, clip)
    origin = {"model": str(request.model), "run": loras, "seed": order.seed}
    sidecar: dict[str, Any] = {
        "sample_id": order.job.sample_id,
        "prompt": order.job.prompt,
        **settings.record(),
        **origin,
        "generated_size": list(order.fit.target),
        "clip_size": list(shown.shape[1:3]),
    }
    atomic_write_json(path.with_suffix(".json"), sidecar)
    line = {
        "sample_id": order.job.sample_id,
        "kind": "video",
        "path": path.name,
        **origin,
        "sha256": hashlib.sha256(clip).hexdigest(),
        "drawing": drawing,
    }
    append_line(request.out / LIST_NAME, json.dumps(line))


def _mp4(frames: Array, settings: VideoSettings) -> bytes:
    num_frames, height, width = frames.shape[:3]
    clip = encode(frames, num_frames=num_frames, height=height, width=width, fps=settings.shape.fps)
    found = probe(clip).num_frames
    if found != settings.shape.num_frames:
        raise UnreadableError(
            "the clip has the wrong length",
            fact=f"{found} frames instead of {settings.shape.num_frames}",
        )
    return clip


def _is_whole(out: Path, row: Mapping[str, Any]) -> bool:
    path = out / row["path"]
    return path.is_file() and sha256_file(path) == row["sha256"]
