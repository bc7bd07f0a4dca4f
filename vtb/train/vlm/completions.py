"""What a policy wrote while it was trained: one line per completion."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vtb.core.files import append_line, atomic_write, read_json_lines
from vtb.train.rewards import parts_of

# Of older steps each so-many-th stays.
EVERY = 50


def completion_rows(
    step: int,
    completions: Sequence[str],
    columns: Mapping[str, Sequence[Any]],
    is_cut: Sequence[bool],
) -> list[dict[str, Any]]:
    """A JSON object for each completion: what it says, how it was read and what it earned.

    `columns` are those of `vtb.train.rewards.vtb_correct`, and raise what they raise there;
    `is_cut` is noted whether or not it counts there.
    """
    of = zip(completions, columns["vtb_id"], is_cut, parts_of(completions, columns), strict=True)
    return [
        {
            "step": step,
            "vtb_id": sample_id,
            "text": text,
            "parts": {"correct": parts.correct, "format": parts.format},
            "status": parts.status,
            "reason": parts.verdict.reason,
            "is_truncated": bool(cut),
        }
        for text, sample_id, cut, parts in of
    ]


class CompletionLog:
    """A JSON-lines file with the completions of the `keep` newest steps and of each 50th.

    Up to `keep` steps more stay between two clearings.
    """

    def __init__(self, file: Path, keep: int) -> None:
        self._file, self._keep = file, keep

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Appends the completions of one step."""
        if not rows:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        append_line(self._file, lines, sync=False)
        step = rows[0]["step"]
        if step % self._keep == 0:
            self._rewrite(first=step - self._keep + 1, last=step)

    def cut(self, step: int) -> None:
        """Forgets steps after a checkpoint's, which a resumed run makes again."""
        if self._file.exists():
            self._rewrite(first=0, last=step)

    def _rewrite(self, first: int, last: int) -> None:
        kept = (
            row
            for row in read_json_lines(self._file)
            if row["step"] <= last and (row["step"] >= first or row["step"] % EVERY == 0)
        )
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in kept)
        atomic_write(self._file, "".join(lines))


def merge(files: Sequence[Path], target: Path) -> None:
    """Writes the completions of all processes in one file, in the order of their steps."""
    rows = [row for file in sorted(files) for row in read_json_lines(file)]
    rows.sort(key=lambda row: row["step"])
    atomic_write(target, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
