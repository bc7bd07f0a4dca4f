"""The parts of the published Wan2.2 repositories: files, structure hashes, class arguments.

Sources: the repositories of Wan-AI and their config.json; structure hashes recomputed from the
architectures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vtb.models.families import Part

TOKENIZER_DIRECTORY = "google/umt5-xxl"
SHARD = "diffusion_pytorch_model-{:05d}-of-{:05d}.safetensors"

TOKENIZER = Part(
    "tokenizer",
    tuple(f"{TOKENIZER_DIRECTORY}/{name}" for name in ("tokenizer.json", "tokenizer_config.json")),
)
TEXT_ENCODER = Part(
    "text_encoder",
    ("models_t5_umt5-xxl-enc-bf16.pth",),
    "9c8818c2cbea55eca56c7b447df170da",
    architecture="text_encoder",
)
VAE_2_1 = Part(
    "vae", ("Wan2.1_VAE.pth",), "ccc42284ea13e1ad04693284c7a09be6", architecture="vae2.1"
)
VAE_2_2 = Part(
    "vae", ("Wan2.2_VAE.pth",), "e1de6c02cdac79f8b739f4d3698cd216", architecture="vae2.2"
)

# Where the first frame goes: into the latents (TI2V), into extra channels (I2V), or nowhere (T2V).
COMMON: Mapping[str, Any] = {
    "text_dim": 4096,
    "freq_dim": 256,
    "eps": 1e-6,
    "patch_size": (1, 2, 2),
    "has_image_input": False,
    "require_clip_embedding": False,
}
TI2V_5B: Mapping[str, Any] = {
    **COMMON,
    "dim": 3072,
    "in_dim": 48,
    "ffn_dim": 14336,
    "out_dim": 48,
    "num_heads": 24,
    "num_layers": 30,
    "seperated_timestep": True,  # upstream's spelling
    "require_vae_embedding": False,
    "fuse_vae_embedding_in_latents": True,
}
A14B: Mapping[str, Any] = {
    **COMMON,
    "dim": 5120,
    "ffn_dim": 13824,
    "out_dim": 16,
    "num_heads": 40,
    "num_layers": 40,
    "seperated_timestep": False,
    "fuse_vae_embedding_in_latents": False,
}
T2V_A14B: Mapping[str, Any] = {**A14B, "in_dim": 16, "require_vae_embedding": False}
I2V_A14B: Mapping[str, Any] = {**A14B, "in_dim": 36, "require_vae_embedding": True}

TI2V_5B_PARTS = (
    Part("config", ("config.json",)),
    Part(
        "dit",
        tuple(SHARD.format(i, 3) for i in range(1, 4)),
        "1f5ab7703c6fc803fdded85ff040c316",
        TI2V_5B,
        architecture="dit",
    ),
    TEXT_ENCODER,
    VAE_2_2,
    TOKENIZER,
)


def _a14b_parts(structure_hash: str, arguments: Mapping[str, Any]) -> tuple[Part, ...]:
    """The high-noise expert is `dit` and the low-noise one `dit2`, as diffsynth names them."""
    experts = {"dit": "high_noise_model", "dit2": "low_noise_model"}
    transformers = (
        Part(
            name,
            tuple(f"{folder}/{SHARD.format(i, 6)}" for i in range(1, 7)),
            structure_hash,
            arguments,
            architecture="dit",
        )
        for name, folder in experts.items()
    )
    config = Part("config", tuple(f"{folder}/config.json" for folder in experts.values()))
    return (config, *transformers, TEXT_ENCODER, VAE_2_1, TOKENIZER)


# The structure of T2V is also that of Wan2.1-T2V-14B.
T2V_A14B_PARTS = _a14b_parts("aafcfd9672c3a2456dc46e1cb6e52c70", T2V_A14B)
I2V_A14B_PARTS = _a14b_parts("5b013604280dd715f8457c6ed6d6a626", I2V_A14B)
