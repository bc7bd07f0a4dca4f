"""MP4 in and out through PyAV, with exact frame counts.

Colour is BT.601, limited range, in both directions and tagged in the stream.
"""

# PyAV's stubs leave the type parameter of Packet open.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.codec.codec import UnknownCodecError
from av.codec.context import Flags
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vtb.core.errors import MissingEnvironmentError, UnreadableError, VtbError
from vtb.core.types import Array
from vtb.media.yuv import YuvFrame, with_changes

# Values of ITU-T H.273: matrix 2 is unspecified; 5 (BT.470 BG) and 6 (SMPTE 170M) are BT.601.
_BT601_MATRICES = (2, 5, 6)
_SMPTE170M = 6
_LIMITED_RANGE, _FULL_RANGE = 1, 2
# 241 frames of 1920x832 px, 1.2 GB as RGB.
MAX_PIXELS = 400_000_000
_CONTAINERS = frozenset({"mp4", "matroska", "webm", "avi", "gif", "mpeg", "mpegts"})


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """Facts about a clip; `probe` counts `num_frames`, `read_header` trusts the index."""

    num_frames: int
    height: int
    width: int
    fps: float
    codec: str


def encode(
    frames: Iterable[Array],
    *,
    num_frames: int,
    height: int,
    width: int,
    fps: float,
    crf: int = 18,
    preset: str = "superfast",
    lossless: bool = False,
) -> bytes:
    """The RGB uint8 frames (H, W, 3) as an H.264 MP4 that begins with its index.

    The clip is one group of pictures from one thread without B-frames, so equal frames give equal
    bytes. `lossless` stores RGB bit for bit, otherwise yuv420p at `crf`; sides must be even.
    `preset` is x264's; faster ones give larger clips. A frame is used up before the next is taken.
    Raises VtbError unless there are exactly `num_frames` frames of that size, and
    MissingEnvironmentError when PyAV has no x264.
    """
    output = BytesIO()
    # `faststart` would read the file again; room kept at the front for the index does the same.
    options = {"moov_size": str(4096 + 24 * num_frames), "fflags": "+bitexact"}
    with av.open(output, "w", format="mp4", options=options) as container:
        stream = _add_stream(container, fps, crf, preset, lossless)
        stream.height, stream.width, stream.gop_size = height, width, num_frames
        count, yuv = 0, YuvFrame(height, width)
        for frame, window in with_changes(frames):
            if frame.shape != (height, width, 3):
                raise VtbError(f"frame {count + 1} is {frame.shape}, not ({height}, {width}, 3)")
            shown = _rgb_frame(frame) if lossless else yuv.show(frame, window)
            shown.pts = count
            container.mux(stream.encode(shown))
            count += 1
        container.mux(stream.encode(None))
    if count != num_frames:
        raise VtbError(f"the clip has {count} frames instead of {num_frames}")
    return output.getvalue()


def decode(source: bytes | Path) -> Iterator[Array]:
    """The frames as RGB uint8 (H, W, 3), one by one.

    Raises UnreadableError, naming the file, when it is not a video or, after the last readable
    frame, when there are fewer than its index promises.
    """
    for frame, _ in _decoded(source):
        yield _to_rgb(frame)


def read_frames(source: bytes | Path) -> Array:
    """All frames as RGB uint8 (T, H, W, 3).

    Raises as `decode` does, where the size changes, and beyond 400 million pixels: a prediction
    may be any file, and one process must survive it.
    """
    # Filled as it is decoded: a list of frames to be stacked is twice the memory, which the
    # allocator gives back and takes anew for every clip, at more than the decoder's own time.
    clip, count = np.empty((0, 0, 0, 3), np.uint8), 0
    for frame, promised in _decoded(source):
        size = frame.height, frame.width
        most = MAX_PIXELS // (frame.height * frame.width)
        if count == most:
            fact = f"more than {MAX_PIXELS:,} pixels after {count} frames"
            raise UnreadableError(f"`{_name(source)}` is too large", fact=fact)
        if count == 0:
            clip = np.empty((min(max(1, promised), most), *size, 3), np.uint8)
        if clip.shape[1:3] != size:
            fact = "its size changes"
            raise UnreadableError(f"`{_name(source)}` is not a readable video", fact=fact)
        if count == len(clip):
            clip = np.concatenate([clip, np.empty_like(clip)])
        clip[count] = _to_rgb(frame)
        count += 1
    return clip[:count]


def probe(source: bytes | Path) -> VideoInfo:
    """What the clip really holds, by decoding it; raises as `decode` does."""
    num_frames = sum(1 for _ in decode(source))
    with _open(source) as container:
        return _info(container, num_frames)


def read_header(source: bytes | Path) -> VideoInfo:
    """What the clip's index promises, without decoding it; raises UnreadableError if it is none."""
    try:
        with _open(source) as container:
            return _info(container, container.streams.video[0].frames)
    except FFmpegError as error:
        raise UnreadableError(
            f"`{_name(source)}` is not a readable video", fact=str(error)
        ) from error


def _decoded(source: bytes | Path) -> Iterator[tuple[VideoFrame, int]]:
    """Frames as they are stored, each with how many the index promises; raises as `decode` does."""
    try:
        with _open(source) as container:
            stream = container.streams.video[0]
            # Left to itself it starts a thread per CPU for every clip, whose frames have one slice.
            codec: Any = stream.codec_context
            if codec is not None:  # as in a damaged file, whatever PyAV's annotations say
                codec.thread_count = 1
            count = 0
            for frame in container.decode(stream):
                count += 1
                yield frame, stream.frames
            if count < max(1, stream.frames):
                fact = f"{count} of {stream.frames} frames can be decoded"
                raise UnreadableError(f"`{_name(source)}` is cut short", fact=fact)
    except FFmpegError as error:
        raise UnreadableError(
            f"`{_name(source)}` is not a readable video", fact=str(error)
        ) from error


def _info(container: InputContainer, num_frames: int) -> VideoInfo:
    stream = container.streams.video[0]
    return VideoInfo(
        num_frames=num_frames,
        height=stream.height,
        width=stream.width,
        fps=float(stream.average_rate or 0),
        codec=stream.codec_context.name,
    )


def _add_stream(
    container: OutputContainer, fps: float, crf: int, preset: str, lossless: bool
) -> VideoStream:
    name = "libx264rgb" if lossless else "libx264"
    options = {"preset": preset, "crf": "0" if lossless else str(crf)}
    options |= {"threads": "1", "bf": "0", "sc_threshold": "0"}
    try:
        stream = container.add_stream(name, Fraction(fps).limit_denominator(1001), options)
    except UnknownCodecError as error:
        raise MissingEnvironmentError(
            f"PyAV has no encoder `{name}`",
            fact=f"av {av.__version__}",
            hint="pip install --force-reinstall --only-binary av av",
        ) from error
    stream.pix_fmt = "rgb24" if lossless else "yuv420p"
    context = stream.codec_context
    context.flags |= Flags.bitexact
    if not lossless:
        context.color_range = _LIMITED_RANGE
        context.colorspace = context.color_primaries = context.color_trc = _SMPTE170M
    return stream


def _rgb_frame(frame: Array) -> VideoFrame:
    return VideoFrame.from_ndarray(frame, format="rgb24")


def _open(source: bytes | Path) -> InputContainer:
    file = BytesIO(source) if isinstance(source, bytes) else str(source)
    container = av.open(file, "r", metadata_errors="replace")
    if _CONTAINERS.isdisjoint(container.format.name.split(",")) or not container.streams.video:
        container.close()
        raise UnreadableError(f"`{_name(source)}` is not a video", fact=container.format.long_name)
    return container


def _name(source: bytes | Path) -> str:
    return "video in memory" if isinstance(source, bytes) else str(source)


def _to_rgb(frame: VideoFrame) -> Array:
    is_plain = (
        frame.format.name == "yuv420p"
        and frame.color_range != _FULL_RANGE
        and frame.colorspace in _BT601_MATRICES
        and frame.height % 2 == frame.width % 2 == 0
    )
    if not is_plain:  # other formats go through swscale, which heeds their tags at 3x the time
        return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    return np.asarray(cv2.cvtColor(frame.to_ndarray(), cv2.COLOR_YUV2RGB_I420), np.uint8)
