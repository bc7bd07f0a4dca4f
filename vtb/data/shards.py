"""Parquet shards that `datasets` reads as they are, and the manifest that lists finished ones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtb.core.errors import UnreadableError
from vtb.core.files import append_line, atomic_path, atomic_write, read_json_lines, sha256_file
from vtb.core.splits import Split
from vtb.data.rows import Row

if TYPE_CHECKING:
    # Imported where it is used: a command that finds its work done never needs it.
    import pyarrow as pa

MANIFEST_NAME = "manifest.jsonl"
# One sample is read with its whole row group.
ROW_GROUP_ROWS = 8

_STRING = ("id", "task", "split", "prompt", "prompt_image", "prompt_vlm")
_STRING_AFTER = ("answer", "instance", "difficulty")


@dataclass(frozen=True, slots=True)
class Shard:
    """One manifest line: the rows of one split whose plan index is in [first, last]."""

    file: str
    split: Split
    first: int
    last: int
    rows: int
    bytes: int
    sha256: str


def shard_name(split: Split, first: int, last: int) -> str:
    """`data/<split>-<first>-<last>.parquet`, both ends inclusive."""
    return f"data/{split}-{first:06d}-{last:06d}.parquet"


def read_manifest(directory: Path) -> list[Shard]:
    """The finished shards of a dataset, sorted by first index and file name.

    The last line of a file counts: a shard that was made again stands in two until the end.
    Raises UnreadableError at a line that names another file than a shard's own.
    """
    lines = map(_shard, read_json_lines(directory / MANIFEST_NAME))
    shards = {shard.file: shard for shard in lines}.values()
    return sorted(shards, key=lambda shard: (shard.first, shard.file))


def manifest_text(shards: Sequence[Shard]) -> str:
    """The manifest of a finished dataset: a line per shard, sorted by file name."""
    ordered = sorted(shards, key=lambda shard: shard.file)
    return "".join(_line(shard) + "\n" for shard in ordered)


def write_manifest(directory: Path, shards: Sequence[Shard]) -> None:
    """Rewrites the whole manifest."""
    atomic_write(directory / MANIFEST_NAME, manifest_text(shards))


def manifest_hash(shards: Sequence[Shard]) -> str:
    """sha256 over the finished shards, whatever the order of the manifest's lines."""
    return sha256(manifest_text(shards).encode()).hexdigest()


def write_shard(directory: Path, split: Split, first: int, last: int, rows: Sequence[Row]) -> Shard:
    """Writes one shard atomically, then its manifest line."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    name = shard_name(split, first, last)
    extra = [key for key in rows[0] if key not in _known_columns()]
    schema = _schema(extra)
    media = ["image", "solution", "video", *extra]
    compression = {
        column: "none" if column.split(".")[0] in media else "zstd" for column in _leaves(schema)
    }
    table = pa.Table.from_pylist(list(rows), schema=schema)
    with atomic_path(directory / name) as temporary:
        pq.write_table(
            table,
            temporary,
            row_group_size=ROW_GROUP_ROWS,
            write_page_checksum=True,
            # pyarrow takes one value per column here; its annotations know only the global one
            compression=compression,  # pyright: ignore[reportArgumentType]
            use_dictionary=["task", "split"],  # pyright: ignore[reportArgumentType]
        )
    path = directory / name
    shard = Shard(name, split, first, last, len(rows), path.stat().st_size, sha256_file(path))
    append_line(directory / MANIFEST_NAME, _line(shard))
    return shard


def read_column(directory: Path, shard: Shard, column: str) -> list[Any]:
    """One column of one shard as Python values."""
    import pyarrow.parquet as pq

    table = pq.read_table(directory / shard.file, columns=[column], page_checksum_verification=True)
    return table[column].to_pylist()


def _shard(line: Mapping[str, Any]) -> Shard:
    try:
        shard = Shard(**line)
    except TypeError as error:
        raise UnreadableError(f"`{MANIFEST_NAME}` has a line of another form") from error
    # Shards are deleted by this name, and anyone may have written the manifest.
    if shard.file != shard_name(shard.split, shard.first, shard.last):
        raise UnreadableError(f"`{MANIFEST_NAME}` names `{shard.file}`, which is no shard")
    return shard


def _line(shard: Shard) -> str:
    return json.dumps(asdict(shard), separators=(",", ":"))


def _known_columns() -> set[str]:
    return {name for name, _ in _columns([])}


def _columns(extra: Sequence[str]) -> list[tuple[str, tuple[pa.DataType, dict[str, Any]]]]:
    import pyarrow as pa

    media = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    text = (pa.string(), {"dtype": "string", "_type": "Value"})
    integer = (pa.int64(), {"dtype": "int64", "_type": "Value"})
    real = (pa.float64(), {"dtype": "float64", "_type": "Value"})
    image = (media, {"mode": "RGB", "_type": "Image"})
    video = (media, {"decode": False, "_type": "Video"})
    return [
        *((name, text) for name in _STRING),
        ("image", image),
        ("solution", image),
        *((name, image) for name in extra),
        ("video", video),
        *((name, integer) for name in ("num_frames", "height", "width")),
        ("fps", real),
        ("video_hash", text),
        *((name, text) for name in _STRING_AFTER),
        ("seed", integer),
        ("index", integer),
        ("fingerprint", text),
        ("generator_version", integer),
    ]


def _schema(extra: Sequence[str]) -> pa.Schema:
    """Arrow types plus the metadata from which `datasets` takes its features."""
    import pyarrow as pa

    columns = _columns(extra)
    features = {name: feature for name, (_, feature) in columns}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.schema([(name, arrow) for name, (arrow, _) in columns], metadata=metadata)


def _leaves(schema: pa.Schema) -> list[str]:
    import pyarrow as pa

    return [
        f"{field.name}.{child.name}" if pa.types.is_struct(field.type) else field.name
        for field in schema
        for child in (field.type if pa.types.is_struct(field.type) else [field])
    ]
