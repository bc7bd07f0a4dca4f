"""The configuration files of a Qwen-Image checkpoint, as diffusers and transformers read them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vtb.core.files import atomic_write_json
from vtb.models.qwen_image.published import MODEL_INDEX, TRANSFORMER_CONFIG
from vtb.models.qwen_image.variants import QwenImageVariant

SCHEDULER = "FlowMatchEulerDiscreteScheduler"
COMPONENTS: Mapping[str, list[str]] = {
    "scheduler": ["diffusers", SCHEDULER],
    "text_encoder": ["transformers", "Qwen2_5_VLForConditionalGeneration"],
    "tokenizer": ["transformers", "Qwen2Tokenizer"],
    "transformer": ["diffusers", "QwenImageTransformer2DModel"],
    "vae": ["diffusers", "AutoencoderKLQwenImage"],
}
PROCESSOR = {"processor": ["transformers", "Qwen2VLProcessor"]}
SCHEDULER_CONFIG: Mapping[str, Any] = {
    "_class_name": SCHEDULER,
    "num_train_timesteps": 1000,
    "use_dynamic_shifting": True,
    "time_shift_type": "exponential",
    "shift": 1.0,
    "shift_terminal": 0.02,
    "base_shift": 0.5,
    "max_shift": 0.9,
    "base_image_seq_len": 256,
    "max_image_seq_len": 8192,
}


def write_configs(
    directory: Path, variant: QwenImageVariant, arguments: Mapping[str, Mapping[str, Any]]
) -> None:
    """Writes `model_index.json` and the configuration of each model from its arguments by part."""
    takes_images = variant.references != "none"
    index = {"_class_name": variant.pipeline, **COMPONENTS, **(PROCESSOR if takes_images else {})}
    zero_cond_t = {"zero_cond_t": True} if variant.zero_cond_t else {}
    transformer = {**_class_name("transformer"), **arguments["dit"], **zero_cond_t}
    text_encoder = {
        "architectures": [COMPONENTS["text_encoder"][1]],
        "model_type": "qwen2_5_vl",
        "dtype": "float32",
        **arguments["text_encoder"],
    }
    files = {
        MODEL_INDEX: index,
        TRANSFORMER_CONFIG: transformer,
        "text_encoder/config.json": text_encoder,
        "vae/config.json": {**_class_name("vae"), **arguments["vae"]},
        "scheduler/scheduler_config.json": SCHEDULER_CONFIG,
    }
    for file, content in files.items():
        atomic_write_json(directory / file, content)


def _class_name(component: str) -> dict[str, str]:
    return {"_class_name": COMPONENTS[component][1]}
