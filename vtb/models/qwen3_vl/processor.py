"""The processor of a tiny Qwen3-VL: text, images and videos to model inputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import Qwen2VLImageProcessor, Qwen3VLProcessor, Qwen3VLVideoProcessor

from vtb.models.qwen3_vl.tokenizer import build_tokenizer

TEMPLATE = Path(__file__).with_name("chat_template.jinja")
PATCHES: Mapping[str, Any] = {"patch_size": 16, "merge_size": 2, "temporal_patch_size": 2}
COLOURS: Mapping[str, Any] = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
# Areas in px, of an image and of all frames of a video; 1,024 px are one token.
IMAGE_AREA = {"shortest_edge": 1024, "longest_edge": 65_536}
VIDEO_AREA = {"shortest_edge": 4096, "longest_edge": 131_072}


def write_processor(directory: Path) -> Qwen3VLProcessor:
    """Saves a processor and its tokenizer, as transformers 5 does and as published; returns it."""
    images = Qwen2VLImageProcessor(**PATCHES, **COLOURS, size=IMAGE_AREA)
    videos = Qwen3VLVideoProcessor(
        **PATCHES,
        **COLOURS,
        size=VIDEO_AREA,
        fps=2,
        min_frames=4,
        max_frames=32,
        cap_pixels_per_frame=True,  # transformers 5.22 makes it the default
    )
    processor = Qwen3VLProcessor(
        image_processor=images,
        tokenizer=build_tokenizer(),
        video_processor=videos,
        chat_template=TEMPLATE.read_text("utf-8"),
    )
    processor.save_pretrained(directory)
    images.save_pretrained(directory)
    videos.save_pretrained(directory)
    return processor
