"""What `vtb infer image` asks of diffsynth's pipeline, and what tiny models make."""

import json

import numpy as np
import pytest
from PIL import Image

from vtb.core.errors import UnreadableError, UsageError
from vtb.core.files import read_json
from vtb.data.store import open_dataset
from vtb.infer.fill import sample_seed
from vtb.media.image import decode_image
from vtb.models.qwen_image.variants import VARIANTS


def pictures(out):
    return {path.stem: decode_image(path) for path in sorted(out.glob("*.png"))}


@pytest.fixture
def pipe(monkeypatch):
    """Replaces the pipeline by one that makes grey pictures; gives the arguments of its calls."""
    calls = []

    class Pipe:
        dit = None

        def __call__(self, prompt, **options):
            calls.append({"prompt": prompt, **options})
            return Image.new("RGB", (options["width"], options["height"]), "grey")

    monkeypatch.setattr("vtb.models.qwen_image.load.load_pipeline", lambda *_, **__: Pipe())
    monkeypatch.setattr("vtb.models.lora.layers.apply_lora", lambda *_: None)
    return calls


@pytest.mark.parametrize("family", VARIANTS)
def test_the_pipeline_is_called_as_in_training(infer, pipe, small_mazes, family):
    from vtb.recipe.image import ImageDataTable
    from vtb.train.image.pictures import PictureSource

    infer(family, cfg=3.0)
    (call,) = pipe
    (sample_id,) = open_dataset(small_mazes).ids("test", 1)
    assert (call["cfg_scale"], call["num_inference_steps"]) == (3.0, 2)
    assert call["seed"] == sample_seed(42, sample_id)
    assert (call["height"], call["width"]) == (64, 64)
    assert call["edit_image_auto_resize"] is False
    assert call["zero_cond_t"] is (family == "qwen-image-edit-2511")
    is_edit = family != "qwen-image"
    source = PictureSource(
        open_dataset(small_mazes), ImageDataTable(), is_edit=is_edit, split="test"
    )
    trained = source.read(source.ids.index(sample_id))
    assert call["prompt"] == trained.prompt
    given = call["edit_image"]
    assert isinstance(given, list) is (VARIANTS[family].references == "list")
    shown = given if isinstance(given, list) else [] if given is None else [given]
    assert np.array_equal([np.asarray(one) for one in shown], trained.references)


def test_a_picture_depends_on_its_sample_only(infer, tmp_path):
    infer(limit=2)
    together = pictures(tmp_path / "pred")
    infer(limit=1, out=tmp_path / "apart")
    infer(limit=2, out=tmp_path / "apart")
    apart = pictures(tmp_path / "apart")
    assert together.keys() == apart.keys()
    assert all(np.array_equal(together[name], apart[name]) for name in apart)
    first, second = together.values()
    assert first.shape == (64, 64, 3) and first.std() > 5 and not np.array_equal(first, second)
    infer(limit=1, seed=43, out=tmp_path / "other")
    (other,) = pictures(tmp_path / "other").values()
    assert not np.array_equal(other, first)


def test_a_lora_changes_the_picture_alike_in_every_layout(infer, lora_of, tmp_path):
    infer(out=tmp_path / "base")
    (base,) = pictures(tmp_path / "base").values()
    found = []
    for layout in ("comfyui", "diffsynth", "diffusers"):
        infer(loras=(lora_of(layout, layout),), out=tmp_path / layout)
        found.append(next(iter(pictures(tmp_path / layout).values())).astype(int))
    assert all(np.abs(one - base).mean() > 1 for one in found)
    assert all(np.abs(one - found[0]).max() <= 1 for one in found)
    line = json.loads((tmp_path / "comfyui" / "predictions.jsonl").read_text())
    assert line["run"].endswith("comfyui.safetensors")


def test_several_loras_are_added_up(infer, lora_of, tmp_path):
    infer(out=tmp_path / "base")
    infer(loras=(lora_of("plus"), lora_of("minus", scale=-1.0)), out=tmp_path / "sum")
    (base,), (total,) = (pictures(tmp_path / name).values() for name in ("base", "sum"))
    assert np.abs(base.astype(int) - total).max() <= 1
    assert len(read_json(tmp_path / "sum" / "infer.json")["lora_sha256"]) == 2


def test_pictures_have_the_size_that_the_lora_was_trained_on(infer, pipe, lora_of, tmp_path):
    said = {"edit_image_auto_resize": "True", "max_pixels": str(32 * 32)}
    infer(loras=(lora_of(**said),))
    (call,) = pipe
    assert (call["edit_image_auto_resize"], call["height"], call["width"]) == (True, 32, 32)
    assert all(one.shape == (64, 64, 3) for one in pictures(tmp_path / "pred").values())
    record = read_json(tmp_path / "pred" / "infer.json")
    assert (record["edit_image_auto_resize"], record["max_pixels"]) == (True, 1024)


def test_loras_trained_on_other_sizes_do_not_go_together(infer, lora_of):
    large, small = lora_of("large", max_pixels="1048576"), lora_of("small", max_pixels="65536")
    with pytest.raises(UsageError, match="different sizes") as caught:
        infer(loras=(large, small))
    assert "max_pixels=65536" in caught.value.fact
    with pytest.raises(UnreadableError, match="metadata"):
        infer(loras=(lora_of("odd", max_pixels="many"),))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"extra_inputs": 4}, "does not fit"),
        ({"scale": 0.0}, "changes nothing"),
        ({"base_family": "qwen-image"}, "another model"),
    ],
)
def test_foreign_and_empty_loras_are_refused(infer, stub, lora_of, tmp_path, options, message):
    with pytest.raises(UnreadableError, match=message):
        infer(loras=(lora_of(**options),))
    assert not list((tmp_path / "pred").glob("*.png"))
