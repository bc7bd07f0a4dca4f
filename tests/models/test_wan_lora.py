"""LoRA layers and LoRA files, ours against diffsynth's reader."""

import pytest

from vtb.core.errors import UnreadableError, UsageError

torch = pytest.importorskip("torch")
pytest.importorskip("diffsynth")

TARGETS = ("q", "k", "v", "o", "ffn.0", "ffn.2")


def load(tiny_wan):
    from vtb.models.wan.load import load_pipeline

    return load_pipeline(tiny_wan, parts=("dit",))


def inject(dit, **options):
    from vtb.models.lora.layers import inject_lora

    return inject_lora(
        dit, **{"rank": 4, "alpha": 8.0, "target_modules": TARGETS, "seed": 0, **options}
    )


def output(dit):
    from diffsynth.pipelines.wan_video import model_fn_wan_video

    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(1, 48, 3, 4, 4, generator=generator)
    context = torch.randn(1, 512, 32, generator=generator)
    return model_fn_wan_video(
        dit,
        latents=latents.to(dit.patch_embedding.weight.dtype),
        timestep=torch.tensor([500.0], dtype=dit.patch_embedding.weight.dtype),
        context=context.to(dit.patch_embedding.weight.dtype),
        fuse_vae_embedding_in_latents=True,
    )


@pytest.fixture(scope="module")
def trained(tiny_wan):
    """A LoRA with random updates of alpha twice the rank, and the output it gives."""
    from vtb.models.lora.layers import extract_lora

    dit = load(tiny_wan).dit
    generator = torch.Generator().manual_seed(1)
    for layer in inject(dit).values():
        layer.lora_B.data.normal_(0, 0.2, generator=generator)
    with torch.no_grad():
        return extract_lora(dit, {"family": "wan2.2-ti2v-5b", "step": "7"}), output(dit)


def save(lora, path, layout="comfyui", dtype=torch.float32):
    from vtb.models.lora.file import write_lora

    write_lora(path, lora, layout=layout, dtype=dtype)
    return path


def read(path):
    from vtb.models.lora.file import read_lora

    return read_lora(path)


def apply(dit, lora):
    from vtb.models.lora.layers import apply_lora

    return apply_lora(dit, lora)


def difference(a, b):
    return (a - b).abs().max().item()


def test_injection_changes_nothing_and_trains_only_the_update(tiny_wan, tiny_pipe):
    dit = load(tiny_wan).dit
    layers = inject(dit)
    trainable = [weight for weight in dit.parameters() if weight.requires_grad]
    assert len(layers) == 20
    assert sum(weight.numel() for weight in trainable) == 8448
    with torch.no_grad():
        assert torch.equal(output(dit), output(tiny_pipe.dit))
    output(dit).square().mean().backward()
    assert all(layer.lora_B.grad.any() for layer in layers.values())
    assert all(layer.base.weight.grad is None for layer in layers.values())


def test_start_values_depend_on_seed_and_name(tiny_wan):
    first, again, other = (inject(load(tiny_wan).dit, seed=seed) for seed in (0, 0, 1))
    assert all(torch.equal(first[name].lora_A, again[name].lora_A) for name in first)
    assert not any(torch.equal(first[name].lora_A, other[name].lora_A) for name in first)
    q, k = first["blocks.0.self_attn.q"].lora_A, first["blocks.0.self_attn.k"].lora_A
    assert not torch.equal(q, k)
    assert q.abs().max() <= 48**-0.5  # Kaiming-uniform with a = sqrt(5): bound 1/sqrt(in)
    assert q.std().item() == pytest.approx((3 * 48) ** -0.5, rel=0.2)


def test_master_weights_are_float32_on_a_bfloat16_model(tiny_wan):
    from vtb.models.wan.load import load_pipeline

    dit = load_pipeline(tiny_wan, dtype=torch.bfloat16, parts=("dit",)).dit
    layers = inject(dit)
    for layer in layers.values():
        assert layer.lora_A.dtype == layer.lora_B.dtype == torch.float32
        assert layer.base.weight.dtype == torch.bfloat16
    assert output(dit).dtype == torch.bfloat16
    output(dit).float().square().mean().backward()
    assert all(layer.lora_B.grad.dtype == torch.float32 for layer in layers.values())


def test_unknown_target_is_an_error_and_leaves_the_model_alone(tiny_wan):
    dit = load(tiny_wan).dit
    with pytest.raises(UsageError, match="to_q"):
        inject(dit, target_modules=("q", "to_q"))
    assert not any("lora" in name for name, _ in dit.named_parameters())


@pytest.mark.parametrize("layout", ["comfyui", "diffsynth", "diffusers"])
def test_every_layout_round_trips_with_the_same_effect(tiny_wan, tmp_path, trained, layout):
    lora, expected = trained
    dit = load(tiny_wan).dit
    with torch.no_grad():
        plain = output(dit)
        assert apply(dit, read(save(lora, tmp_path / "l.safetensors", layout))) == 20
        assert difference(output(dit), expected) < 1e-5 < difference(plain, expected)


@pytest.mark.parametrize("layout", ["comfyui", "diffsynth"])
@pytest.mark.filterwarnings("ignore:Alpha detected")
def test_diffsynth_reads_our_files_to_the_same_output(tiny_wan, tmp_path, trained, layout):
    lora, expected = trained
    pipe = load(tiny_wan)
    pipe.load_lora(pipe.dit, str(save(lora, tmp_path / "l.safetensors", layout)))
    with torch.no_grad():
        assert difference(output(pipe.dit), expected) < 1e-5


def test_canonical_names_alpha_and_metadata(tmp_path, trained):
    from safetensors import safe_open

    with safe_open(save(trained[0], tmp_path / "l.safetensors", dtype=torch.bfloat16), "pt") as f:
        stem = "diffusion_model.blocks.0.self_attn.q"
        keys = {key for key in list(f.keys()) if key.startswith(stem)}
        assert keys == {f"{stem}.{leaf}" for leaf in ("lora_A.weight", "lora_B.weight", "alpha")}
        assert f.get_tensor(f"{stem}.alpha").item() == 8
        assert f.get_tensor(f"{stem}.lora_A.weight").dtype == torch.bfloat16
        assert f.metadata() == {
            "family": "wan2.2-ti2v-5b",
            "step": "7",
            "format": "comfyui",
            "rank": "4",
            "alpha": "8",
        }


def test_equal_loras_give_equal_files(tmp_path, trained):
    files = [save(trained[0], tmp_path / f"{i}.safetensors") for i in range(8)]
    assert len({file.read_bytes() for file in files}) == 1


@pytest.mark.parametrize(
    ("module", "layer"),
    [
        ("blocks.1.self_attn.q", "blocks.1.attn1.to_q"),
        ("blocks.1.self_attn.o", "blocks.1.attn1.to_out.0"),
        ("blocks.12.cross_attn.k", "blocks.12.attn2.to_k"),
        ("blocks.12.cross_attn.v", "blocks.12.attn2.to_v"),
        ("blocks.0.ffn.0", "blocks.0.ffn.net.0.proj"),
        ("blocks.0.ffn.2", "blocks.0.ffn.net.2"),
        ("head.head", "proj_out"),
        ("text_embedding.2", "condition_embedder.text_embedder.linear_2"),
        ("time_embedding.0", "condition_embedder.time_embedder.linear_1"),
        ("time_projection.1", "condition_embedder.time_proj"),
    ],
)
@pytest.mark.parametrize(
    "prefix",
    ["", "diffusion_model.", "transformer.", "base_model.model.", "base_model.model.transformer."],
)
@pytest.mark.parametrize("down", ["lora_A.weight", "lora_A.default.weight", "lora_down.weight"])
def test_all_spellings_are_read(module, layer, prefix, down):
    from vtb.models.lora.keys import format_key, parse_key
    from vtb.models.lora.names import WAN

    up = down.replace("_A", "_B").replace("_down", "_up")
    for name in (module, layer):
        assert parse_key(f"{prefix}{name}.{down}", WAN) == (module, "down")
        assert parse_key(f"{prefix}{name}.{up}", WAN) == (module, "up")
        assert parse_key(f"{prefix}{name}.alpha", WAN) == (module, "alpha")
    assert format_key(module, "up", "diffusers", WAN) == f"transformer.{layer}.lora_B.weight"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("blocks.12.self_attn.o", "blocks_12_self_attn_o"),
        ("blocks.1.cross_attn.q", "blocks_1_cross_attn_q"),
        ("blocks.0.ffn.2", "blocks_0_ffn_2"),
        ("head.head", "head_head"),
        ("time_projection.1", "time_projection_1"),
        ("blocks.1.foreign_q", "blocks_1_foreign_q"),
    ],
)
def test_kohya_names_are_read(module, name):
    from vtb.models.lora.keys import parse_key
    from vtb.models.lora.names import WAN

    assert parse_key(f"lora_unet_{name}.lora_down.weight", WAN) == (module, "down")
    assert parse_key(f"lora_unet_{name}.alpha", WAN) == (module, "alpha")


@pytest.mark.parametrize(
    ("key", "layout"),
    [
        ("diffusion_model.blocks.0.ffn.0.alpha", "comfyui"),
        ("blocks.0.self_attn.q.lora_A.default.weight", "diffsynth"),
        ("transformer.blocks.0.attn1.to_q.lora_A.weight", "diffusers"),
        ("blocks.0.attn1.to_q.lora_A.weight", "diffusers"),
        ("base_model.model.blocks.0.ffn.0.lora_A.weight", "peft"),
        ("lora_unet_blocks_0_ffn_0.lora_up.weight", "kohya"),
    ],
)
def test_layouts_are_recognised(key, layout):
    from vtb.models.lora.keys import recognise_layout
    from vtb.models.lora.names import WAN

    assert recognise_layout([key, key.replace("0", "1")], WAN) == layout


def renamed(lora, rename):
    from vtb.models.lora.file import Lora

    return Lora({rename(name): pair for name, pair in lora.pairs.items()}, source="x.safetensors")


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: "transformer_" + name,
        lambda name: name.replace("blocks.1.", "blocks.9."),
        lambda name: name.replace("blocks.0.ffn.0", "blocks.0.ffn.9"),
    ],
)
def test_a_lora_that_does_not_match_entirely_is_refused(tiny_wan, tiny_pipe, trained, rename):
    dit = load(tiny_wan).dit
    with pytest.raises(UnreadableError, match=r"x\.safetensors.* of 20 layers match"):
        apply(dit, renamed(trained[0], rename))
    with torch.no_grad():
        assert torch.equal(output(dit), output(tiny_pipe.dit))


def test_another_shape_and_an_empty_file_are_refused(tiny_wan, trained):
    from vtb.models.lora.file import Lora, LoraPair

    pair = LoraPair(torch.ones(4, 50), torch.ones(48, 4), 4.0)
    for pairs in ({"blocks.0.self_attn.q": pair}, {}):
        with pytest.raises(UnreadableError, match="0 of"):
            apply(load(tiny_wan).dit, Lora(pairs))


@pytest.mark.parametrize(
    "tensors",
    [
        {"blocks.0.ffn.0.lora_A.weight": (4, 8)},
        {"blocks.0.ffn.0.lora_A.weight": (4, 8), "blocks.0.ffn.0.lora_B.weight": (8, 3)},
        {"blocks.0.ffn.0.alpha": ()},
        {"blocks.0.ffn.0.weight": (4, 8)},
        {"blocks.0.ffn.0.lora_A.weight": (0, 8), "blocks.0.ffn.0.lora_B.weight": (8, 0)},
        {},
    ],
)
def test_half_pairs_and_foreign_tensors_are_refused(tmp_path, tensors):
    from safetensors.torch import save_file

    path = tmp_path / "bad.safetensors"
    save_file({name: torch.ones(shape) for name, shape in tensors.items()}, path)
    with pytest.raises(UnreadableError, match=r"bad\.safetensors"):
        read(path)


def test_absent_and_cut_files_are_unreadable(tmp_path, trained):
    path = save(trained[0], tmp_path / "l.safetensors")
    path.write_bytes(path.read_bytes()[:-100])
    for file in (path, tmp_path / "none.safetensors"):
        with pytest.raises(UnreadableError):
            read(file)


def test_training_resumes_from_a_file_of_the_same_rank_only(tiny_wan, trained):
    from vtb.models.lora.layers import assign_lora, extract_lora

    lora, expected = trained
    dit = load(tiny_wan).dit
    inject(dit, alpha=1.0)
    assign_lora(dit, lora)
    with torch.no_grad():
        assert torch.equal(output(dit), expected)
    again = extract_lora(dit)
    assert all(torch.equal(again.pairs[n].up, pair.up) for n, pair in lora.pairs.items())
    other = load(tiny_wan).dit
    inject(other, rank=2)
    with pytest.raises(UnreadableError, match="ranks differ"):
        assign_lora(other, lora)
