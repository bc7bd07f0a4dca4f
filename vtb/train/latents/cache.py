"""What a data set needs encoded, and how much of it is there; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vtb.models.wan.checkpoint import WanCheckpoint
from vtb.models.wan.variants import TEXT_TOKENS
from vtb.train.latents.clips import ClipSource
from vtb.train.latents.keys import Encoding
from vtb.train.latents.store import Kind, Store

BYTES_PER_VALUE = {"bf16": 2, "fp32": 4}
# English prompts have about four characters per token.
CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class CacheState:
    """Clips that can be read, clips that must be encoded first, and about how much that writes.

    Latents are counted exactly, prompts by their length.
    """

    hits: int
    missing: int
    bytes_to_write: int


@dataclass(frozen=True, slots=True)
class LatentCache:
    """The encoded form of a data set's clips: where each one is, by the numbers of `ClipSource`.

    `sizes` are (height, width) in px, `latents` and `texts` the keys of clips and of their prompts;
    `prompts` maps the latter back.
    """

    checkpoint: WanCheckpoint
    num_frames: int
    encoding: Encoding
    store: Store
    ids: Sequence[str]
    sizes: Sequence[tuple[int, int]]
    latents: Sequence[str]
    texts: Sequence[str]
    prompts: Mapping[str, str]

    @classmethod
    def of(
        cls, clips: ClipSource, checkpoint: WanCheckpoint, *, dtype: str, root: Path
    ) -> LatentCache:
        """The cache of these clips for a checkpoint under a cache root, as `bf16` or `fp32`.

        Raises UnreadableError for a damaged shard.
        """
        encoding = Encoding.of(checkpoint, dtype)
        texts = [encoding.text_key(row.prompt) for row in clips.rows]
        return cls(
            checkpoint=checkpoint,
            num_frames=clips.table.num_frames,
            encoding=encoding,
            store=Store.of(root, checkpoint.variant.family, encoding.vae),
            ids=clips.ids,
            sizes=clips.sizes,
            latents=[
                encoding.latents_key(row.facts.hash if row.facts else "", clips.geometry(number))
                for number, row in enumerate(clips.rows)
            ],
            texts=texts,
            prompts={key: row.prompt for key, row in zip(texts, clips.rows, strict=True)},
        )

    def missing(self) -> list[int]:
        """Numbers of the clips that lack their latents or their prompt."""
        return self._lacking(self.absent("latents"), self.absent("text"))

    def absent(self, kind: Kind) -> set[str]:
        """Keys without a file."""
        return {key for key in self.keys(kind) if not self.store.has(kind, key)}

    def keys(self, kind: Kind) -> list[str]:
        """All keys of a kind, each once, sorted."""
        return sorted(set(self.latents if kind == "latents" else self.texts))

    def state(self) -> CacheState:
        """How much is there; opens no file."""
        latents, texts = self.absent("latents"), self.absent("text")
        missing = len(self._lacking(latents, texts))
        tokens = sum(_tokens(self.prompts[key]) for key in texts)
        text_dim = self.checkpoint.part("dit").arguments["text_dim"]
        sizes = dict(zip(self.latents, self.sizes, strict=True))
        values = sum(self._values(*sizes[key]) for key in latents) + tokens * text_dim
        return CacheState(
            hits=len(self.ids) - missing,
            missing=missing,
            bytes_to_write=values * BYTES_PER_VALUE[self.encoding.dtype],
        )

    def _lacking(self, latents: set[str], texts: set[str]) -> list[int]:
        pairs = zip(self.latents, self.texts, strict=True)
        return [n for n, (key, text) in enumerate(pairs) if key in latents or text in texts]

    def _values(self, height: int, width: int) -> int:
        variant = self.checkpoint.variant
        _, row, column = variant.vae_stride
        frame = variant.latent_channels * (height // row) * (width // column)
        frames = variant.latent_frames(self.num_frames)
        beside = {"first_frame_latents": 1, "image_condition": frames}
        return frame * (frames + sum(beside[name] for name in self.encoding.conditions))


def _tokens(prompt: str) -> int:
    return min(TEXT_TOKENS, len(prompt) // CHARACTERS_PER_TOKEN + 1)
