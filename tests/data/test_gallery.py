import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generators.maze.square import SquareMaze
from vtb.core import registry
from vtb.core.config import Config
from vtb.data import gallery

DOCS = Path(__file__).parents[2] / "docs"
STALE = "run just gallery"


def test_gallery_is_fresh():
    page = DOCS / gallery.NAME
    assert page.is_file(), STALE
    text = page.read_text(encoding="utf-8")
    assert text == gallery.text(registry.names()), STALE
    shown = set(re.findall(r"gallery/([\w-]+\.png)", text))
    assert {path.name for path in (DOCS / "gallery").iterdir()} == shown, STALE


@pytest.mark.parametrize("name", ["maze-square", "eyeballing-midpoint"])
def test_a_sheet_is_small_has_a_palette_and_is_the_same_again(name):
    data = gallery.sheet(name)
    assert data == gallery.sheet(name) and len(data) <= gallery.MAX_BYTES
    picture = Image.open(BytesIO(data))
    assert picture.mode == "P"
    width, height = picture.size
    assert (width, height) == (3 * (192 + 4 + 192 + 8) + 8, 192 + 8 + 8)
    pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert (pixels[..., 0] - pixels[..., 1:].max(axis=-1) > 100).any(), "no red answer"


def test_colours_are_given_up_for_size(monkeypatch):
    full = gallery.sheet("eyeballing-midpoint")
    monkeypatch.setattr(gallery, "MAX_BYTES", len(full) - 1)
    assert len(gallery.sheet("eyeballing-midpoint")) < len(full)


class NeedsInput(SquareMaze):
    class Config(Config):
        input: str


def test_pages_tell_what_a_generator_is_and_needs(tmp_path, monkeypatch):
    fakes = {"arc-x": NeedsInput(), "maze-square": SquareMaze()}
    monkeypatch.setattr(registry, "names", lambda: sorted(fakes))
    monkeypatch.setattr(registry, "load", fakes.__getitem__)
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery" / "maze-gone.png").touch()
    gallery.write_gallery(tmp_path)
    page = (tmp_path / gallery.NAME).read_text()
    assert "## maze\n\n### arc-x\n\nFind the way" in page
    assert "vtb gen arc-x -s input=...\n" in page and "needs your own input" in page
    assert "vtb gen maze-square\n" in page
    assert "Answer: int_list; chance: 0.0%; distinct puzzles: 10,536,960." in page
    assert [path.name for path in (tmp_path / "gallery").iterdir()] == ["maze-square.png"]
    assert page.count("![") == 1
