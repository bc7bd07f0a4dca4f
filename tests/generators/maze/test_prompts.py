import re
import tomllib
from pathlib import Path

import pytest

from generators.maze.hexagon import HexagonMaze
from generators.maze.labyrinth import LabyrinthMaze
from generators.maze.square import SquareMaze
from generators.maze.wording import colour_name
from vtb.core.answers import parse_int_list
from vtb.core.generator import Sampler

MAZES = {
    "square": (SquareMaze(), {"rows": 7, "cols": 11}),
    "hexagon": (HexagonMaze(), {"radius": 2}),
    "labyrinth": (LabyrinthMaze(), {"rings": 2, "segments": 5}),
}
FOLDER = Path(__file__).parents[3] / "generators" / "maze"
PROMPTS = tomllib.loads((FOLDER / "prompts.toml").read_text())
LANGUAGES = ("en", "zh")


def prompts(kind, audience, language, **style):
    maze, size = MAZES[kind]
    sampler = Sampler(maze, maze.Config(**size), maze.Style(**style), 0)
    return {maze.prompts(sampler.draw(index, 0), audience, language) for index in range(25)}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("audience", ["video", "image", "vlm"])
@pytest.mark.parametrize("endpoints", ["same", "two-colour"])
@pytest.mark.parametrize("kind", MAZES)
def test_every_paraphrase_is_used_and_filled(kind, audience, language, endpoints):
    texts = prompts(kind, audience, language, endpoints=endpoints)
    assert len(texts) == len(PROMPTS[f"maze_{kind}"][audience][language]) >= 3
    for text in texts:
        assert not re.search(r"[{}\n\\]|  ", text)
        assert text[0].isupper() or language == "zh"
        assert ("红色" if language == "zh" else "red") in text
        assert (endpoints == "two-colour") == (("绿色" if language == "zh" else "green") in text)
        assert bool(re.search(r"[一-鿿]", text)) == (language == "zh")


@pytest.mark.parametrize("kind", MAZES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_colours_come_from_the_style(kind, language):
    style = {"wall": (62, 44, 30), "background": (62, 44, 30), "corridor": (252, 243, 222)}
    for text in prompts(kind, "video", language, **style):
        assert ("深棕色" if language == "zh" else "dark brown") in text
        assert ("米白色" if language == "zh" else "cream") in text
        assert not re.search("black|white|黑色|(?<!米)白色", text)


@pytest.mark.parametrize("kind", MAZES)
def test_image_prompts_speak_of_no_video(kind):
    words = "video|frame|camera|timeline|second|视频|镜头|帧|秒"
    for language in LANGUAGES:
        assert not any(re.search(words, text) for text in prompts(kind, "image", language))


@pytest.mark.parametrize("kind", MAZES)
def test_markers_are_called_what_they_look_like(kind):
    shape = {"en": r"squares?\b", "zh": "方块"} if kind == "square" else {"en": "dot", "zh": "圆点"}
    for language in LANGUAGES:
        for audience in ("video", "image", "vlm"):
            assert all(re.search(shape[language], t) for t in prompts(kind, audience, language))


@pytest.mark.parametrize("kind", MAZES)
def test_vlm_prompts_ask_for_the_answer_grammar_without_a_valid_example(kind):
    for language in LANGUAGES:
        for text in prompts(kind, "vlm", language):
            assert text.count("<answer>[") == text.count("]</answer>") == 1
            assert parse_int_list(text).status == "no_answer"


def test_colour_names():
    assert colour_name((220, 30, 30), "en") == "red"
    assert colour_name((0, 0, 255), "zh") == "蓝色"
    assert colour_name((250, 250, 250), "en") == "white"
    assert colour_name((16, 16, 16), "en") == "black"
