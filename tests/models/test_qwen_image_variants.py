"""Facts about Qwen-Image against the numbers of its published description."""

import pytest

from vtb.models.lora.targets import linear_shapes, lora_parameter_count, select_targets
from vtb.models.qwen_image.variants import EDIT_2511, LORA_TARGETS, VARIANTS

pytest.importorskip("diffusers")


@pytest.fixture(scope="module")
def shapes():
    """Names and shapes of the real models' tensors by part."""
    from vtb.models.qwen_image.architecture import shapes_of

    return {part.name: shapes_of(part) for part in EDIT_2511.parts if part.architecture}


def test_variants_differ_in_their_references():
    assert {v.family: (v.references, v.zero_cond_t) for v in VARIANTS.values()} == {
        "qwen-image": ("none", False),
        "qwen-image-edit": ("one", False),
        "qwen-image-edit-2509": ("list", False),
        "qwen-image-edit-2511": ("list", True),
    }


def test_real_architectures_have_the_published_structure(shapes):
    from vtb.models.structure import parameter_count, structure_hash

    for part in (part for part in EDIT_2511.parts if part.architecture):
        assert structure_hash(shapes[part.name]) == part.structure_hash, part.name
    assert parameter_count(shapes["dit"]) == 20_430_401_088


def test_a_lora_adapts_720_layers_of_the_real_transformer(shapes):
    linears = linear_shapes(shapes["dit"])
    names = select_targets(linears, LORA_TARGETS)
    assert len(names) == 720
    assert lora_parameter_count({name: linears[name] for name in names}, 32) == 235_929_600
    assert not any("net.0" in name for name in names)


def test_diffsynth_knows_every_part_once(tiny_qwen_image):
    from vtb.models.upstream import import_diffsynth

    import_diffsynth()
    from diffsynth.configs import MODEL_CONFIGS

    for part in (part for part in EDIT_2511.parts if part.architecture):
        (entry,) = [e for e in MODEL_CONFIGS if e["model_hash"] == part.structure_hash]
        assert "extra_kwargs" not in entry
