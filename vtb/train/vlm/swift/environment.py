"""The environment of ms-swift's processes; imports neither torch nor ms-swift."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vtb.recipe.vlm import VlmDataTable, VlmRecipe
from vtb.run.environment import training_environment
from vtb.train.vlm.swift.settings import PluginSettings

ALLOCATOR = "PYTORCH_CUDA_ALLOC_CONF"
# Everything is on the disk; without these each start asks a hub.
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")


def swift_environment(
    recipe: VlmRecipe,
    settings: PluginSettings,
    images: Path,
    user: Mapping[str, str],
    *,
    on_gpu: bool,
) -> dict[str, str]:
    """What is added to the user's variables.

    Paths of pictures in the data set are relative to `images`. How large pictures and clips may be
    is known to ms-swift from here alone, so the user's own limits do not count.
    """
    added = training_environment(user, on_gpu=on_gpu)
    if recipe.rollout.engine == "vllm-colocate" and ALLOCATOR not in user:
        # vLLM's sleep mode refuses expandable segments.
        added.pop(ALLOCATOR, None)
    return {
        **added,
        **{name: user.get(name, "1") for name in OFFLINE},
        "PYTHONFAULTHANDLER": "1",
        "ROOT_IMAGE_DIR": str(images),
        **_limits(recipe.data),
        **settings.environment(),
    }


def _limits(data: VlmDataTable) -> dict[str, str]:
    limits: dict[str, int | float] = {
        "IMAGE_MAX_TOKEN_NUM": data.image_max_tokens,
        "IMAGE_MIN_TOKEN_NUM": data.image_min_tokens,
    }
    if data.media == "video":
        # Frames pass as pictures first, in tokens four times as large.
        limits = {
            "IMAGE_MAX_TOKEN_NUM": data.video_max_tokens,
            "IMAGE_MIN_TOKEN_NUM": 1,
            "VIDEO_MAX_TOKEN_NUM": data.video_max_tokens,
            "VIDEO_MIN_TOKEN_NUM": data.video_min_tokens,
            "FPS": data.fps,
        }
    return {name: str(limit) for name, limit in limits.items()}
