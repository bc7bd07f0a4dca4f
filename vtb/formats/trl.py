"""TRL's Parquet files for supervised fine-tuning (SFT) and reinforcement learning (GRPO).

Prompts are conversations with text only: TRL puts the pictures into the first turn of the user
itself. Columns that it does not know reach the reward functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

from vtb.core.answers import wrap
from vtb.formats.record import Record

ROWS_PER_GROUP = 256


def write(records: Iterable[Record], root: Path) -> None:
    """Writes `<split>_sft.parquet` and `<split>_grpo.parquet`, with the pictures inside.

    Splits have files of their own, so that nobody trains on test puzzles by accident. Only SFT
    rows hold the assistant's turn, only GRPO rows the puzzle that rewards are made from.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schemas = _schemas()
    remaining = iter(records)
    with ExitStack() as stack:
        writers: dict[str, Any] = {}
        while group := list(islice(remaining, ROWS_PER_GROUP)):
            for split in sorted({record.split for record in group}):
                rows = [_row(record) for record in group if record.split == split]
                for method, schema in schemas.items():
                    name = f"{split}_{method}.parquet"
                    if name not in writers:
                        writer = pq.ParquetWriter(root / name, schema)
                        writers[name] = stack.enter_context(writer)
                    columns = [{key: row[key] for key in schema.names} for row in rows]
                    writers[name].write_table(pa.Table.from_pylist(columns, schema))


def _schemas() -> Mapping[str, Any]:
    # The features travel in the schema, so that `datasets` knows bytes for pictures.
    from datasets import Features, Image, List, Value

    text = Value("string")
    turns = List({"role": text, "content": text})
    common = {"prompt": turns, "images": List(Image()), "vtb_id": text, "vtb_task": text}
    return {
        "sft": Features({**common, "completion": turns}).arrow_schema,
        "grpo": Features({**common, "solution": text, "vtb_instance": text}).arrow_schema,
    }


def _row(record: Record) -> dict[str, Any]:
    return {
        "prompt": [{"role": "user", "content": record.prompts["vlm"]}],
        "completion": [{"role": "assistant", "content": wrap(record.answer)}],
        "images": [{"bytes": record.shown, "path": None}],
        "solution": record.answer,
        "vtb_id": record.id,
        "vtb_task": record.instance.task,
        # A string, because one file may hold several tasks and a column has one type.
        "vtb_instance": record.instance.to_json(),
    }
