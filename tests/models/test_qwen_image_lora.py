"""LoRA files of Qwen-Image: their names, checks and merges, and upstream's readers."""

import logging
import shutil

import pytest

from vtb.core.errors import UnreadableError, UsageError
from vtb.models.lora.names import QWEN_IMAGE, WAN, naming_of
from vtb.models.qwen_image.variants import LORA_TARGETS

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")
pytest.importorskip("diffsynth")

FAMILY = "qwen-image-edit-2511"
Q = "transformer_blocks.1.attn.to_q"
# All linear layers that are no target.
OTHERS = (
    "img_mlp.net.0.proj",
    "txt_mlp.net.0.proj",
    "img_in",
    "txt_in",
    "norm_out.linear",
    "proj_out",
    "time_text_embed.timestep_embedder.linear_1",
    "time_text_embed.timestep_embedder.linear_2",
)


@pytest.fixture(scope="module")
def linears(tiny_qwen_image):
    from vtb.models.lora.targets import linear_shapes
    from vtb.models.qwen_image.checkpoint import open_checkpoint

    checkpoint = open_checkpoint(tiny_qwen_image[FAMILY])
    return linear_shapes(checkpoint.shapes(checkpoint.part("dit")))


@pytest.fixture(scope="module")
def random_lora(linears):
    """Makes a float32 LoRA with random updates, alpha twice the rank."""
    from vtb.models.lora.file import Lora, LoraPair
    from vtb.models.lora.targets import select_targets

    def make(targets=LORA_TARGETS, rank=4, **metadata):
        draw = torch.Generator().manual_seed(1)
        pairs = {
            name: LoraPair(
                torch.randn(rank, linears[name][1], generator=draw) / linears[name][1] ** 0.5,
                torch.randn(linears[name][0], rank, generator=draw) * 0.2,
                2.0 * rank,
            )
            for name in select_targets(linears, targets)
        }
        return Lora(pairs, {"base_family": FAMILY, **metadata}, "random LoRA")

    return make


def write(path, lora, layout="comfyui"):
    from vtb.models.lora.file import write_lora

    write_lora(path, lora, layout=layout, dtype=torch.float32)
    return path


def keys(path):
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return set(file.keys())


def transformer(directory):
    return diffusers.QwenImageTransformer2DModel.from_pretrained(
        directory, subfolder="transformer"
    ).eval()


def output(model):
    """Velocity of fixed inputs by diffusers: latents of 64x64 px and one reference."""
    draw = torch.Generator().manual_seed(0)
    tokens, prompt = (torch.randn(1, n, c, generator=draw) for n, c in ((32, 64), (7, 32)))
    with torch.no_grad():
        return model(
            hidden_states=tokens,
            encoder_hidden_states=prompt,
            timestep=torch.tensor([0.5]),
            img_shapes=[[(1, 4, 4), (1, 4, 4)]],
            return_dict=False,
        )[0]


def difference(a, b):
    return (a - b).abs().max().item()


@pytest.fixture(scope="module")
def expected(tiny_qwen_image):
    """The output of diffusers' model with a LoRA added to its weights."""

    def compute(lora):
        model = transformer(tiny_qwen_image[FAMILY])
        for name, pair in lora.pairs.items():
            model.get_submodule(name).weight.data += pair.product()
        return output(model)

    return compute


def test_the_targets_are_24_layers_of_the_tiny_model(random_lora, linears):
    from vtb.models.lora.targets import lora_parameter_count, select_targets

    pairs = random_lora().pairs
    assert len(pairs) == 24
    assert lora_parameter_count({name: linears[name] for name in pairs}, 4) == 10_240
    assert len(random_lora(targets=(*LORA_TARGETS, *OTHERS)).pairs) == len(linears)
    with pytest.raises(UsageError) as error:
        select_targets(linears, ("ffn.0",))
    assert "attn.add_k_proj" in error.value.hint


@pytest.mark.parametrize(
    ("layout", "key"),
    [
        ("comfyui", f"diffusion_model.{Q}.lora_A.weight"),
        ("diffusers", f"transformer.{Q}.lora_A.weight"),
        ("diffsynth", f"{Q}.lora_A.default.weight"),
    ],
)
def test_each_layout_is_written_and_read_again(tmp_path, random_lora, layout, key):
    from vtb.models.lora.file import read_lora

    lora = random_lora(targets=(*LORA_TARGETS, *OTHERS), step="7")
    path = write(tmp_path / "l.safetensors", lora, layout)
    assert key in keys(path)
    read = read_lora(path)
    assert read.layout == layout and read.metadata["step"] == "7"
    assert read.pairs.keys() == lora.pairs.keys()
    for name, pair in lora.pairs.items():
        assert difference(read.pairs[name].product(), pair.product()) < 1e-5


def test_kohyas_names_are_read(linears):
    from vtb.models.lora.keys import parse_key, recognise_layout

    for name in linears:
        key = f"lora_unet_{name.replace('.', '_')}"
        assert parse_key(f"{key}.lora_down.weight", QWEN_IMAGE) == (name, "down"), name
        assert parse_key(f"{key}.alpha", QWEN_IMAGE) == (name, "alpha")
    assert recognise_layout([f"{key}.alpha"], QWEN_IMAGE) == "kohya"
    assert naming_of([key, f"lora_unet_{Q.replace('.', '_')}.alpha"]) is QWEN_IMAGE
    assert naming_of(["transformer.blocks.0.attn1.to_q.lora_A.weight"]) is WAN


@pytest.mark.parametrize("layout", ["comfyui", "diffusers", "diffsynth"])
def test_diffusers_matches_every_key(
    tmp_path, tiny_qwen_image, random_lora, expected, caplog, layout
):
    lora = random_lora(targets=(*LORA_TARGETS, *OTHERS))
    path = write(tmp_path / "l.safetensors", lora, layout)
    pipe = diffusers.QwenImageEditPlusPipeline.from_pretrained(tiny_qwen_image[FAMILY])
    diffusers.utils.logging.enable_propagation()
    with caplog.at_level(logging.WARNING):
        pipe.load_lora_weights(str(path))
    diffusers.utils.logging.disable_propagation()
    assert [record.message for record in caplog.records] == []
    adapted = [name for name, _ in pipe.transformer.named_modules() if name.endswith(".lora_A")]
    assert {name.removesuffix(".lora_A") for name in adapted} == lora.pairs.keys()
    assert difference(output(pipe.transformer), expected(lora)) < 1e-5
    plain = output(transformer(tiny_qwen_image[FAMILY]))
    assert difference(plain, expected(lora)) > 1e-2


@pytest.mark.parametrize("layout", ["comfyui", "diffsynth"])
@pytest.mark.filterwarnings("ignore:Alpha detected")
def test_diffsynth_adds_every_update(tmp_path, tiny_qwen_image, random_lora, layout):
    from vtb.models.qwen_image.load import load_pipeline

    lora = random_lora(targets=(*LORA_TARGETS, *OTHERS))
    path = write(tmp_path / "l.safetensors", lora, layout)
    before, theirs = (
        load_pipeline(tiny_qwen_image[FAMILY], parts=("dit",)).dit.state_dict(),
        load_pipeline(tiny_qwen_image[FAMILY], parts=("dit",)),
    )
    theirs.load_lora(theirs.dit, str(path), alpha=1)
    after = theirs.dit.state_dict()
    for name, pair in lora.pairs.items():
        change = after[f"{name}.weight"] - before[f"{name}.weight"]
        assert difference(change, pair.product()) < 1e-5, name


def test_ours_gives_the_same_output_in_diffsynths_model(tiny_qwen_image, random_lora, linears):
    from diffsynth.pipelines.qwen_image import model_fn_qwen_image

    from vtb.models.lora.layers import apply_lora
    from vtb.models.qwen_image.load import load_pipeline

    lora = random_lora()

    def velocity(dit):
        draw = torch.Generator().manual_seed(0)
        with torch.no_grad():
            return model_fn_qwen_image(
                dit,
                latents=torch.randn(1, 16, 8, 8, generator=draw),
                timestep=torch.tensor([500.0]),
                prompt_emb=torch.randn(1, 7, 32, generator=draw),
                prompt_emb_mask=torch.ones(1, 7, dtype=torch.long),
                height=64,
                width=64,
            )

    hot, merged = (load_pipeline(tiny_qwen_image[FAMILY], parts=("dit",)).dit for _ in range(2))
    assert apply_lora(hot, lora) == 24
    for name, pair in lora.pairs.items():
        merged.get_submodule(name).weight.data += pair.product()
    assert difference(velocity(hot), velocity(merged)) < 1e-5


def family(name=FAMILY):
    from vtb.models.families import load

    return load(name)


def test_check_counts_layers_and_refuses_another_family(tmp_path, tiny_qwen_image, random_lora):
    from dataclasses import replace

    directory, path = tiny_qwen_image[FAMILY], tmp_path / "l.safetensors"
    report = family().check_lora(directory, write(path, random_lora()))
    assert report.ok and report.matched == 24 and report.layout == "comfyui"
    report = family().check_lora(directory, write(path, random_lora(base_family="qwen-image")))
    assert not report.ok and report.faults == (f"made for qwen-image, not for {FAMILY}",)
    lora = random_lora()
    strange = {name.replace("blocks.1", "blocks.7"): pair for name, pair in lora.pairs.items()}
    report = family().check_lora(directory, write(path, replace(lora, pairs=strange)))
    assert (report.matched, len(report.unmatched), report.ok) == (12, 12, False)
    with pytest.raises(UsageError, match="no high-noise expert"):
        family().check_lora(directory, path, "high")


def test_a_merged_model_is_the_base_with_the_lora(tmp_path, tiny_qwen_image, random_lora, expected):
    from vtb.models.check import check

    base, out, lora = tiny_qwen_image[FAMILY], tmp_path / "merged", random_lora()
    path = write(tmp_path / "l.safetensors", lora, "diffusers")
    made = family().merge_loras([path], [1.0], base, out)
    assert made.is_new and made.layers == (24,) and made.family == FAMILY
    assert check(out).ok
    assert difference(output(transformer(out)), expected(lora)) < 1e-5
    assert not family().merge_loras([path], [1.0], base, out).is_new
    for file in ("vae/diffusion_pytorch_model.safetensors", "processor/tokenizer.json"):
        assert (out / file).read_bytes() == (base / file).read_bytes()


def test_a_lora_with_an_unknown_layer_is_not_merged(tmp_path, tiny_qwen_image, random_lora):
    from dataclasses import replace

    lora = random_lora()
    pairs = dict(lora.pairs)
    pairs["transformer_blocks.0.attn.to_x"] = pairs.pop("transformer_blocks.0.attn.to_q")
    path = write(tmp_path / "l.safetensors", replace(lora, pairs=pairs))
    with pytest.raises(UnreadableError, match="23 of 24 layers match"):
        family().merge_loras([path], [1.0], tiny_qwen_image[FAMILY], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unmarked_copy_takes_the_same_loras(tmp_path, tiny_qwen_image, random_lora):
    """Headers alone say which layers there are, whatever the size of the model."""
    copy = shutil.copytree(tiny_qwen_image[FAMILY], tmp_path / "copy")
    (copy / "vtb_tiny.json").unlink()
    report = family().check_lora(copy, write(tmp_path / "l.safetensors", random_lora()))
    assert report.matched == 24


def test_what_was_merged_can_be_extracted(tiny_qwen_image, tiny_qwen3_vl, random_lora, tmp_path):
    from typer.testing import CliRunner

    from vtb.cli.app import app
    from vtb.models.lora.file import read_lora, write_lora

    def lora(*words):
        return CliRunner().invoke(app, ["models", "lora", *map(str, words)])

    base, file, merged = tiny_qwen_image[FAMILY], tmp_path / "a.safetensors", tmp_path / "merged"
    write_lora(file, random_lora(["to_q"]), dtype=torch.float32)
    assert lora("merge", file, "--model", base, "-o", merged).exit_code == 0
    options = "--rank", 4, "--dtype", "fp32", "-o", tmp_path / "b.safetensors"
    assert lora("extract", base, merged, *options).exit_code == 0
    before, after = read_lora(file).pairs, read_lora(tmp_path / "b.safetensors").pairs
    assert before.keys() == after.keys()
    for name, pair in before.items():
        torch.testing.assert_close(after[name].product(), pair.product(), rtol=1e-3, atol=1e-4)
    refused = lora("extract", tiny_qwen3_vl, tiny_qwen3_vl, *options).exception
    assert isinstance(refused, UsageError) and "qwen3-vl" in refused.message
