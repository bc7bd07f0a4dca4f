"""What a data set of pictures needs encoded, and how much of it is there; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from vtb.models.identity import weights_fingerprint
from vtb.models.qwen_image.checkpoint import QwenImageCheckpoint
from vtb.train.image.pictures import Picture, PictureSource, Row
from vtb.train.latents.keys import key_of
from vtb.train.latents.store import KINDS, Kind, Store


@dataclass(frozen=True, slots=True)
class Encoding:
    """What encodes samples, by its weights, and how the result is stored.

    A prompt is encoded together with the pictures to edit; `resizes` if these are brought to a
    megapixel first.
    """

    vae: str
    texts: Mapping[str, Any]
    resizes: bool
    dtype: str

    @classmethod
    def of(cls, checkpoint: QwenImageCheckpoint, *, resizes: bool, dtype: str) -> Self:
        """That of a checkpoint whose files are all there; `dtype` is `bf16` or `fp32`."""
        prints = {
            part.name: weights_fingerprint(checkpoint.paths(part))
            for part in checkpoint.parts
            if part.name in ("vae", "text_encoder", "tokenizer", "processor")
        }
        vae = prints.pop("vae")
        texts = {**prints, "references": checkpoint.variant.references}
        return cls(vae=vae, texts=texts, resizes=resizes, dtype=dtype)

    def latents_key(self, picture: Picture, *, is_reference: bool) -> str:
        """The key of a picture, 32 hex digits."""
        return key_of(
            {
                "picture": picture.hash,
                "size": picture.fit.target,
                "resized": self.resizes and is_reference,
                "vae": self.vae,
                "dtype": self.dtype,
            }
        )

    def text_key(self, row: Row) -> str:
        """The key of a prompt with the pictures to edit, 32 hex digits."""
        seen = [[picture.hash, *picture.fit.target] for picture in row.references]
        resized = self.resizes and bool(seen)
        facts = {"prompt": row.prompt, "pictures": seen, "resized": resized, "dtype": self.dtype}
        return key_of({**facts, **self.texts})


@dataclass(frozen=True, slots=True)
class PictureCache:
    """The encoded form of a data set's samples: where each is, by the numbers of `PictureSource`.

    `shapes` are those of the source; `made`, `references` and `texts` are keys.
    """

    checkpoint: QwenImageCheckpoint
    encoding: Encoding
    store: Store
    ids: Sequence[str]
    shapes: Sequence[tuple[int, ...]]
    made: Sequence[str]
    references: Sequence[tuple[str, ...]]
    texts: Sequence[str]

    @classmethod
    def of(
        cls,
        pictures: PictureSource,
        checkpoint: QwenImageCheckpoint,
        *,
        dtype: str,
        root: Path,
    ) -> Self:
        """The cache of these samples for a checkpoint under a cache root."""
        encoding = Encoding.of(
            checkpoint, resizes=pictures.table.edit_image_auto_resize, dtype=dtype
        )
        return cls(
            checkpoint=checkpoint,
            encoding=encoding,
            store=Store.of(root, checkpoint.family, encoding.vae),
            ids=pictures.ids,
            shapes=pictures.shapes,
            made=[encoding.latents_key(row.made, is_reference=False) for row in pictures.rows],
            references=[
                tuple(encoding.latents_key(one, is_reference=True) for one in row.references)
                for row in pictures.rows
            ],
            texts=[encoding.text_key(row) for row in pictures.rows],
        )

    def keys(self, kind: Kind) -> list[str]:
        """All keys of a kind, each once, sorted."""
        if kind == "text":
            return sorted(set(self.texts))
        return sorted({key for keys in self.latents() for key in keys})

    def missing(self) -> list[int]:
        """Numbers of the samples that lack something."""
        absent: dict[Kind, set[str]] = {kind: self.absent(kind) for kind in KINDS}
        pairs = zip(self.latents(), self.texts, strict=True)
        return [
            number
            for number, (keys, text) in enumerate(pairs)
            if text in absent["text"] or not absent["latents"].isdisjoint(keys)
        ]

    def absent(self, kind: Kind) -> set[str]:
        """Keys without a file."""
        return {key for key in self.keys(kind) if not self.store.has(kind, key)}

    def latents(self) -> Sequence[tuple[str, ...]]:
        """The keys of each sample's pictures, that to make first."""
        pairs = zip(self.made, self.references, strict=True)
        return [(made, *references) for made, references in pairs]
