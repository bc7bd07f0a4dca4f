"""Where samples to be scored come from: a dataset of ours, or a folder of another project."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from vtb.data.foreign import ForeignSet, open_foreign
from vtb.data.shards import MANIFEST_NAME
from vtb.data.store import Dataset, open_dataset
from vtb.formats import videothinkbench

# What both offer: `path`, `manifest_hash`, `splits`, `skipped`, `notes`, `buckets`, `ids`,
# `samples` and `sample`.
SampleSource: TypeAlias = Dataset | ForeignSet


def open_source(path: Path) -> SampleSource:
    """The dataset or the VideoThinkBench folder at `path`; raises UnreadableError at others."""
    if not (path / MANIFEST_NAME).is_file() and videothinkbench.is_folder(path):
        return open_foreign(path)
    return open_dataset(path)
