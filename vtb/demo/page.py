"""The demo's report: a contact sheet first, then clips, pairs, and where to read on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path

import cv2
import numpy as np

from vtb.core.files import atomic_write
from vtb.core.stats import Paired
from vtb.core.types import Array, Picture
from vtb.data.predictions import open_predictions
from vtb.data.store import open_dataset
from vtb.demo.loop import AFTER, BASELINES, BEFORE, MINI, STYLE
from vtb.demo.result import DemoResult, Row
from vtb.eval.charts import percent
from vtb.media.html import Card, Figure, cards, page, table, thumbnail
from vtb.media.image import contact_sheet, encode_png
from vtb.media.judge import shown_picture

COLUMNS, TILE_PX, SHEET_PX = 6, 224, 1400
# Of the known style and of each row of pairs.
SHOWN_MAZES, SHOWN_PAIRS = 12, 6

# Where a set of mazes and the clips of a row are.
Place = Callable[[str], Path]


def write_page(result: DemoResult, data: Place, clips: Place) -> None:
    """Writes the contact sheet and the report of a demo whose rows are complete."""
    rows = {row.name: row for row in result.rows}
    known, new = list(rows[MINI].passed), list(rows[AFTER].passed)
    sheet = _sheet(
        [
            *_pictures(clips(MINI), known[:SHOWN_MAZES]),
            *_pictures(clips(BEFORE), new[:SHOWN_PAIRS]),
            *_pictures(clips(AFTER), new[:SHOWN_PAIRS]),
        ]
    )
    atomic_write(result.sheet, encode_png(Picture(sheet)))
    body = [
        _opening(sheet),
        "<h2>Results</h2>",
        _results(result.rows),
        f"<h2>The same mazes before and after the LoRA</h2>{_pairs(result.pairs)}",
        cards(_paired_cards(rows, data("new"), clips), "narrow"),
        "<h2>Clips</h2>",
        cards(_clip_cards(rows[MINI], data("known"), clips(MINI))),
        f'<p class="soft">{_reports(result.out)}</p>',
    ]
    subtitle = "A small Wan2.2, mazes it has never seen, strict verifiers, all on this CPU"
    atomic_write(result.html, page("vtb demo", subtitle, body))


def sentence(pairs: Paired) -> str:
    """The comparison of pairs in words."""
    return (
        f"of {pairs.n} mazes {pairs.improved} solved only after training, {pairs.worsened} only "
        f"before (exact McNemar p = {pairs.p:.2g})"
    )


def _sheet(pictures: Sequence[Array]) -> Array:
    size = (TILE_PX, TILE_PX)
    scaled = (cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in pictures)
    return contact_sheet([np.asarray(one, np.uint8) for one in scaled], COLUMNS)


def _pictures(clips: Path, ids: Iterable[str]) -> list[Array]:
    """What the clips end with, RGB uint8 (H, W, 3)."""
    ids = list(ids)
    found = open_predictions(clips, ids)
    predictions = (found.find(one) for one in ids)
    return [shown_picture(one) for one in predictions if one is not None]


def _opening(sheet: Array) -> str:
    caption = (
        f"Above, the last frames of its clips. The last two rows are drawn in {STYLE}: as it "
        "begins, and after a LoRA of a minute."
    )
    return f'<section class="panel sheet">{thumbnail(caption, sheet, SHEET_PX).html()}</section>'


def _results(rows: Iterable[Row]) -> str:
    header = ["", "solved", "95 % interval", "what it is"]
    return table(
        header,
        (
            [row.name, percent(row.accuracy), interval(row), BASELINES.get(row.name, "")]
            for row in rows
        ),
    )


def interval(row: Row) -> str:
    """The 95 % interval of a row's accuracy, in percent."""
    low, high = row.ci95
    return f"{100 * low:.0f} to {100 * high:.0f} %"


def _pairs(pairs: Paired | None) -> str:
    return "" if pairs is None else f'<p class="soft">{escape(sentence(pairs).capitalize())}.</p>'


def _paired_cards(rows: dict[str, Row], data: Path, clips: Place) -> Iterable[Card]:
    ids = list(rows[AFTER].passed)
    columns = (_puzzles(data, ids), _pictures(clips(BEFORE), ids), _pictures(clips(AFTER), ids))
    for one, puzzle, before, after in zip(ids, *columns, strict=True):
        figures = {"puzzle": puzzle, "before": before, "after": after}
        passed = rows[AFTER].passed[one]
        yield Card(
            one,
            f"{_word(rows[BEFORE].passed[one])} → {_word(passed)}",
            "pass" if passed else "fail",
            [thumbnail(name, picture) for name, picture in figures.items()],
        )


def _clip_cards(row: Row, data: Path, clips: Path) -> Iterable[Card]:
    shown = dict(list(row.passed.items())[:SHOWN_MAZES])
    for (one, passed), puzzle in zip(shown.items(), _puzzles(data, shown), strict=True):
        clip = Figure("its clip", (clips / f"{one}.mp4").read_bytes(), "video/mp4")
        figures = [thumbnail("puzzle", puzzle), clip]
        yield Card(one, _word(passed), "pass" if passed else "fail", figures)


def _puzzles(data: Path, ids: Iterable[str]) -> list[Array]:
    dataset = open_dataset(data)
    pictures = (dataset.sample(one).puzzle for one in ids)
    return [picture for picture in pictures if picture is not None]


def _word(passed: bool) -> str:
    return "solved" if passed else "not solved"


def _reports(out: Path) -> str:
    links = (
        f'<a href="{path.relative_to(out).as_posix()}">{escape(path.parent.name)}</a>'
        for path in sorted((out / "eval").glob("*/report.html"))
    )
    return f"All verdicts, with what each verifier measured: {', '.join(links)}."
