"""Facts about Wan2.2 against the numbers of its published description."""

import pytest

from vtb.core.errors import UsageError
from vtb.models.wan.lora_targets import linear_shapes, lora_parameter_count, select_targets
from vtb.models.wan.variants import TI2V_5B


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


def test_real_architectures_have_the_published_structure(tiny_wan):
    from vtb.models.structure import parameter_count, structure_hash
    from vtb.models.wan.architecture import shapes_of

    shapes = {part.name: shapes_of(part) for part in TI2V_5B.parts if part.structure_hash}
    for part in TI2V_5B.parts:
        if part.structure_hash:
            assert structure_hash(shapes[part.name]) == part.structure_hash
    assert parameter_count(shapes["dit"]) == 4_999_787_712

    linears = linear_shapes(shapes["dit"])
    names = select_targets(linears, TI2V_5B.lora_targets)
    assert len(names) == 300
    assert lora_parameter_count({name: linears[name] for name in names}, 32) == 80_609_280


@pytest.mark.parametrize("targets", [("q", "to_q"), ()])
def test_a_target_without_layer_is_an_error(targets):
    with pytest.raises(UsageError) as error:
        select_targets({"blocks.0.self_attn.q": (4, 4), "blocks.0.ffn.0": (8, 4)}, targets)
    assert "self_attn.q" in error.value.hint


def test_targets_match_whole_name_parts_only():
    names = ["blocks.0.self_attn.q", "blocks.0.norm_q", "blocks.0.ffn.10", "q", "ffn.0"]
    assert select_targets(names, ("q", "ffn.0")) == ["blocks.0.self_attn.q", "q", "ffn.0"]
