"""What diffsynth computes with the loaded models is what diffusers and transformers compute."""

import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")
pytest.importorskip("diffsynth")

BASE, EDIT, EDIT_2511 = "qwen-image", "qwen-image-edit", "qwen-image-edit-2511"
PROMPT = "Draw the path through the maze"


@pytest.fixture(scope="module")
def loaded(tiny_qwen_image):
    """Pipelines of diffsynth by family; do not change them."""
    from vtb.models.qwen_image.load import load_pipeline

    return {family: load_pipeline(directory) for family, directory in tiny_qwen_image.items()}


@pytest.fixture(scope="module")
def picture():
    import numpy as np
    from PIL import Image

    draw = np.random.default_rng(0)
    return Image.fromarray(draw.integers(0, 256, (64, 96, 3), dtype=np.uint8))


def inputs(references=()):
    """Latents, references, prompt and timestep of one sample; sizes in latent px."""
    draw = torch.Generator().manual_seed(0)
    latents, *others = (
        torch.randn(1, 16, height, width, generator=draw) for height, width in ((8, 8), *references)
    )
    return latents, others, torch.randn(1, 7, 32, generator=draw), torch.tensor([500.0])


def packed(latents):
    folded = latents.unflatten(3, (-1, 2)).unflatten(2, (-1, 2))
    return folded.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def by_diffsynth(dit, references=(), **options):
    from diffsynth.pipelines.qwen_image import model_fn_qwen_image

    latents, others, prompt, timestep = inputs(references)
    with torch.no_grad():
        return packed(
            model_fn_qwen_image(
                dit,
                latents=latents,
                edit_latents=others or None,
                timestep=timestep,
                prompt_emb=prompt,
                prompt_emb_mask=torch.ones(1, 7, dtype=torch.long),
                height=64,
                width=64,
                **options,
            )
        )


def by_diffusers(model, references=()):
    latents, others, prompt, timestep = inputs(references)
    pictures = (latents, *others)
    with torch.no_grad():
        velocity = model(
            hidden_states=torch.cat([packed(one) for one in pictures], dim=1),
            encoder_hidden_states=prompt,
            timestep=timestep / 1000,
            img_shapes=[[(1, one.shape[2] // 2, one.shape[3] // 2) for one in pictures]],
            return_dict=False,
        )[0]
    return velocity[:, : packed(latents).shape[1]]


def transformer(directory):
    return diffusers.QwenImageTransformer2DModel.from_pretrained(
        directory, subfolder="transformer"
    ).eval()


def difference(a, b):
    return (a - b).abs().max().item()


@pytest.mark.parametrize(
    ("family", "references"),
    [
        (BASE, ()),
        (EDIT, ((8, 8),)),
        (EDIT, ((8, 12), (4, 8))),
        (EDIT_2511, ((8, 8),)),
        (EDIT_2511, ((8, 12), (4, 8))),
    ],
)
def test_transformers_agree(tiny_qwen_image, loaded, family, references):
    is_2511 = family == EDIT_2511
    theirs = by_diffusers(transformer(tiny_qwen_image[family]), references)
    ours = by_diffsynth(loaded[family].dit, references, zero_cond_t=is_2511)
    assert difference(ours, theirs) < 1e-5
    if references:
        other = by_diffsynth(loaded[family].dit, references, zero_cond_t=not is_2511)
        assert difference(other, theirs) > 1e-3


def test_diffsynths_own_activation_is_another_one(loaded):
    """The reason for `repair_transformer`."""
    from copy import deepcopy

    from diffsynth.models.qwen_image_dit import ApproximateGELU

    from vtb.models.qwen_image.repairs import TanhGELU

    as_shipped = deepcopy(loaded[BASE].dit)
    replaced = [module for module in as_shipped.modules() if type(module) is TanhGELU]
    assert len(replaced) == 4
    for module in replaced:
        module.__class__ = ApproximateGELU
    assert difference(by_diffsynth(as_shipped), by_diffsynth(loaded[BASE].dit)) > 1e-3


def embedder(pipe):
    return next(u for u in pipe.units if type(u).__name__ == "QwenImageUnit_PromptEmbedder")


def embedded(pipe, edit_image=None):
    with torch.no_grad():
        return embedder(pipe).process(pipe, PROMPT, edit_image)["prompt_emb"]


def test_prompts_are_encoded_as_by_diffusers(tiny_qwen_image, loaded):
    theirs = diffusers.QwenImagePipeline.from_pretrained(tiny_qwen_image[BASE])
    with torch.no_grad():
        expected, _ = theirs.encode_prompt(PROMPT)
    assert difference(embedded(loaded[BASE]), expected) < 1e-5


def edit_template(directory, form):
    """The prompt of an edit as diffusers' pipeline writes it."""
    names = {"one": "QwenImageEditPipeline", "list": "QwenImageEditPlusPipeline"}
    pipe = getattr(diffusers, names[form]).from_pretrained(directory)
    image = "Picture 1: <|vision_start|><|image_pad|><|vision_end|>" if form == "list" else ""
    return pipe.prompt_template_encode.format(image + PROMPT), pipe.prompt_template_encode_start_idx


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("family", "form"), [(EDIT, "one"), (EDIT_2511, "list")])
def test_edits_are_encoded_as_by_transformers(tiny_qwen_image, picture, family, form, dtype):
    """diffusers 0.42 is no reference here: it does not say which tokens are those of an image."""
    from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2VLProcessor

    from vtb.models.qwen_image.load import load_pipeline

    directory = tiny_qwen_image[family]
    pipe = load_pipeline(directory, parts=("text_encoder",), dtype=dtype)
    shown = embedder(pipe).resize_image(picture) if form == "list" else picture
    text, dropped = edit_template(directory, form)
    processor = Qwen2VLProcessor.from_pretrained(directory / "processor")
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(
        directory / "text_encoder", dtype=dtype
    )
    tokens = processor(text=[text], images=[shown], return_tensors="pt")
    assert {"mm_token_type_ids", "image_grid_thw"} <= tokens.keys()
    with torch.no_grad():
        expected = model(**tokens, output_hidden_states=True).hidden_states[-1][:, dropped:]
    found = embedded(pipe, [picture] if form == "list" else picture)
    assert found.dtype == dtype and difference(found, expected) < 1e-5
    del tokens["mm_token_type_ids"]
    with torch.no_grad():
        flat = model(**tokens, output_hidden_states=True).hidden_states[-1][:, dropped:]
    assert difference(flat, expected) > 0.1


def test_rotary_frequencies_stay_exact_in_bfloat16(tiny_qwen_image):
    from vtb.models.qwen_image.load import load_pipeline

    pipe = load_pipeline(tiny_qwen_image[EDIT], parts=("text_encoder",), dtype=torch.bfloat16)
    model = pipe.text_encoder.model
    assert model.language_model.norm.weight.dtype == torch.bfloat16
    assert model.language_model.rotary_emb.inv_freq.dtype == torch.float32
    assert model.visual.rotary_pos_emb.inv_freq.dtype == torch.float32


def test_vaes_agree(tiny_qwen_image, loaded):
    theirs = diffusers.AutoencoderKLQwenImage.from_pretrained(
        tiny_qwen_image[BASE], subfolder="vae"
    )
    ours = loaded[BASE].vae
    mean, std = (
        torch.tensor(values).view(1, 16, 1, 1, 1)
        for values in (theirs.config.latents_mean, theirs.config.latents_std)
    )
    draw = torch.Generator().manual_seed(0)
    pixels = torch.rand(1, 3, 64, 64, generator=draw) * 2 - 1
    with torch.no_grad():
        encoded = (theirs.encode(pixels[:, :, None]).latent_dist.mode() - mean) / std
        latents = ours.encode(pixels)
        assert difference(latents, encoded[:, :, 0]) < 1e-5
        decoded = theirs.decode(latents[:, :, None] * std + mean).sample[:, :, 0]
        assert difference(ours.decode(latents).clamp(-1, 1), decoded) < 1e-5
