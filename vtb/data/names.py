"""File names from sample ids."""

from __future__ import annotations

from pathlib import Path

from vtb.core.errors import UnreadableError


def sample_file(directory: Path, sample_id: str, suffix: str) -> Path:
    """`<directory>/<sample_id><suffix>`; raises UnreadableError for an id that leaves it.

    Ids come from datasets, which anyone may have written.
    """
    name = f"{sample_id}{suffix}"
    if sample_id.startswith(".") or not sample_id or any(c in name for c in "/\\\0"):
        raise UnreadableError(
            f"sample id {sample_id!r} cannot name a file", hint="rename it in the dataset"
        )
    return directory / name
