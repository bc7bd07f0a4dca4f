"""Facts about Wan2.2 against the numbers of its published description."""

import pytest

from vtb.core.errors import UsageError
from vtb.models.lora.targets import linear_shapes, lora_parameter_count, select_targets
from vtb.models.wan.variants import I2V_A14B, T2V_A14B, TI2V_5B, VARIANTS


@pytest.mark.parametrize(
    ("height", "width", "num_frames", "tokens"),
    [(480, 480, 49, 2925), (480, 832, 81, 8190), (896, 480, 81, 8820), (704, 1280, 121, 27280)],
)
def test_tokens(height, width, num_frames, tokens):
    TI2V_5B.check_geometry(num_frames, height, width)
    assert TI2V_5B.tokens(num_frames, height, width) == tokens


@pytest.mark.parametrize(
    ("geometry", "hint"),
    [
        ((80, 480, 480), "77 or 81"),
        ((0, 480, 480), "1 or 5"),
        ((81, 500, 832), "512x832"),
        ((81, 480, 830), "480x832"),
        ((81, 16, 10), "32x32"),
    ],
)
def test_illegal_geometry_names_the_nearest_legal_one(geometry, hint):
    with pytest.raises(UsageError) as error:
        TI2V_5B.check_geometry(*geometry)
    assert hint in error.value.hint


@pytest.mark.parametrize(
    ("height", "width", "tokens"), [(480, 832, 32760), (720, 1280, 75600), (496, 848, 34503)]
)
@pytest.mark.parametrize("variant", [T2V_A14B, I2V_A14B])
def test_an_a14b_token_is_16_px_wide(variant, height, width, tokens):
    variant.check_geometry(81, height, width)
    assert variant.tokens(81, height, width) == tokens
    with pytest.raises(UsageError, match="multiples of 16"):
        variant.check_geometry(81, height + 8, width)


def test_published_inference_settings():
    facts = {
        name: (v.steps, v.shift, v.guidance_scales, v.boundary, v.fps, v.num_frames, v.takes_image)
        for name, v in VARIANTS.items()
    }
    assert facts == {
        "wan2.2-ti2v-5b": (50, 5, (5.0,), None, 24, 121, True),
        "wan2.2-t2v-a14b": (40, 12, (4.0, 3.0), 0.875, 16, 81, False),
        "wan2.2-i2v-a14b": (40, 5, (3.5, 3.5), 0.9, 16, 81, True),
    }
    channels = [(v.in_channels, v.out_channels, v.latent_channels) for v in VARIANTS.values()]
    assert channels == [(48, 48, 48), (16, 16, 16), (36, 16, 16)]


@pytest.mark.parametrize(
    ("variant", "parameters", "targets", "lora_parameters"),
    [
        (TI2V_5B, 4_999_787_712, 300, 80_609_280),
        (T2V_A14B, 14_288_491_584, 400, 153_354_240),
        (I2V_A14B, 14_288_901_184, 400, 153_354_240),
    ],
)
def test_real_architectures_have_the_published_structure(
    tiny_wan, variant, parameters, targets, lora_parameters
):
    from vtb.models.structure import parameter_count, structure_hash
    from vtb.models.wan.architecture import shapes_of

    shapes = {part.name: shapes_of(part) for part in variant.parts if part.architecture}
    for part in variant.parts:
        if part.architecture:
            assert structure_hash(shapes[part.name]) == part.structure_hash
    assert all(parameter_count(shapes[part.name]) == parameters for part in variant.transformers)

    linears = linear_shapes(shapes["dit"])
    names = select_targets(linears, variant.lora_targets)
    assert len(names) == targets
    assert lora_parameter_count({name: linears[name] for name in names}, 32) == lora_parameters


@pytest.mark.parametrize("variant", VARIANTS.values())
def test_diffsynth_knows_every_part_once_and_with_the_same_arguments(tiny_wan, variant):
    from vtb.models.upstream import import_diffsynth

    import_diffsynth()
    from diffsynth.configs import MODEL_CONFIGS

    for part in (part for part in variant.parts if part.architecture):
        (entry,) = [e for e in MODEL_CONFIGS if e["model_hash"] == part.structure_hash]
        theirs = {**entry.get("extra_kwargs", {})}
        if "patch_size" in theirs:
            theirs["patch_size"] = tuple(theirs["patch_size"])
        assert theirs.items() <= part.arguments.items() or part.architecture != "dit"


@pytest.mark.parametrize("targets", [("q", "to_q"), ()])
def test_a_target_without_layer_is_an_error(targets):
    with pytest.raises(UsageError) as error:
        select_targets({"blocks.0.self_attn.q": (4, 4), "blocks.0.ffn.0": (8, 4)}, targets)
    assert "self_attn.q" in error.value.hint


def test_targets_match_whole_name_parts_only():
    names = ["blocks.0.self_attn.q", "blocks.0.norm_q", "blocks.0.ffn.10", "q", "ffn.0"]
    assert select_targets(names, ("q", "ffn.0")) == ["blocks.0.self_attn.q", "q", "ffn.0"]
