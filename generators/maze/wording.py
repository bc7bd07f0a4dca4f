"""The words that maze prompts use for colours and ends, in each language."""

from __future__ import annotations

from collections.abc import Mapping

from vtb.core.types import Language

from .style import Colour, SquareStyle

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


def maze_words(style: SquareStyle, language: Language) -> Mapping[str, str]:
    """Values for the placeholders of `prompts.toml`.

    Colours: `background`, `wall`, `corridor`, `path`, `ids`. The marked blocks: `ends` (both),
    `start` and `goal` (in a phrase that leads from one to the other). `wall_cap` and `ends_cap`
    begin a sentence.
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
    words |= _end_phrases(style, language)
    return words | {
        f"{key}_cap": words[key][0].upper() + words[key][1:] for key in ("wall", "ends")
    }


def _end_phrases(style: SquareStyle, language: Language) -> dict[str, str]:
    start, goal = colour_name(style.start, language), colour_name(style.goal, language)
    match language, style.endpoints:
        case "en", "same":
            phrases = f"two {start} squares", f"one {start} square", f"the other {start} square"
        case "en", _:
            first, last = f"{start} start square", f"{goal} goal square"
            phrases = f"a {first} and a {last}", f"the {first}", f"the {last}"
        case _, "same":
            phrases = f"两个{start}方块", f"其中一个{start}方块", f"另一个{start}方块"
        case _:
            first, last = f"{start}起点方块", f"{goal}终点方块"
            phrases = f"一个{first}和一个{last}", first, last
    return dict(zip(("ends", "start", "goal"), phrases, strict=True))
