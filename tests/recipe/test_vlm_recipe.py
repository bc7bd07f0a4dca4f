"""What a recipe for vision-language models may say."""

import pytest

from vtb.core.errors import UsageError
from vtb.recipe.load import load
from vtb.recipe.vlm import VlmRecipe

GRPO = "vlm/qwen3-vl-tiny-grpo"


def test_without_a_band_there_is_no_curriculum():
    resolved = load(VlmRecipe, GRPO)
    assert resolved.recipe.curriculum.band is None
    assert "band" not in resolved.toml()


def test_a_band_survives_a_round_trip(tmp_path):
    resolved = load(VlmRecipe, GRPO, ["curriculum.band=[0.2, 0.8]"])
    assert resolved.recipe.curriculum.band == (0.2, 0.8)
    (tmp_path / "again.toml").write_text(resolved.toml())
    assert load(VlmRecipe, str(tmp_path / "again.toml")).recipe == resolved.recipe


@pytest.mark.parametrize(
    ("band", "said"),
    [
        ("[0, 0.8]", "greater than 0"),
        ("[0.2, 1]", "less than 1"),
        ("[0.8, 0.2]", "the smaller share comes first"),
        ("[0.2]", "`curriculum.band.1` is missing"),
        ("0.2", "valid tuple"),
    ],
)
def test_what_is_no_band(band, said):
    with pytest.raises(UsageError) as caught:
        load(VlmRecipe, GRPO, [f"curriculum.band={band}"])
    assert said in f"{caught.value.message} {caught.value.hint}"
