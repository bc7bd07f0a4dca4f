import string

from vtb.media.fonts import FONT, font


def test_the_shipped_font_has_every_printable_character():
    missing = font(24).getmask("\uffff").getbbox(), bytes(font(24).getmask("\uffff"))
    for character in string.ascii_letters + string.digits + string.punctuation:
        mask = font(24).getmask(character)
        assert mask.getbbox() and (mask.getbbox(), bytes(mask)) != missing, character


def test_it_is_small_and_has_its_licence_beside_it():
    assert FONT.stat().st_size < 30_000
    assert "Bitstream Vera" in FONT.with_name("LICENSE_DEJAVU").read_text()
