"""Which pictures a run is trained on, in what size, and what of them is encoded."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from vtb.core.errors import UnreadableError
from vtb.data.store import open_dataset
from vtb.media.fit import Size
from vtb.recipe.image import ImageDataTable
from vtb.train.image.pictures import PictureSource, fit_of


@pytest.mark.parametrize(
    ("size", "max_pixels", "multiple", "target"),
    [
        ((160, 160), 2**20, 32, (160, 160)),
        ((161, 100), 2**20, 32, (192, 128)),
        ((161, 100), 2**20, 16, (176, 112)),
        ((2048, 1024), 2**20, 32, (1440, 704)),
        ((64, 4096), 32 * 32 * 4, 32, (32, 512)),
    ],
)
def test_sizes(size, max_pixels, multiple, target):
    assert fit_of(Size(*size), max_pixels, multiple).target == target


def decoded(cell):
    return np.asarray(Image.open(BytesIO(cell["bytes"])).convert("RGB"))


def test_an_edit_goes_from_the_puzzle_to_its_solution(puzzles):
    dataset = open_dataset(puzzles)
    source = PictureSource(dataset, ImageDataTable(), is_edit=True)
    sample = source.read(0)
    row = dataset.row(source.ids[0])
    assert sample.prompt == row["prompt_image"]
    assert np.array_equal(sample.made, decoded(row["solution"]))
    assert np.array_equal(sample.references[0], decoded(row["image"]))
    assert source.shapes[0] == (160, 160, 160, 160)
    assert list(source.ids) == sorted(dataset.ids("train"))


def test_without_editing_there_is_no_puzzle(puzzles):
    source = PictureSource(open_dataset(puzzles), ImageDataTable(), is_edit=False, limit=2)
    assert source.read(1).references == () and source.shapes == [(160, 160)] * 2


def test_a_sample_without_a_solution_is_named(puzzles, monkeypatch):
    source = PictureSource(open_dataset(puzzles), ImageDataTable(), is_edit=True)
    cells = {"id": "maze-1", "prompt_image": "", "solution": None, "image": None}
    with pytest.raises(UnreadableError, match="maze-1"):
        source._row(cells)


@pytest.fixture
def cache_of(puzzles, tiny_qwen_image, tmp_path):
    from vtb.models.qwen_image.checkpoint import open_checkpoint
    from vtb.train.image.cache import PictureCache

    def make(family="qwen-image-edit-2511", **table):
        checkpoint = open_checkpoint(tiny_qwen_image[family])
        is_edit = checkpoint.variant.references != "none"
        source = PictureSource(open_dataset(puzzles), ImageDataTable(**table), is_edit=is_edit)
        return source, PictureCache.of(source, checkpoint, dtype="fp32", root=tmp_path)

    return make


def build(source, cache):
    from vtb.train.image.build import build_missing

    build_missing(cache, source, device="cpu")


def test_what_is_encoded_is_not_encoded_again(cache_of, monkeypatch):
    source, cache = cache_of()
    assert len(cache.missing()) == len(source.ids)
    build(source, cache)
    assert cache.missing() == []
    monkeypatch.setattr("vtb.train.image.build.load_pipeline", None)
    build(*cache_of())
    assert cache_of(max_pixels=128**2)[1].missing() != []


def test_keys_are_those_of_the_content(cache_of):
    _, edited = cache_of()
    _, plain = cache_of("qwen-image")
    _, resized = cache_of(edit_image_auto_resize=True)
    assert set(edited.texts).isdisjoint(plain.texts)
    assert set(edited.texts).isdisjoint(resized.texts)
    assert edited.made == resized.made and edited.references != resized.references


@pytest.mark.parametrize("family", ["qwen-image", "qwen-image-edit", "qwen-image-edit-2511"])
def test_encoded_as_diffsynth_does(cache_of, tiny_qwen_image, family):
    import torch
    from diffsynth.pipelines.qwen_image import (
        QwenImageUnit_EditImageEmbedder,
        QwenImageUnit_InputImageEmbedder,
        QwenImageUnit_PromptEmbedder,
    )

    from vtb.models.qwen_image.load import load_pipeline
    from vtb.train.image.read import CachedPictures

    source, cache = cache_of(family)
    build(source, cache)
    encoded, sample = CachedPictures(cache).read(0), source.read(0)
    pipe = load_pipeline(tiny_qwen_image[family], parts=("vae", "text_encoder"))
    pipe.scheduler.set_timesteps(1000, training=True)
    tiles = {"tiled": False, "tile_size": 128, "tile_stride": 64}
    made = QwenImageUnit_InputImageEmbedder().process(
        pipe, Image.fromarray(sample.made), None, **tiles
    )
    torch.testing.assert_close(encoded.latents, made["input_latents"][0], rtol=1e-4, atol=1e-4)
    pictures = [Image.fromarray(one) for one in sample.references] or None
    if family == "qwen-image-edit":
        (pictures,) = pictures
    text = QwenImageUnit_PromptEmbedder().process(pipe, sample.prompt, pictures)
    torch.testing.assert_close(encoded.prompt, text["prompt_emb"][0], rtol=1e-4, atol=1e-4)
    if pictures:
        units = QwenImageUnit_EditImageEmbedder().process(pipe, pictures, **tiles)
        expected = units["edit_latents"]
        expected = expected[0] if isinstance(expected, list) else expected
        torch.testing.assert_close(encoded.references[0], expected[0], rtol=1e-4, atol=1e-4)
