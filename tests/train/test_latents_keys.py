"""Keys: everything that changes the result, and nothing else."""

from dataclasses import replace
from hashlib import blake2b

import pytest

from vtb.recipe.schema import VideoDataTable
from vtb.train.latents import keys
from vtb.train.latents.keys import Encoding

ENCODING = Encoding("a" * 32, "b" * 32, "c" * 32, ("first_frame_latents",), "bf16")
TABLE = VideoDataTable()


def latents_key(encoding=ENCODING, video="d" * 32, **data):
    return encoding.latents_key(video, TABLE.model_copy(update=data))


def test_a_key_is_the_hash_of_canonical_json():
    text = (
        '{"conditions":["first_frame_latents"],"dtype":"bf16","fit":"exact","format_version":1,'
        '"frame_plan":"uniform","height":480,"num_frames":81,'
        f'"vae":"{"a" * 32}","video":"{"d" * 32}","width":832}}'
    )
    assert latents_key() == blake2b(text.encode(), digest_size=16).hexdigest()
    text = (
        '{"dtype":"bf16","format_version":1,"prompt":"Weg – 画",'
        f'"text_encoder":"{"b" * 32}","tokenizer":"{"c" * 32}"}}'
    )
    assert ENCODING.text_key("Weg – 画") == blake2b(text.encode(), digest_size=16).hexdigest()


@pytest.mark.parametrize(
    "data",
    [{"height": 512}, {"width": 480}, {"num_frames": 49}, {"frame_plan": "prefix"}, {"fit": "pad"}],
    ids=str,
)
def test_the_geometry_names_latents(data):
    assert latents_key(**data) != latents_key()


@pytest.mark.parametrize(
    ("changed", "latents", "text"),
    [
        ({"vae": "e" * 32}, True, False),
        ({"conditions": ()}, True, False),
        ({"text_encoder": "e" * 32}, False, True),
        ({"tokenizer": "e" * 32}, False, True),
        ({"dtype": "fp32"}, True, True),
    ],
    ids=str,
)
def test_what_encodes_names_what_it_encodes(changed, latents, text):
    other = replace(ENCODING, **changed)
    assert (latents_key(other) != latents_key()) == latents
    assert (other.text_key("a") != ENCODING.text_key("a")) == text


def test_playback_rate_names_nothing_and_content_does():
    assert latents_key(fps=24) == latents_key()
    assert latents_key(video="e" * 32) != latents_key()
    assert ENCODING.text_key("a") != ENCODING.text_key("a ")


def test_a_new_format_gives_new_names(monkeypatch):
    before = latents_key(), ENCODING.text_key("a")
    monkeypatch.setattr(keys, "FORMAT_VERSION", 2)
    assert before[0] != latents_key()
    assert before[1] != ENCODING.text_key("a")
