"""Our LoRA files in diffsynth's and diffusers' own readers: equal outputs, or nothing at all."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffsynth")

LAYERS = ("q", "k", "v", "o", "ffn.0", "ffn.2")
# All linear layers: those outside of the blocks have names of their own in diffusers.
OUTER = (
    "head.head",
    "text_embedding.0",
    "text_embedding.2",
    "time_embedding.0",
    "time_projection.1",
)


@pytest.fixture(scope="module")
def base(tiny_wan):
    from vtb.models.wan.load import load_pipeline

    return load_pipeline(tiny_wan, parts=("dit",)).dit


@pytest.fixture
def pipe(tiny_wan):
    from vtb.models.wan.load import load_pipeline

    return load_pipeline(tiny_wan, parts=("dit",))


@pytest.fixture(scope="module")
def diffusers_model(base):
    """A function that makes diffusers' transformer with the weights of the tiny model."""
    diffusers = pytest.importorskip("diffusers")
    from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers

    def make():
        model = diffusers.WanTransformer3DModel(
            num_attention_heads=2,
            attention_head_dim=24,
            in_channels=48,
            out_channels=48,
            text_dim=32,
            freq_dim=32,
            ffn_dim=96,
            num_layers=2,
        )
        state = {name: weight.clone() for name, weight in base.state_dict().items()}
        model.load_state_dict(convert_wan_transformer_to_diffusers(state))
        return model.eval()

    return make


def diffusers_output(model):
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(1, 48, 3, 4, 4, generator=generator)
    context = torch.randn(1, 512, 32, generator=generator)
    timesteps = torch.tensor([[0.0] * 4 + [5.0] * 8])  # the first latent frame is the clean image
    with torch.no_grad():
        return model(latents, timesteps, context).sample


def load_into(model, file):
    from diffusers.loaders.lora_pipeline import WanLoraLoaderMixin

    state = WanLoraLoaderMixin.lora_state_dict(str(file))
    WanLoraLoaderMixin.load_lora_into_transformer(state, model)


def difference(a, b):
    return (a - b).abs().max().item()


def write(path, lora, layout):
    from vtb.models.lora.file import write_lora

    write_lora(path, lora, layout=layout, dtype=torch.float32)
    return path


@pytest.fixture
def expected(pipe, dit_output):
    from vtb.models.lora.layers import apply_lora

    def compute(lora):
        apply_lora(pipe.dit, lora)
        return dit_output(pipe.dit)

    return compute


def test_the_bare_models_agree(base, diffusers_model, dit_output):
    assert difference(diffusers_output(diffusers_model()), dit_output(base)) < 1e-5


@pytest.mark.parametrize(
    ("layout", "targets"),
    [("comfyui", LAYERS), ("diffusers", LAYERS), ("diffusers", (*LAYERS, *OUTER))],
)
def test_diffusers_gives_the_same_output(
    tmp_path, base, diffusers_model, dit_output, random_lora, expected, layout, targets
):
    lora = random_lora(targets=targets)
    model = diffusers_model()
    load_into(model, write(tmp_path / "l.safetensors", lora, layout))
    ours = expected(lora)
    assert difference(diffusers_output(model), ours) < 1e-5
    assert difference(dit_output(base), ours) > 1e-2


@pytest.mark.parametrize("layout", ["comfyui", "diffsynth"])
@pytest.mark.filterwarnings("ignore:Alpha detected")
def test_diffsynth_gives_the_same_output(
    tmp_path, tiny_wan, dit_output, random_lora, expected, layout
):
    from vtb.models.wan.load import load_pipeline

    lora = random_lora(targets=(*LAYERS, *OUTER))
    theirs = load_pipeline(tiny_wan, parts=("dit",))
    file = write(tmp_path / "l.safetensors", lora, layout)
    theirs.load_lora(theirs.dit, str(file), alpha=1)
    assert difference(dit_output(theirs.dit), expected(lora)) < 1e-5


def test_upstream_readers_ignore_the_wrong_layout_and_ours_reads_it(
    tmp_path, base, pipe, diffusers_model, dit_output, random_lora
):
    """The reason for our load check: neither of the two reports an error."""
    lora = random_lora()
    pipe.load_lora(pipe.dit, str(write(tmp_path / "a.safetensors", lora, "diffusers")), alpha=1)
    assert torch.equal(dit_output(pipe.dit), dit_output(base))
    model = diffusers_model()
    plain = diffusers_output(model)
    load_into(model, write(tmp_path / "b.safetensors", lora, "diffsynth"))
    assert torch.equal(diffusers_output(model), plain)
