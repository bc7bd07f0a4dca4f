import numpy as np
import pytest

from vtb.core.errors import UnreadableError
from vtb.core.types import Picture, Prediction, Reason, Verdict
from vtb.media.image import encode_png
from vtb.media.judge import final_state, judge, read_text
from vtb.media.video import encode

PUZZLE = np.full((32, 48, 3), 255, np.uint8)
PUZZLE[:, :16] = 0


def accept(picture):
    return Verdict(1.0, True, Reason.OK, {"mean": float(picture.mean())})


def is_red(picture):
    found = picture[8, 40, 1] < 128
    return Verdict(float(found), bool(found), Reason.OK if found else Reason.NO_ANSWER)


def drawn(length):
    frame = PUZZLE.copy()
    frame[6:12, 20 : 20 + length] = (220, 30, 30)
    return frame


def clip(lengths):
    return np.stack([drawn(length) for length in lengths])


def verdict_of(kind, content, check=is_red):
    return judge(Prediction("x", kind, content=content), PUZZLE, check)


@pytest.mark.parametrize("num_frames", [1, 2, 3, 9, 30, 49, 81])
def test_final_state_is_the_median_of_the_last_tenth(num_frames):
    frames = np.random.default_rng(num_frames).integers(0, 256, (num_frames, 4, 5, 3), np.uint8)
    kept = frames.copy()
    count = max(3, round(num_frames / 10)) if num_frames > 2 else 1
    tail = np.sort(frames[-(count - (count % 2 == 0)) :], axis=0)
    assert np.array_equal(final_state(frames), tail[len(tail) // 2])
    assert np.array_equal(frames, kept)


def test_a_flash_neither_passes_nor_fails():
    assert not verdict_of("video", clip([0] * 8 + [24])).passed
    assert verdict_of("video", clip([0] * 5 + [24, 24, 0, 24])).passed
    late = verdict_of("video", clip([0] * 6 + [24, 24, 0]))
    assert late.passed
    assert late.details["last_frame"] == "no_answer"


def test_no_state_is_mixed_from_two_that_last_equally_long():
    assert not verdict_of("video", clip([0] * 36 + [24, 24, 0, 0])).passed
    assert verdict_of("video", clip([24] * 36 + [0, 0, 24, 24])).passed
    assert verdict_of("video", clip([0, 24])).passed


def test_growth_and_monotony_of_a_clip():
    growing = verdict_of("video", clip(range(0, 25, 2)))
    assert growing.details["growth_px"] == [6 * length for length in range(0, 25, 2)]
    assert growing.details["monotone"] == 1
    assert growing.details["num_frames"] == 13
    assert growing.details["first_frame_psnr"] == 100
    vanishing = verdict_of("video", clip([24, 24, 12, 24]))
    assert vanishing.details["monotone"] == pytest.approx(0.5, abs=0.1)


def test_long_clips_are_sampled_from_first_to_last():
    growth = verdict_of("video", clip([*range(24)] * 3 + [24])).details["growth_px"]
    assert len(growth) == 17
    assert (growth[0], growth[-1]) == (0, 144)


def test_a_recoloured_first_frame_lowers_its_psnr():
    frames = clip([0, 24, 24, 24])
    frames[0] //= 2
    assert verdict_of("video", frames).details["first_frame_psnr"] < 10


def test_bytes_and_files_are_decoded(tmp_path):
    picture = drawn(24)
    png = encode_png(Picture(picture))
    (tmp_path / "a.png").write_bytes(png)
    mp4 = encode([picture] * 5, num_frames=5, height=32, width=48, fps=8, lossless=True)
    (tmp_path / "a.mp4").write_bytes(mp4)
    for kind, content, name in (("image", png, "a.png"), ("video", mp4, "a.mp4")):
        assert verdict_of(kind, content).passed
        in_file = Prediction("x", kind, path=str(tmp_path / name))
        assert judge(in_file, PUZZLE, is_red).passed


@pytest.mark.parametrize(
    "content",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((0, 8, 3), np.uint8),
        b"",
        b"not a picture",
        None,
    ],
)
@pytest.mark.parametrize("kind", ["image", "video", "arrays"])
def test_what_is_no_picture_is_unreadable(kind, content):
    verdict = verdict_of(kind, content, accept)
    assert (verdict.reason, verdict.score) == (Reason.UNREADABLE, 0)
    assert verdict.details["error"]


def test_an_image_is_no_clip_and_a_clip_no_image():
    assert verdict_of("video", PUZZLE, accept).reason is Reason.UNREADABLE
    assert verdict_of("image", PUZZLE[None], accept).reason is Reason.UNREADABLE
    assert verdict_of("video", encode_png(Picture(PUZZLE)), accept).reason is Reason.UNREADABLE


def test_a_missing_file_is_unreadable_by_name():
    verdict = judge(Prediction("x", "image", path="/nowhere/a.png"), PUZZLE, accept)
    assert verdict.reason is Reason.UNREADABLE
    assert "/nowhere/a.png" in verdict.details["error"]


@pytest.mark.parametrize("sixteenth", range(16))
def test_cut_files_are_unreadable(sixteenth, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    png = encode_png(Picture(noise))
    mp4 = encode([noise] * 9, num_frames=9, height=32, width=48, fps=8)
    for kind, content in (("image", png), ("video", mp4)):
        path = tmp_path / kind
        path.write_bytes(content[: len(content) * sixteenth // 16])
        verdict = judge(Prediction("x", kind, path=str(path)), PUZZLE, accept)
        assert verdict.reason is Reason.UNREADABLE, kind
        assert str(path) in verdict.details["error"]


def test_text_comes_from_memory_or_file(tmp_path):
    assert read_text(Prediction("x", "text", text="[1]")) == "[1]"
    (tmp_path / "content.txt").write_bytes(b"[2] \xff")
    assert read_text(Prediction("x", "text", path=str(tmp_path / "content.txt"))).startswith("[2]")
    for path in (None, str(tmp_path / "absent"), "nul\0byte", str(tmp_path)):
        with pytest.raises(UnreadableError):
            read_text(Prediction("x", "text", path=path))
