"""Names of encoded samples: hashes of everything that decides their content, and of nothing else.

A changed prompt, size, frame plan or model gives another key, so that nothing stale is ever read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from vtb.models.identity import weights_fingerprint
from vtb.models.wan.checkpoint import WanCheckpoint
from vtb.recipe.schema import VideoDataTable

# Rises whenever an encoder or the form of a file changes.
FORMAT_VERSION = 1
# Tensors besides the latents, named as in `Encoded`, by the argument of the transformer that
# tells whether it is conditioned on them.
CONDITIONS = {
    "first_frame_latents": "fuse_vae_embedding_in_latents",
    "image_condition": "require_vae_embedding",
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """What encodes samples, by its weights, and how the result is stored.

    `conditions` are the names of the tensors that stand beside the latents.
    """

    vae: str
    text_encoder: str
    tokenizer: str
    conditions: tuple[str, ...]
    dtype: str

    @classmethod
    def of(cls, checkpoint: WanCheckpoint, dtype: str) -> Self:
        """That of a checkpoint whose files are all there; `dtype` is `bf16` or `fp32`."""
        prints = {
            name: weights_fingerprint(checkpoint.paths(checkpoint.part(name)))
            for name in ("vae", "text_encoder", "tokenizer")
        }
        arguments = checkpoint.part("dit").arguments
        conditions = tuple(name for name, flag in CONDITIONS.items() if arguments[flag])
        return cls(**prints, conditions=conditions, dtype=dtype)

    def latents_key(self, video_hash: str, data: VideoDataTable) -> str:
        """The key of a clip, 32 hex digits; `video_hash` is that of its bytes.

        Whether a GPU (bfloat16) or a CPU (float32) encoded it makes no difference.
        """
        return key_of(
            {
                "video": video_hash,
                "height": data.height,
                "width": data.width,
                "num_frames": data.num_frames,
                "frame_plan": data.frame_plan,
                "fit": data.fit,
                "vae": self.vae,
                "conditions": self.conditions,
                "dtype": self.dtype,
            }
        )

    def text_key(self, prompt: str) -> str:
        """The key of a prompt, 32 hex digits."""
        return key_of(
            {
                "prompt": prompt,
                "text_encoder": self.text_encoder,
                "tokenizer": self.tokenizer,
                "dtype": self.dtype,
            }
        )


def key_of(facts: Mapping[str, Any]) -> str:
    """A name for something that these facts, as JSON, decide: 32 hex digits."""
    versioned = {**facts, "format_version": FORMAT_VERSION}
    text = json.dumps(versioned, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
