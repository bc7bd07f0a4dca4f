"""Chat template, images and videos of the tiny Qwen3-VL, and text generated from them."""

import pytest

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"
VIDEO = "<|vision_start|><|video_pad|><|vision_end|>"


@pytest.fixture(scope="module")
def processor(tiny_qwen3_vl):
    from vtb.models.qwen3_vl.load import load_processor

    return load_processor(tiny_qwen3_vl)


@pytest.fixture(scope="module")
def model(tiny_qwen3_vl):
    from vtb.models.qwen3_vl.load import load_model

    return load_model(tiny_qwen3_vl)


@pytest.fixture(scope="module")
def inputs(processor):
    """Model inputs of an image and of a video, by kind."""
    return {"image": image_inputs(processor, 96, 128), "video": video_inputs(processor)}


def image_inputs(processor, height, width):
    from PIL import Image

    return processor(
        text=[f"{IMAGE}What?"],
        images=[Image.new("RGB", (width, height), "red")],
        return_tensors="pt",
    )


def video_inputs(processor):
    """33 frames of 64x96 px at 16 fps, sampled at 2 fps."""
    from transformers.video_utils import VideoMetadata

    frames = np.random.default_rng(0).integers(0, 256, (33, 64, 96, 3), dtype=np.uint8)
    metadata = VideoMetadata(
        total_num_frames=33,
        fps=16,
        width=96,
        height=64,
        duration=33 / 16,
        frames_indices=list(range(33)),
    )
    options = {"video_metadata": [metadata], "do_sample_frames": True, "fps": 2}
    return processor(
        text=[f"{VIDEO}What?"], videos=[frames], videos_kwargs=options, return_tensors="pt"
    )


def prompt(processor, messages, **options):
    return processor.apply_chat_template(messages, tokenize=False, **options)


def test_turns_of_text(processor):
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": " Which colour?\n"},
        {"role": "assistant", "content": "<answer>red</answer>"},
    ]
    text = (
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\n Which colour?\n<|im_end|>\n"
        "<|im_start|>assistant\n<answer>red</answer><|im_end|>\n"
    )
    assert prompt(processor, messages) == text
    asked = prompt(processor, messages, add_generation_prompt=True)
    assert asked == text + "<|im_start|>assistant\n"


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ({"type": "image"}, IMAGE),
        ({"type": "image_url", "image_url": {"url": "x"}}, IMAGE),
        ({"image": "a.png"}, IMAGE),
        ({"image_url": "a.png"}, IMAGE),
        ({"type": "video"}, VIDEO),
        ({"video": "a.mp4"}, VIDEO),
        ({"text": " a\n"}, " a\n"),
        ({"type": "text", "text": "a"}, "a"),
        # datasets gives all parts of a row the same keys
        ({"type": "text", "text": "a", "image": None, "video": None}, "a"),
        ({"type": "image", "text": None, "image": None}, IMAGE),
    ],
)
def test_parts_by_type_or_key(processor, part, text):
    content = [{"text": "<"}, part, {"text": ">"}]
    rendered = prompt(processor, [{"role": "user", "content": content}])
    assert rendered == f"<|im_start|>user\n<{text}><|im_end|>\n"


@pytest.mark.parametrize(
    ("height", "width", "tokens"), [(64, 64, 4), (96, 128, 12), (320, 320, 64), (16, 16, 1)]
)
def test_an_image_is_a_token_for_1024_px_within_limits(processor, height, width, tokens):
    made = image_inputs(processor, height, width)
    assert made["pixel_values"].shape == (4 * tokens, 1536)
    assert made["pixel_values"][0, 0] == 1.0 and made["pixel_values"][0, -1] == -1.0  # red
    assert processor.decode(made["input_ids"][0]) == (
        f"<|vision_start|>{'<|image_pad|>' * tokens}<|vision_end|>What?"
    )


def test_a_video_is_sampled_and_stamped_with_its_times(inputs):
    assert inputs["video"]["video_grid_thw"].tolist() == [[2, 4, 6]]
    assert inputs["video"]["pixel_values_videos"].shape == (48, 1536)


def test_the_prompt_tells_the_time_of_each_pair_of_frames(processor, inputs):
    frame = f"<|vision_start|>{'<|video_pad|>' * 6}<|vision_end|>"
    assert processor.decode(inputs["video"]["input_ids"][0]) == (
        f"<|vision_start|><0.3 seconds>{frame}<1.7 seconds>{frame}<|vision_end|>What?"
    )


def test_older_readers_find_the_same_limits(tiny_qwen3_vl, processor):
    from transformers import Qwen2VLImageProcessor, Qwen3VLVideoProcessor

    for reader, ours in (
        (Qwen2VLImageProcessor, processor.image_processor),
        (Qwen3VLVideoProcessor, processor.video_processor),
    ):
        assert reader.from_pretrained(tiny_qwen3_vl).to_dict() == ours.to_dict()
    videos = processor.video_processor
    assert dict(videos.size) == {"shortest_edge": 4096, "longest_edge": 131_072}
    assert (videos.min_frames, videos.max_frames, videos.cap_pixels_per_frame) == (4, 32, True)


@pytest.mark.parametrize("kind", ["image", "video"])
def test_generation_is_greedy(model, inputs, kind):
    first = generate(model, inputs[kind])
    assert first.shape == (1, 8) and torch.equal(first, generate(model, inputs[kind]))


@pytest.mark.parametrize(
    ("kind", "pixels"), [("image", "pixel_values"), ("video", "pixel_values_videos")]
)
def test_the_model_looks_at_the_pixels(model, inputs, kind, pixels):
    negative = {**inputs[kind], pixels: -inputs[kind][pixels]}
    with torch.no_grad():
        seen, other = model(**inputs[kind]).logits[0, -1], model(**negative).logits[0, -1]
    assert (seen - other).abs().max() > 0.1


@pytest.mark.parametrize("kind", ["image", "video"])
def test_a_media_token_is_never_sampled(model, inputs, kind):
    media = torch.tensor(model.generation_config.suppress_tokens)
    near_uniform = {"do_sample": True, "temperature": 100.0, "num_return_sequences": 64}
    torch.manual_seed(0)
    free = generate(model, inputs[kind], suppress_tokens=None, **near_uniform)
    torch.manual_seed(0)
    ours = generate(model, inputs[kind], **near_uniform)
    assert torch.isin(free, media).any()
    assert not torch.isin(ours, media).any()


def generate(model, inputs, **options):
    """The new tokens of each sequence."""
    tokens = model.generate(**inputs, max_new_tokens=8, **options)
    return tokens[:, inputs["input_ids"].shape[1] :]
