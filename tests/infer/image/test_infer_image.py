"""`vtb infer image`: resumable, with the list, record and conflicts of `vtb infer video`."""

import json

import numpy as np
import pytest
from PIL import Image

from vtb.core.errors import ConflictError, LockedError, UsageError
from vtb.core.files import read_json
from vtb.data.predictions import open_predictions
from vtb.data.store import open_dataset
from vtb.eval.puzzles import PuzzleEval, evaluate
from vtb.infer.fill import sample_seed
from vtb.media.image import decode_image
from vtb.run.lock import output_lock


def listed(out):
    return [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]


@pytest.fixture
def accuracy(small_mazes, tmp_path):
    """Scores a folder of pictures."""

    def score(pred):
        request = PuzzleEval(data=small_mazes, out=tmp_path / "eval", pred=pred)
        return evaluate(request).results

    return score


def test_picture_sidecar_list_and_record(infer, stub, tmp_path, small_mazes, tiny_qwen_image):
    result = infer()
    assert (result.n, result.done, result.skipped, dict(result.failed)) == (1, 1, 0, {})
    (sample_id,) = open_dataset(small_mazes).ids("test", 1)
    out, model = tmp_path / "pred", str(tiny_qwen_image["qwen-image-edit-2511"])
    assert decode_image(out / f"{sample_id}.png").shape == (64, 64, 3)
    sidecar = read_json(out / f"{sample_id}.json")
    assert (sidecar["generated_size"], sidecar["picture_size"]) == ([64, 64], [64, 64])
    assert sidecar["seed"] == sample_seed(42, sample_id)
    assert sidecar["prompt"] == open_dataset(small_mazes).sample(sample_id).prompts["image"]
    record = read_json(out / "infer.json")
    assert record["manifest_hash"] == open_dataset(small_mazes).manifest_hash
    assert (record["family"], record["lora"]) == ("qwen-image-edit-2511", [])
    assert (record["max_pixels"], record["edit_image_auto_resize"]) == (1024**2, False)
    found = open_predictions(out, [sample_id])
    prediction = found.find(sample_id)
    assert (prediction.kind, prediction.model) == ("image", model) and not found.warnings
    assert prediction.sha256 == listed(out)[0]["sha256"]


def test_solutions_score_one_and_puzzles_zero(infer, stub, accuracy, tmp_path, small_mazes):
    infer(limit=None)
    results = accuracy(tmp_path / "pred")
    assert (results["n"], results["accuracy"]) == (4, 1.0) and results["kinds"]["image"]["n"] == 4
    assert results["prediction"]["infer"]["family"] == "qwen-image-edit-2511"
    for sample in open_dataset(small_mazes).samples():
        Image.fromarray(sample.puzzle).save(tmp_path / "pred" / f"{sample.id}.png")
    assert accuracy(tmp_path / "pred")["accuracy"] == 0.0


def test_repeating_makes_only_what_is_missing(infer, stub, tmp_path, small_mazes):
    ids = open_dataset(small_mazes).ids("test")
    infer(limit=2)
    kept = (tmp_path / "pred" / f"{ids[0]}.png").stat().st_mtime_ns
    again = infer(limit=3)
    assert (again.done, again.skipped) == (1, 2)
    assert [name for name, _ in stub] == ids[:3]
    assert (tmp_path / "pred" / f"{ids[0]}.png").stat().st_mtime_ns == kept
    damaged = tmp_path / "pred" / f"{ids[1]}.png"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:100])
    assert infer(limit=3).done == 1 and damaged.read_bytes() == whole
    assert infer(limit=3).done == 0


def test_other_parameters_are_a_conflict_and_force_starts_afresh(infer, stub):
    infer(limit=2)
    with pytest.raises(ConflictError) as caught:
        infer(limit=2, steps=3)
    assert caught.value.fact == "steps is 2 there, 3 now"
    assert infer(limit=2, steps=3, force=True).done == 2


def test_the_published_settings_are_the_default(infer, stub, tmp_path):
    infer(steps=None, cfg=None)
    record = read_json(tmp_path / "pred" / "infer.json")
    assert (record["steps"], record["cfg"]) == (40, 4.0)


def test_one_writer_at_a_time(infer, tmp_path):
    with output_lock(tmp_path / "pred"), pytest.raises(LockedError):
        infer()


def test_a_lora_that_may_have_seen_the_puzzles_is_warned_of(infer, stub, lora_of, tmp_path):
    (warning,) = infer(loras=(lora_of(train_buckets="[100, 1000]"),)).warnings
    assert "100-999" in warning
    assert read_json(tmp_path / "pred" / "infer.json")["train_buckets"] == [100, 1000]


def test_a_prompt_with_a_picture_of_any_size(infer, tmp_path, monkeypatch):
    monkeypatch.setattr("vtb.infer.image.run.load_model", lambda *_: repeat)
    picture = np.random.default_rng(0).integers(0, 256, (51, 70, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "start.png")
    infer(data=None, prompt="a line", image=tmp_path / "start.png")
    (row,) = listed(tmp_path / "pred")
    assert row["sample_id"].startswith("prompt-")
    assert read_json(tmp_path / "pred" / f"{row['sample_id']}.json")["generated_size"] == [64, 96]
    assert np.array_equal(decode_image(tmp_path / "pred" / row["path"]), picture)


def test_a_model_without_pictures_to_edit(infer, stub, tmp_path, monkeypatch):
    (warning,) = infer("qwen-image").warnings
    assert "takes no image" in warning
    monkeypatch.setattr("vtb.infer.image.run.load_model", lambda *_: grey)
    assert not infer("qwen-image", out=tmp_path / "one", data=None, prompt="a line").warnings
    (row,) = listed(tmp_path / "one")
    assert decode_image(tmp_path / "one" / row["path"]).shape == (1328, 1328, 3)


def grey(order):
    return np.full((*order.fit.target, 3), 128, np.uint8)


def repeat(order):
    return order.fit.apply(order.job.picture)


@pytest.mark.parametrize(
    "options", [{"data": None}, {"prompt": "x"}, {"data": None, "prompt": "x"}]
)
def test_one_source_must_be_named(infer, options):
    with pytest.raises(UsageError, match="which pictures to make"):
        infer(**options)
