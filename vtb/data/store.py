"""Reading a dataset that `vtb gen` made."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtb.core.errors import UnreadableError, UsageError, did_you_mean
from vtb.core.splits import SPLITS
from vtb.core.types import Sample
from vtb.data.request import split_rule
from vtb.data.rows import Row, sample_from_row
from vtb.data.shards import MANIFEST_NAME, Shard, manifest_hash, read_column, read_manifest

if TYPE_CHECKING:
    # Imported where it is used: a command that reads no rows never needs it.
    from pyarrow.parquet import FileMetaData

# Of 256 rows each, 0.8 MB in memory.
KEPT_FOOTERS = 256


def require_split(name: str) -> None:
    """Raises UsageError unless `name` is a split or `all`."""
    if name != "all" and name not in SPLITS:
        raise UsageError(f"unknown split `{name}`", hint=did_you_mean(name, (*SPLITS, "all")))


def open_dataset(path: Path) -> Dataset:
    """The dataset in a directory; raises UnreadableError without a finished shard."""
    if not (path / MANIFEST_NAME).is_file():
        raise UnreadableError(
            f"`{path}` holds no dataset",
            fact=f"no {MANIFEST_NAME}" if path.is_dir() else "no such directory",
            hint="make one: vtb gen maze --size 9 -n 100",
        )
    shards = read_manifest(path)
    if not shards:
        raise UnreadableError(
            f"`{path}` has no finished shard yet",
            fact=f"{MANIFEST_NAME} is empty",
            hint="repeat the `vtb gen` command that began it",
        )
    return Dataset(path, tuple(shards))


@dataclass(frozen=True)
class Dataset:
    """Finished shards of one directory. Rows come in order of plan index within a split."""

    path: Path
    shards: tuple[Shard, ...]

    @cached_property
    def manifest_hash(self) -> str:
        """Identifies the content: sha256 over the finished shards."""
        return manifest_hash(self.shards)

    @property
    def splits(self) -> dict[str, int]:
        """Number of rows by split."""
        return {split: n for split in SPLITS if (n := self.count(split))}

    @property
    def skipped(self) -> Mapping[str, int]:
        """Nothing: what `vtb gen` wrote can be used."""
        return {}

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing that a reader of results must know."""
        return ()

    def buckets(self, split: str) -> range:
        """The buckets that a split's puzzles come from; see `SplitRule`."""
        return split_rule(self.path).buckets(split)

    @cached_property
    def media(self) -> tuple[str, ...]:
        """Names of the media columns."""
        with self._parquet(self.shards[0]) as file:
            return tuple(
                field.name for field in file.schema_arrow if str(field.type).startswith("struct")
            )

    def of_split(self, split: str) -> list[Shard]:
        """The shards of `train`, `validation`, `test` or `all`; UsageError for another name."""
        require_split(split)
        return [shard for shard in self.shards if split in ("all", shard.split)]

    def count(self, split: str = "all") -> int:
        """Number of rows."""
        return sum(shard.rows for shard in self.of_split(split))

    def column(self, name: str, split: str = "all") -> list[Any]:
        """One column as Python values; media columns are better read by `rows`."""
        shards = self.of_split(split)
        return [value for shard in shards for value in self._column(shard, name)]

    def columns(self, shard: Shard, names: Sequence[str]) -> Mapping[str, list[Any]]:
        """Those of some columns that a shard has, as Python values."""
        with self._parquet(shard) as file:
            return file.read(columns=[*names]).to_pydict()

    def ids(self, split: str = "all", limit: int | None = None) -> list[str]:
        """Sample ids in row order."""
        return self.column("id", split)[:limit]

    def rows(
        self, split: str = "all", columns: Sequence[str] | None = None, limit: int | None = None
    ) -> Iterator[Row]:
        """Yields rows as dicts; media cells are `{"bytes", "path"}` or None."""
        left = self.count(split) if limit is None else limit
        for shard in self.of_split(split):
            with self._parquet(shard) as file:
                for batch in file.iter_batches(batch_size=8, columns=columns):
                    for row in batch.to_pylist()[: max(left, 0)]:
                        yield row
                        left -= 1
                    if left <= 0:
                        return

    def row(self, sample_id: str, columns: Sequence[str] | None = None) -> Row:
        """One row by its id; raises UsageError when there is none.

        0.3 ms for a clip of 10 KB once a row of its shard has been read, in any thread.
        """
        found = self._positions.get(sample_id)
        if found is None:
            raise UsageError(f"`{self.path}` has no sample `{sample_id}`")
        shard, position = found
        path = self.path / shard.file
        with _readable(path):
            footer, starts = _footer(path, shard)
        group = bisect_right(starts, position) - 1
        if group == footer.num_row_groups:
            raise UnreadableError(f"`{path}` is shorter than its manifest line")
        with self._parquet(shard, footer) as file:
            table = file.read_row_group(group, columns=columns, use_threads=False)
        return table.slice(position - starts[group], 1).to_pylist()[0]

    def samples(
        self,
        split: str = "all",
        limit: int | None = None,
        *,
        pixels: bool = True,
        video: bool = False,
    ) -> Iterator[Sample]:
        """Yields Samples; see `sample`."""
        for row in self.rows(split, self._wanted(pixels, video), limit):
            yield sample_from_row(row, pixels=pixels, video=video)

    def sample(self, sample_id: str, *, pixels: bool = True, video: bool = False) -> Sample:
        """One Sample; `pixels` decodes puzzle and solution to RGB, `video` adds the MP4 bytes."""
        row = self.row(sample_id, self._wanted(pixels, video))
        return sample_from_row(row, pixels=pixels, video=video)

    @cached_property
    def _positions(self) -> dict[str, tuple[Shard, int]]:
        return {
            name: (shard, position)
            for shard in self.shards
            for position, name in enumerate(self._column(shard, "id"))
        }

    def _wanted(self, pixels: bool, video: bool) -> list[str]:
        text = ["id", "instance", "prompt", "prompt_image", "prompt_vlm", "answer"]
        return text + ["image", "solution"] * pixels + ["video"] * video

    def _column(self, shard: Shard, name: str) -> list[Any]:
        with _readable(self.path / shard.file):
            return read_column(self.path, shard, name)

    @contextmanager
    def _parquet(self, shard: Shard, footer: FileMetaData | None = None) -> Generator[Any]:
        import pyarrow.parquet as pq

        path = self.path / shard.file
        with (
            _readable(path),
            pq.ParquetFile(path, metadata=footer, page_checksum_verification=True) as file,
        ):
            yield file


@lru_cache(maxsize=KEPT_FOOTERS)
def _footer(path: Path, shard: Shard) -> tuple[FileMetaData, list[int]]:
    """A file's metadata, and the first row of each of its row groups with the row after the last.

    Parsing it takes twice as long as reading a row does. `shard`, which has the file's hash, tells
    a file from what was made in its place. No file is kept open, so that forks and threads may
    share the result.
    """
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    sizes = (metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))
    return metadata, [*accumulate(sizes, initial=0)]


@contextmanager
def _readable(path: Path) -> Generator[None]:
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise UnreadableError(
            f"`{path}` cannot be read",
            fact=str(error).splitlines()[0],
            hint=f"vtb data verify {path.parent.parent} --repair, then `vtb gen` as before",
        ) from error
