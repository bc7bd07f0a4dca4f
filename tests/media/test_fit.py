import numpy as np
import pytest

from vtb.media.fit import Fit, Size, fit_of


def picture(height, width):
    """A smooth gradient, so that resizing there and back changes little."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = 255 * y / height, 255 * x / width
    return np.stack([red, green, np.full_like(red, 90)], axis=-1).astype(np.uint8)


def there_and_back(fit, image):
    inside = fit.apply(image)
    assert inside.shape == (*fit.target, 3)
    return fit.undo(np.stack([inside, inside]))


def test_a_legal_size_is_left_alone():
    fit = Fit.of(Size(64, 96), None, 32, "pad")
    image = picture(64, 96)
    assert fit.target == (64, 96)
    assert (there_and_back(fit, image) == image).all()


def test_padding_alone_makes_a_size_legal_and_is_undone_exactly():
    image = picture(50, 100)
    fit = Fit.of(Size(50, 100), None, 32, "pad")
    assert fit.target == (64, 128)
    inside = fit.apply(image)
    assert (inside[7:57, 14:114] == image).all()
    assert (inside[0, 14:114] == image[0]).all() and (inside[7:57, -1] == image[:, -1]).all()
    assert (there_and_back(fit, image) == image).all()


@pytest.mark.parametrize("wanted", [Size(64, 64), Size(96, 160), Size(64, 192)])
def test_a_wanted_size_keeps_the_aspect_ratio(wanted):
    image = picture(128, 96)
    fit = Fit.of(Size(128, 96), wanted, 32, "pad")
    assert fit.target == wanted
    assert fit.inner.height / fit.inner.width == pytest.approx(128 / 96, rel=0.02)
    assert fit.inner.height == fit.target.height or fit.inner.width == fit.target.width
    frames = there_and_back(fit, image)
    assert frames.shape == (2, 128, 96, 3)
    assert np.abs(frames[0].astype(int) - image).mean() < 3


def test_stretch_fills_the_target():
    fit = Fit.of(Size(50, 100), Size(64, 64), 32, "stretch")
    assert fit.inner == fit.target == (64, 64)
    assert there_and_back(fit, picture(50, 100)).shape == (2, 50, 100, 3)


def test_odd_sides_lose_their_last_row_because_of_h264():
    image = picture(51, 33)
    frames = there_and_back(Fit.of(Size(51, 33), None, 32, "pad"), image)
    assert (frames[0] == image[:50, :32]).all()


def test_a_single_picture_keeps_odd_sides():
    image = picture(51, 97)
    fit = fit_of(Size(51, 97), 1024**2, 32)
    assert fit.target == (64, 128)
    assert (fit.undo_picture(fit.apply(image)) == image).all()


def test_a_picture_with_too_many_pixels_shrinks_and_comes_back():
    image = picture(201, 300)
    fit = fit_of(Size(201, 300), 128 * 96, 32)
    assert fit.target == (64, 128)
    back = fit.undo_picture(fit.apply(image))
    assert back.shape == image.shape and abs(back.astype(int) - image).mean() < 4
