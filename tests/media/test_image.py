from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from vtb.core.errors import UnreadableError
from vtb.core.types import Picture
from vtb.media.image import contact_sheet, decode_image, encode_png

RNG = np.random.default_rng(7)


def rgb(height, width):
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def indexed(height, width, colours=6):
    palette = RNG.integers(0, 256, (colours, 3), dtype=np.uint8)
    return Picture(RNG.integers(0, colours, (height, width), dtype=np.uint8), palette)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (33, 1), (31, 57), (288, 288)])
@pytest.mark.parametrize(
    "make",
    [
        lambda h, w: indexed(h, w, colours=2),
        lambda h, w: indexed(h, w, colours=16),
        lambda h, w: indexed(h, w, colours=17),
        lambda h, w: indexed(h, w, colours=256),
        lambda h, w: Picture(rgb(h, w)),
    ],
    ids=["2 colours", "16 colours", "17 colours", "256 colours", "rgb"],
)
def test_png_is_read_alike_by_three_decoders(size, make):
    picture = make(*size)
    png = encode_png(picture)
    assert np.array_equal(decode_image(png), picture.rgb())
    assert np.array_equal(np.asarray(Image.open(BytesIO(png)).convert("RGB")), picture.rgb())
    bgr = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(bgr[..., ::-1], picture.rgb())


def test_png_has_a_palette_only_when_the_picture_has_one():
    assert Image.open(BytesIO(encode_png(indexed(8, 8)))).mode == "P"
    assert Image.open(BytesIO(encode_png(Picture(rgb(8, 8))))).mode == "RGB"


def test_flat_drawings_are_small():
    pixels = np.zeros((512, 512), np.uint8)
    pixels[100:400, 200:220] = 1
    assert len(encode_png(Picture(pixels, indexed(1, 1).palette))) < 3000


def test_views_are_encoded_as_they_look():
    whole = indexed(20, 30)
    for picture in (
        Picture(rgb(20, 30)[::2, ::-1]),
        Picture(whole.pixels[::2, ::-1], whole.palette),
    ):
        assert np.array_equal(decode_image(encode_png(picture)), picture.rgb())


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK"])
def test_other_modes_become_rgb(mode):
    buffer = BytesIO()
    Image.fromarray(rgb(10, 12)).convert(mode).save(buffer, "TIFF")
    decoded = decode_image(buffer.getvalue())
    assert decoded.shape == (10, 12, 3) and decoded.dtype == np.uint8


def test_every_cut_is_unreadable_and_names_the_file(tmp_path):
    png = encode_png(indexed(64, 64))
    for sixteenth in range(16):
        path = tmp_path / f"cut-{sixteenth}.png"
        path.write_bytes(png[: len(png) * sixteenth // 16])
        with pytest.raises(UnreadableError, match=f"cut-{sixteenth}.png"):
            decode_image(path)


def test_damage_never_escapes_as_another_error():
    png = encode_png(indexed(24, 24))
    for _ in range(1500):
        damaged = bytearray(png)
        damaged[RNG.integers(len(png))] = RNG.integers(256)
        try:
            decode_image(bytes(damaged))
        except UnreadableError as error:
            assert "image in memory" in error.message


def test_a_missing_file_and_a_huge_image_are_unreadable(tmp_path, monkeypatch):
    with pytest.raises(UnreadableError, match=r"none\.png"):
        decode_image(tmp_path / "none.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UnreadableError):
        decode_image(encode_png(indexed(64, 64)))


def test_contact_sheet_places_every_image():
    images = [np.full((10 + i, 20, 3), 10 * i, np.uint8) for i in range(5)]
    sheet = contact_sheet(images, columns=3, gap_px=4)
    assert sheet.shape == (2 * 18 + 4, 3 * 24 + 4, 3)
    for i, image in enumerate(images):
        row, column = divmod(i, 3)
        tile = sheet[row * 18 : row * 18 + 22, column * 24 : column * 24 + 28]
        assert (tile == 10 * i).all(axis=-1).sum() == image[..., 0].size
    assert (sheet[0] == 255).all() and (sheet[:, -1] == 255).all()
    assert contact_sheet(images[:2], columns=9, gap_px=0).shape == (11, 40, 3)
