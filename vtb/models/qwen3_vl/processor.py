"""The processor of a small Qwen3-VL: text, images and videos to model inputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import (
    ProcessorMixin,
    Qwen2VLImageProcessor,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

from vtb.models.qwen3_vl.pictures import PictureLimits
from vtb.models.qwen3_vl.presets import PATCHES, Preset
from vtb.models.qwen3_vl.tokenizer import build_tokenizer

TEMPLATE = Path(__file__).with_name("chat_template.jinja")
COLOURS: Mapping[str, Any] = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
# Px of all frames of a video.
VIDEO_AREA = {"shortest_edge": 4096, "longest_edge": 131_072}


def write_processor(directory: Path, preset: Preset) -> Qwen3VLProcessor:
    """Saves the processor of a small model and returns it."""
    area = PictureLimits.area
    size = {"shortest_edge": area(1), "longest_edge": area(preset.max_image_tokens)}
    images = Qwen2VLImageProcessor(**PATCHES, **COLOURS, size=size)
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
        tokenizer=build_tokenizer(preset.corpus, preset.text_tokens),
        video_processor=videos,
        chat_template=TEMPLATE.read_text("utf-8"),
    )
    save_processor(processor, directory)
    return processor


def save_processor(processor: ProcessorMixin, directory: Path) -> None:
    """Writes a processor and its tokenizer, as transformers 5 does and as published."""
    processor.save_pretrained(directory)
    parts: Any = processor
    parts.image_processor.save_pretrained(directory)
    parts.video_processor.save_pretrained(directory)
