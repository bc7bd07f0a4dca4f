"""`vtb infer video` with the models of two experts."""

import json

import numpy as np
import pytest
import torch

from vtb.core.errors import UnreadableError, UsageError
from vtb.core.files import read_json
from vtb.infer import video
from vtb.media.fit import Size
from vtb.media.video import probe
from vtb.models.lora.file import Lora, LoraPair, write_lora
from vtb.models.wan import sampler

T2V, I2V = "wan2.2-t2v-a14b", "wan2.2-i2v-a14b"


@pytest.fixture
def run(infer, tiny_a14b, tmp_path):
    """Makes one clip; returns the result, the record and the line of the list."""

    def make(family, out="pred", **options):
        result = infer(model=tiny_a14b[family], out=tmp_path / out, **options)
        lines = (tmp_path / out / "predictions.jsonl").read_text().splitlines()
        return result, read_json(tmp_path / out / "infer.json"), json.loads(lines[-1])

    return make


@pytest.fixture
def lora_of(tmp_path):
    """Writes a LoRA for one layer of a tiny A14B expert."""

    def write(name, **metadata):
        generator = torch.Generator().manual_seed(0)
        pair = LoraPair(*(torch.randn(*s, generator=generator) for s in ((2, 48), (48, 2))), 2.0)
        path = tmp_path / f"{name}.safetensors"
        write_lora(path, Lora({"blocks.0.self_attn.q": pair}, metadata))
        return path

    return write


@pytest.fixture
def stub(monkeypatch):
    """Replaces the model by one that makes grey clips; gives the jobs it was asked."""
    jobs = []

    def make_frames(orders):
        jobs.extend(order.job for order in orders)
        return [np.full((17, *order.fit.target, 3), 128, np.uint8) for order in orders]

    monkeypatch.setattr(video, "load_model", lambda *_: make_frames)
    return jobs


@pytest.mark.parametrize(
    ("family", "settings"), [(T2V, (4.0, 3.0, 0.875, 12.0)), (I2V, (3.5, 3.5, 0.9, 5.0))]
)
def test_published_settings_are_the_defaults_and_recorded(run, stub, family, settings):
    _, record, _ = run(family, cfg=None, steps=None)
    keys = ("cfg", "cfg_low", "boundary", "shift")
    assert tuple(record[key] for key in keys) == settings
    assert (record["family"], record["steps"]) == (family, 40)
    _, record, _ = run(family, "other", cfg=2.0)
    assert (record["cfg"], record["cfg_low"]) == (2.0, 2.0)


def test_settings_reach_the_model(run, monkeypatch):
    seen, given = [], []

    class Sampler:
        def __init__(self, pipe, sampling, negative, log):
            seen.append(sampling)
            assert len(negative)

        def frames(self, contexts, seeds, size, pictures):
            assert size == (64, 64)
            given.append(pictures is not None)
            return np.zeros((1, 17, 64, 64, 3), np.uint8)

    monkeypatch.setattr(sampler, "ClipSampler", Sampler)
    run(T2V, "t2v", cfg=None)
    run(I2V, "i2v", cfg=None)
    assert [(s.cfg, s.cfg_low, s.boundary, s.shift) for s in seen] == [
        (4.0, 3.0, 0.875, 12.0),
        (3.5, 3.5, 0.9, 5.0),
    ]
    assert given == [False, True]


def test_text_alone_makes_a_clip_in_the_size_of_the_puzzle_and_says_so(run, tmp_path):
    result, _, line = run(T2V)
    assert result.done == 1
    (warning,) = result.warnings
    assert warning.startswith("wan2.2-t2v-a14b takes no image")
    info = probe(tmp_path / "pred" / line["path"])
    assert (info.num_frames, info.height, info.width) == (17, 128, 128)


def test_a_prompt_needs_an_image_only_where_the_model_takes_one(run, stub, tmp_path):
    options = {"data": None, "prompt": "a line", "size": None, "num_frames": 17}
    result, record, line = run(T2V, **options)
    assert not result.warnings and record["image_sha256"] is None
    info = probe(tmp_path / "pred" / line["path"])
    assert (info.height, info.width) == (480, 832)
    _, _, line = run(T2V, "small", **options | {"size": Size(64, 96)})
    info = probe(tmp_path / "small" / line["path"])
    assert (info.height, info.width) == (64, 96)
    with pytest.raises(UsageError, match="which clips to make"):
        run(I2V, "i2v", **options)


def test_the_image_of_a_prompt_is_ignored_but_for_its_size(run, tmp_path):
    import cv2

    lines = []
    for i in range(2):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((64, 80, 3), 200 * i, np.uint8))
        options = {"data": None, "prompt": "a", "image": tmp_path / f"{i}.png", "num_frames": 5}
        result, _, line = run(T2V, f"out{i}", **options)
        assert "takes no image" in result.warnings[0]
        lines.append(line)
    info = probe(tmp_path / "out0" / lines[0]["path"])
    assert (info.height, info.width) == (64, 80)
    assert lines[0]["sample_id"] != lines[1]["sample_id"]


def test_each_lora_goes_to_the_expert_that_it_names(run, lora_of):
    high, low = lora_of("a", expert="high"), lora_of("b", expert="low")
    small = {"num_frames": 5, "size": Size(32, 32)}
    clips = {
        name: run(I2V, name, loras=loras, **small)[2]["sha256"]
        for name, loras in {
            "none": (),
            "high": (high,),
            "low": (low,),
            "both": (high, low),
            "swapped": (low, high),
        }.items()
    }
    assert clips["both"] == clips["swapped"]
    assert len(set(clips.values())) == 4
    result, record, line = run(I2V, "both", loras=(low, high), **small)
    assert result.skipped == 1 and not result.warnings
    assert (record["lora"], record["lora_low"]) == (str(high), str(low))
    assert line["run"] == f"{high}, {low}"


def test_a_silent_file_is_for_the_high_noise_expert_unless_named_as_low(run, stub, lora_of):
    silent, named = lora_of("silent"), lora_of("named", expert="high")
    result, record, _ = run(I2V, "high", loras=(silent,))
    assert record["lora"] == str(silent) and "lora_low" not in record
    assert "does not say which expert" in result.warnings[0]
    result, record, _ = run(I2V, "low", lora_low=silent)
    assert (record["lora"], record["lora_low"]) == (None, str(silent)) and not result.warnings
    with pytest.raises(UsageError, match="two LoRA files for the high-noise expert"):
        run(I2V, "two", loras=(silent, named))
    with pytest.raises(UnreadableError) as caught:
        run(I2V, "wrong", lora_low=named)
    assert "made for the high-noise expert" in caught.value.fact


def test_a_lora_of_another_family_is_refused(run, infer, stub, lora_of):
    file = lora_of("t2v", base_family=T2V, expert="low")
    with pytest.raises(UnreadableError) as caught:
        run(I2V, loras=(file,))
    assert caught.value.fact == f"made for {T2V}, not for {I2V}"
    with pytest.raises(UnreadableError, match="another model"):
        infer(loras=(file,))
    for options in ({"lora_low": file}, {"loras": (file, lora_of("other"))}):
        with pytest.raises(UsageError, match=r"no low-noise expert|two LoRA files for one"):
            infer(**options)


def test_training_buckets_of_both_are_warned_of(run, stub, lora_of):
    high = lora_of("high", expert="high", train_buckets="[100, 400]")
    low = lora_of("low", expert="low", train_buckets="[300, 1000]")
    result, record, _ = run(I2V, loras=(high, low))
    assert record["train_buckets"] == [100, 1000] and "100-999" in result.warnings[0]
