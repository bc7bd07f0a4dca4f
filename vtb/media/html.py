"""Pieces of self-contained HTML pages: escaped text, pictures and clips inside the file."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Literal

import cv2

from vtb.core.types import Array

THUMB_PX = 240
JPEG_QUALITY = 82
# Pages stay below 15 MB; cards that do not fit are left out, and the page says so.
MEDIA_LIMIT_BYTES = 9_000_000

Tone = Literal["pass", "fail", "none"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A captioned picture or clip, encoded: `mime` is `image/jpeg` or `video/mp4`."""

    caption: str
    content: bytes
    mime: Literal["image/jpeg", "video/mp4"] = "image/jpeg"

    def html(self) -> str:
        """The figure with its bytes inside."""
        source = f"data:{self.mime};base64,{base64.b64encode(self.content).decode()}"
        caption = escape(self.caption)
        if self.mime == "video/mp4":
            media = f'<video src="{source}" autoplay loop muted playsinline></video>'
        else:
            media = f'<img src="{source}" alt="{caption}" loading="lazy">'
        return f"<figure>{media}<figcaption>{caption}</figcaption></figure>"


@dataclass(frozen=True, slots=True)
class Card:
    """One sample: a title, a badge with its tone, figures side by side, and lines of text."""

    title: str
    badge: str
    tone: Tone
    figures: Sequence[Figure]
    lines: Sequence[str] = ()

    def html(self) -> str:
        """The card; every text is escaped."""
        lines = "".join(f"<p>{escape(line)}</p>" for line in self.lines if line)
        badge = f'<span class="badge {self.tone}">{escape(self.badge)}</span>' if self.badge else ""
        return (
            f'<article class="card"><header><code>{escape(self.title)}</code>{badge}</header>'
            f'<div class="pictures">{"".join(figure.html() for figure in self.figures)}</div>'
            f"{lines}</article>"
        )

    @property
    def media_bytes(self) -> int:
        """Encoded size of the figures."""
        return sum(len(figure.content) for figure in self.figures)


def thumbnail(caption: str, picture: Array, side_px: int = THUMB_PX) -> Figure:
    """A JPEG of an RGB uint8 picture (H, W, 3) whose longer side is at most `side_px`."""
    height, width = picture.shape[:2]
    scale = min(1.0, side_px / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale < 1 else picture
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return Figure(caption, encoded.tobytes())


def cards(items: Iterable[Card], layout: Literal["", "narrow", "single"] = "") -> str:
    """A grid of cards, cut off before its media exceed MEDIA_LIMIT_BYTES."""
    parts: list[str] = []
    room = MEDIA_LIMIT_BYTES
    for card in items:
        room -= card.media_bytes
        if room < 0:
            parts.append('<p class="soft">More samples would make this page too large.</p>')
            break
        parts.append(card.html())
    return f'<div class="cards {layout}">{"".join(parts)}</div>'


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of escaped texts; the first column is aligned left."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<div class="panel scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def facts(pairs: Mapping[str, str]) -> str:
    """A definition list of escaped texts; empty values are left out."""
    items = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in pairs.items() if v)
    return f'<div class="panel"><dl>{items}</dl></div>'


def page(title: str, subtitle: str, body: Iterable[str]) -> str:
    """A whole page around finished HTML; `title` and `subtitle` are texts."""
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="generator" content="vtb">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body>"
        f'<h1>{escape(title)}</h1><p class="soft">{escape(subtitle)}</p>'
        f"{''.join(body)}</body></html>\n"
    )
