"""Files of encoded samples by key; imports no torch.

`<cache root>/latents/<family>-<VAE>/{latents,text}/<two digits>/<key>.safetensors`. A file that
has its final name is finished, so no index is needed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from safetensors import SafetensorError, safe_open

from vtb.core.errors import UnreadableError
from vtb.core.files import atomic_write_json
from vtb.train.latents.keys import FORMAT_VERSION

Kind = Literal["latents", "text"]
KINDS: tuple[Kind, ...] = ("latents", "text")
FOLDER = "latents"
META_NAME = "meta.json"


@dataclass(frozen=True, slots=True)
class Store:
    """The encoded samples of one model family and VAE."""

    directory: Path

    @property
    def family(self) -> str:
        """Name of the model family."""
        return self.directory.name.rpartition("-")[0]

    @classmethod
    def of(cls, root: Path, family: str, vae: str) -> Store:
        """That of a family and a VAE's fingerprint, under a cache root."""
        return cls(root / FOLDER / f"{family}-{vae[:8]}")

    def begin(self, vae: str) -> None:
        """Writes `meta.json`, which says what made the files."""
        meta = {"family": self.family, "vae": vae, "format_version": FORMAT_VERSION}
        if not (self.directory / META_NAME).is_file():
            atomic_write_json(self.directory / META_NAME, meta)

    def path(self, kind: Kind, key: str) -> Path:
        """Where the file of a key is, or will be."""
        return self.directory / kind / key[:2] / f"{key}.safetensors"

    def has(self, kind: Kind, key: str) -> bool:
        """Whether a file is there; a few microseconds."""
        return self.path(kind, key).is_file()

    def use(self, kind: Kind, key: str) -> bool:
        """Whether a file is there and whole; if so, its time of change becomes now."""
        path = self.path(kind, key)
        try:
            read_metadata(path)
        except UnreadableError:
            return False
        with suppress(OSError):  # a cache that others may only read
            os.utime(path)
        return True

    def files(self, kind: Kind) -> Iterator[Path]:
        """All finished files."""
        return (self.directory / kind).glob("??/*.safetensors")

    def leftovers(self) -> Iterator[Path]:
        """Temporary files of writers that are at work, or were killed."""
        return self.directory.glob("*/??/.*.tmp")


def read_metadata(path: Path) -> dict[str, str]:
    """The strings in a file's header; its length is checked against the header too.

    Raises UnreadableError when the file is absent, shorter or longer than its header says, or no
    safetensors file at all.
    """
    try:
        with safe_open(path, framework="np") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise UnreadableError(f"`{path}` cannot be read", fact=str(error)) from error


def stores(root: Path) -> list[Store]:
    """Every store under a cache root, by name."""
    return [Store(path) for path in sorted((root / FOLDER).glob("*-*/"))]
