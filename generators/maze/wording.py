"""The words that maze prompts use for colours and ends, in each language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from vtb.core.config import Colour
from vtb.core.types import Language

from .style import MazeStyle

Marker: TypeAlias = Literal["square", "dot"]

_MARKERS_ZH: Mapping[Marker, str] = {"square": "方块", "dot": "圆点"}

# Reference colour, English name, Chinese name; a colour is called by its nearest reference.
_COLOURS: tuple[tuple[Colour, str, str], ...] = (
    ((0, 0, 0), "black", "黑色"),
    ((255, 255, 255), "white", "白色"),
    ((70, 70, 70), "dark grey", "深灰色"),
    ((200, 200, 200), "light grey", "浅灰色"),
    ((220, 30, 30), "red", "红色"),
    ((30, 150, 60), "green", "绿色"),
    ((0, 0, 255), "blue", "蓝色"),
    ((16, 36, 96), "dark blue", "深蓝色"),
    ((190, 215, 245), "light blue", "浅蓝色"),
    ((250, 240, 215), "cream", "米白色"),
    ((70, 45, 25), "dark brown", "深棕色"),
    ((20, 60, 40), "dark green", "深绿色"),
    ((240, 200, 40), "yellow", "黄色"),
    ((240, 130, 30), "orange", "橙色"),
    ((130, 50, 160), "purple", "紫色"),
)


def colour_name(colour: Colour, language: Language) -> str:
    """What to call an RGB colour."""

    def squared_distance(entry: tuple[Colour, str, str]) -> int:
        return sum((a - b) ** 2 for a, b in zip(entry[0], colour, strict=True))

    _, english, chinese = min(_COLOURS, key=squared_distance)
    return english if language == "en" else chinese


def maze_words(style: MazeStyle, marker: Marker, language: Language) -> Mapping[str, str]:
    """Values for the placeholders of `prompts.toml`.

    Colours: `background`, `wall`, `corridor`, `path`, `ids`. The markers: `ends` (both), `start`
    and `goal` (in a phrase that leads from one to the other). `wall_cap` and `ends_cap` begin a
    sentence.
    """
    words = {
        part: colour_name(colour, language)
        for part, colour in (
            ("background", style.background),
            ("wall", style.wall),
            ("corridor", style.corridor),
            ("path", style.path),
            ("ids", style.ids),
        )
    }
    words |= _end_phrases(style, marker, language)
    return words | {
        f"{key}_cap": words[key][0].upper() + words[key][1:] for key in ("wall", "ends")
    }


def _end_phrases(style: MazeStyle, marker: Marker, language: Language) -> dict[str, str]:
    start, goal = colour_name(style.start, language), colour_name(style.goal, language)
    shape = marker if language == "en" else _MARKERS_ZH[marker]
    match language, style.endpoints:
        case "en", "same":
            phrases = f"two {start} {shape}s", f"one {start} {shape}", f"the other {start} {shape}"
        case "en", _:
            first, last = f"{start} start {shape}", f"{goal} goal {shape}"
            phrases = f"a {first} and a {last}", f"the {first}", f"the {last}"
        case _, "same":
            phrases = f"两个{start}{shape}", f"其中一个{start}{shape}", f"另一个{start}{shape}"
        case _:
            first, last = f"{start}起点{shape}", f"{goal}终点{shape}"
            phrases = f"一个{first}和一个{last}", first, last
    return dict(zip(("ends", "start", "goal"), phrases, strict=True))
