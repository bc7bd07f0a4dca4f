from io import BytesIO

import av
import numpy as np
import pytest

from vtb.core.errors import MissingEnvironmentError, UnreadableError, VtbError
from vtb.core.frames import NOTHING, Film, whole
from vtb.core.types import Picture
from vtb.media import video
from vtb.media.image import encode_png
from vtb.media.video import decode, encode, probe, read_frames

HEIGHT, WIDTH, FRAMES = 64, 96, 17


def clip(num_frames=FRAMES):
    """A red bar that grows over a white corridor on black."""
    frames = np.zeros((num_frames, HEIGHT, WIDTH, 3), np.uint8)
    frames[:, 16:48, 8:88] = 255
    for index, frame in enumerate(frames):
        frame[28:36, 8 : 8 + 80 * index // (num_frames - 1)] = (220, 30, 30)
    return frames


def encoded(frames=None, **options):
    frames = clip() if frames is None else frames
    size = {
        "num_frames": len(frames),
        "height": HEIGHT,
        "width": WIDTH,
        "fps": 16,
    }
    return encode(iter(frames), **(size | options))


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


@pytest.mark.parametrize("num_frames", [1, 5, 17, 81])
def test_clips_have_exactly_the_frames_they_were_given(num_frames):
    frames = clip(max(num_frames, 2))[:num_frames]
    decoded = read_frames(encoded(frames))
    assert decoded.shape == frames.shape and decoded.dtype == np.uint8
    assert psnr(decoded, frames) > 40


def test_colours_survive_within_two_levels():
    colours = [(220, 30, 30), (30, 160, 60), (0, 0, 255), (255, 255, 255), (0, 0, 0), (62, 44, 30)]
    for colour in colours:
        frames = np.full((3, HEIGHT, WIDTH, 3), colour, np.uint8)
        assert np.abs(read_frames(encoded(frames)).astype(int) - frames).max() <= 2


def test_stream_is_tagged_bt601_and_another_decoder_agrees():
    content = encoded()
    with av.open(BytesIO(content)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        tags = (context.colorspace, context.color_primaries, context.color_trc)
        assert (*tags, context.color_range) == (6, 6, 6, 1)
        assert context.pix_fmt == "yuv420p"
        frames = list(container.decode(stream))
    assert [frame.key_frame for frame in frames] == [True] + [False] * (FRAMES - 1)
    swscale = np.stack([frame.to_ndarray(format="rgb24") for frame in frames])
    assert psnr(swscale, read_frames(content)) > 35
    assert np.abs(swscale[-1, 32, 20].astype(int) - (220, 30, 30)).max() <= 4


def test_lossless_is_bit_exact_on_noise():
    frames = np.random.default_rng(3).integers(0, 256, clip(9).shape, dtype=np.uint8)
    content = encoded(frames, lossless=True)
    assert np.array_equal(read_frames(content), frames)
    assert probe(content).codec == "h264"


def test_equal_frames_give_equal_bytes_that_begin_with_the_index():
    content = encoded()
    assert content == encoded()
    assert content != encoded(crf=30)
    assert 0 < content.find(b"moov") < content.find(b"mdat")
    assert b"Lavf" not in content


def test_the_index_fits_for_long_and_noisy_clips():
    frames = np.random.default_rng(3).integers(0, 256, (300, 64, 96, 3), dtype=np.uint8)
    content = encoded(frames, crf=40)
    assert content.find(b"moov") < content.find(b"mdat")
    assert probe(content).num_frames == 300


def test_one_buffer_may_carry_all_frames():
    frames = clip()
    buffer = np.empty_like(frames[0])

    def reused():
        for frame in frames:
            buffer[:] = frame
            yield buffer

    assert encode(reused(), num_frames=17, height=64, width=96, fps=16) == encoded()
    lossless = encode(reused(), num_frames=17, height=64, width=96, fps=16, lossless=True)
    assert np.array_equal(read_frames(lossless), frames)


@pytest.mark.parametrize("fps", [16, 24, 23.976, 7.5])
def test_probe(tmp_path, fps):
    path = tmp_path / "clip.mp4"
    path.write_bytes(encoded(fps=fps))
    info = probe(path)
    assert (info.num_frames, info.height, info.width, info.codec) == (FRAMES, 64, 96, "h264")
    assert info.fps == pytest.approx(fps, rel=1e-3)


@pytest.mark.parametrize("wrong", [{"num_frames": 16}, {"num_frames": 18}])
def test_a_wrong_number_of_frames_is_an_error(wrong):
    with pytest.raises(VtbError, match=f"17 frames instead of {wrong['num_frames']}"):
        encoded(**wrong)


def test_a_wrong_size_is_an_error():
    with pytest.raises(VtbError, match="frame 1 is"):
        encoded(height=96)


@pytest.mark.parametrize("lossless", [False, True])
def test_every_cut_is_unreadable_and_names_the_file(tmp_path, lossless):
    content = encoded(lossless=lossless)
    for sixteenth in range(16):
        path = tmp_path / f"cut-{sixteenth}.mp4"
        path.write_bytes(content[: len(content) * sixteenth // 16])
        with pytest.raises(UnreadableError, match=f"cut-{sixteenth}.mp4"):
            read_frames(path)


def test_a_cut_at_a_packet_border_is_noticed():
    content = encoded()
    with av.open(BytesIO(content)) as container:
        last = [packet for packet in container.demux(video=0) if packet.size][-1]
    with pytest.raises(UnreadableError, match="cut short") as error:
        list(decode(content[: last.pos]))
    assert error.value.fact == "16 of 17 frames can be decoded"


@pytest.mark.parametrize(
    "content", [b"", b"no video at all\n" * 50, encode_png(Picture(clip()[0]))], ids=len
)
def test_what_is_no_video_is_unreadable(tmp_path, content):
    for name in ("clip.mp4", "clip.txt"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnreadableError, match=name):
            list(decode(tmp_path / name))
    with pytest.raises(UnreadableError, match="video in memory"):
        list(decode(content))


def test_a_missing_file_is_unreadable(tmp_path):
    with pytest.raises(UnreadableError, match=r"none\.mp4"):
        probe(tmp_path / "none.mp4")


def test_damage_never_escapes_as_another_error():
    content = encoded()
    rng = np.random.default_rng(5)
    for _ in range(150):
        damaged = bytearray(content)
        for position in rng.integers(0, len(content), 4):
            damaged[position] = rng.integers(256)
        try:
            list(decode(bytes(damaged)))
        except UnreadableError as error:
            assert "video in memory" in error.message


@pytest.mark.parametrize(
    ("pix_fmt", "colorspace", "color_range"),
    [("yuv420p", 1, 1), ("yuv444p", 5, 1), ("yuvj420p", 5, 2)],
)
def test_foreign_streams_are_read_by_their_own_tags(pix_fmt, colorspace, color_range):
    output = BytesIO()
    with av.open(output, "w", format="mp4") as container:
        stream = container.add_stream("libx264", 16, {"crf": "4"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, pix_fmt
        stream.codec_context.colorspace = colorspace
        stream.codec_context.color_range = color_range
        for frame in clip():
            source = av.VideoFrame.from_ndarray(frame, format="rgb24")
            converted = source.reformat(
                format=pix_fmt, dst_colorspace=colorspace, dst_color_range=color_range
            )
            container.mux(stream.encode(converted))
        container.mux(stream.encode(None))
    decoded = read_frames(output.getvalue())
    assert np.abs(decoded[-1, 32, 40].astype(int) - (220, 30, 30)).max() <= 4
    assert psnr(decoded, clip()) > 35


def test_a_missing_encoder_says_what_to_install(monkeypatch):
    def refuse(*_args, **_options):
        raise av.codec.codec.UnknownCodecError("libx264")

    monkeypatch.setattr(video.av.container.OutputContainer, "add_stream", refuse, raising=True)
    with pytest.raises(MissingEnvironmentError, match="libx264"):
        encoded()


def test_a_clip_whose_size_changes_is_unreadable(monkeypatch):
    frames = [(av.VideoFrame(16, side, "yuv420p"), 3) for side in (16, 16, 32)]
    monkeypatch.setattr(video, "_decoded", lambda source: iter(frames))
    with pytest.raises(UnreadableError, match="not a readable video") as error:
        video.read_frames(b"")
    assert error.value.fact == "its size changes"


@pytest.mark.parametrize("promised", [0, 1, 5, 17, 10**9])
def test_an_index_that_promises_another_number_of_frames(promised, monkeypatch):
    content, decoded = encoded(), video._decoded
    lying = lambda source: ((frame, promised) for frame, _ in decoded(source))  # noqa: E731
    monkeypatch.setattr(video, "_decoded", lying)
    assert np.array_equal(read_frames(content), np.stack(list(decode(content))))


def test_a_clip_too_large_for_memory_is_refused(monkeypatch):
    frames = np.zeros((17, 32, 32, 3), np.uint8)
    clip = encode(iter(frames), num_frames=17, height=32, width=32, fps=16)
    monkeypatch.setattr(video, "MAX_PIXELS", 16 * 32 * 32)
    with pytest.raises(UnreadableError, match="too large"):
        read_frames(clip)


def test_frames_that_change_in_part_are_those_that_were_given():
    frames = [np.zeros((64, 62, 3), np.uint8) for _ in range(6)]
    frames[1][10:13, 5:20] = frames[2][10:13, 5:20] = 255
    frames[2][40:64, 30:40] = 200
    frames[3][:] = 90
    clip = encode(iter(frames), num_frames=6, height=64, width=62, fps=8, crf=1)
    for shown, given in zip(read_frames(clip), frames, strict=True):
        assert np.abs(shown.astype(int) - given).mean() < 3


def test_chroma_lies_where_it_belongs_whatever_the_size():
    for height, width in ((66, 64), (66, 70), (32, 2)):
        frame = np.full((height, width, 3), 255, np.uint8)
        frame[height // 4 * 2 :] = (20, 60, 220)
        clip = encode(iter([frame] * 3), num_frames=3, height=height, width=width, fps=8)
        assert np.abs(read_frames(clip)[-1].astype(int) - frame).mean() < 3


def test_frames_may_be_views():
    views = [frame[::-1, ::-1] for frame in clip()]
    assert encoded(views) == encoded([view.copy() for view in views])


def test_a_film_is_converted_where_it_says_that_it_is_new():
    frames = clip()
    size = {"num_frames": FRAMES, "height": HEIGHT, "width": WIDTH, "fps": 16}
    everything, bar = whole(frames[0]), (slice(27, 37), slice(7, 89))
    film = Film(zip(frames, [everything, *[bar] * 16], strict=True))
    assert encode(film, **size) == encoded(frames)
    silent = Film(zip(frames, [everything, *[NOTHING] * 16], strict=True))
    assert encode(silent, **size) == encoded(np.repeat(frames[:1], FRAMES, axis=0))
