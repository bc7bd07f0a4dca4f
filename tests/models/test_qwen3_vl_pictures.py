"""Sizes of pictures: the rule of Qwen's processors, applied before any of them sees a picture."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vtb.models.qwen3_vl.pictures import PictureLimits, PictureSize

sides = st.integers(20, 2500)


def png(width, height):
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def opened(content):
    return Image.open(BytesIO(content))


@settings(max_examples=300, deadline=None)
@given(sides, sides, st.sampled_from([(1, 64), (4, 1024), (9, 9), (4, 16_384)]))
def test_the_size_is_that_of_the_processor(width, height, limits):
    resize = pytest.importorskip(
        "transformers.models.qwen2_vl.image_processing_qwen2_vl"
    ).smart_resize
    ours = PictureLimits(*limits)
    areas = (PictureLimits.area(tokens) for tokens in limits)
    expected = resize(height, width, 32, *areas)
    assert ours.size_of(PictureSize(width, height)) == expected[::-1]
    assert ours.tokens(PictureSize(width, height)) == expected[0] * expected[1] // 1024


@given(st.integers(100, 2500), st.floats(0.2, 5))
def test_a_fitted_size_stays(width, ratio):
    height = round(width * ratio)
    limits = PictureLimits(4, 64)
    size = limits.size_of(PictureSize(width, height))
    assert limits.size_of(size) == size


def test_a_picture_that_fits_keeps_its_bytes():
    content = png(96, 64)
    assert PictureLimits(4, 64).fitted_png(content) is content


def test_another_one_is_scaled():
    limits = PictureLimits(4, 64)
    assert opened(limits.fitted_png(png(100, 70))).size == (96, 64)
    assert opened(limits.fitted_png(png(640, 640))).size == (256, 256)
    assert limits.fitted(opened(png(640, 640))).size == (256, 256)
    assert limits.fitted(Image.new("P", (96, 64))).mode == "RGB"
