"""Recipes: parents, overrides, origins, errors, and the shipped files."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtb.core.errors import UsageError, VtbError
from vtb.recipe.find import shipped
from vtb.recipe.load import load, load_any
from vtb.recipe.schema import VideoRecipe
from vtb.recipe.source import dump, leaves, read

TINY = "video/wan2.2-ti2v-5b-tiny"


def write(path, text):
    path.write_text(text)
    return str(path)


@pytest.fixture
def family(tmp_path):
    """A base recipe and a child that extends it by a relative path."""
    write(
        tmp_path / "base.toml",
        'kind = "video"\n\n[lora]\nrank = 8\ntarget_modules = [\n  "q",\n  "k",\n]\n'
        "[train]\nlr = 1e-5\n",
    )
    child = 'extends = "base.toml"\n\n[lora]\nrank = 4\n\n[train]\nscheduler = "cosine"\n'
    return write(tmp_path / "child.toml", child)


def test_tables_merge_deeply_and_the_child_wins(family):
    recipe = load(VideoRecipe, family).recipe
    assert (recipe.lora.rank, recipe.lora.target_modules) == (4, ("q", "k"))
    assert (recipe.train.lr, recipe.train.scheduler) == (1e-5, "cosine")


def test_lists_replace(family):
    recipe = load(VideoRecipe, family, ['lora.target_modules=["v"]']).recipe
    assert recipe.lora.target_modules == ("v",)


def test_every_value_has_its_origin(family, tmp_path):
    resolved = load(VideoRecipe, family, ["train.batch=2"])
    origins = resolved.origins
    assert set(origins) == {key for key, _ in leaves(resolved.values)}
    assert origins["lora.rank"] == f"{tmp_path / 'child.toml'}:4"
    assert origins["lora.target_modules"] == f"{tmp_path / 'base.toml'}:5"
    assert origins["train.lr"] == f"{tmp_path / 'base.toml'}:10"
    assert origins["train.batch"] == "--set train.batch=2"
    assert origins["train.grad_clip"] == origins["lora.alpha"] == "default"


def test_alpha_follows_the_rank(family):
    assert load(VideoRecipe, family, ["lora.rank=16"]).recipe.lora.alpha == 16.0
    assert load(VideoRecipe, family, ["lora.alpha=2"]).recipe.lora.alpha == 2.0


@pytest.mark.parametrize(
    ("override", "place", "hint"),
    [
        ("lora.rnk=8", "--set lora.rnk=8", "did you mean `rank`?"),
        ("trian.lr=1", "--set trian.lr=1", "did you mean `train`?"),
        ("lora.rank=0", "--set lora.rank=0", "greater than or equal to 1"),
        ("train.lr=fast", "--set train.lr=fast", "valid number"),
        ("train.scheduler=cosin", "--set train.scheduler=cosin", "did you mean `cosine`?"),
        ("train.steps=1.5", "--set train.steps=1.5", "valid integer"),
        ("lora.rank.x=8", "--set lora.rank.x=8", "valid integer"),
        ("train.lr", "", "--set train.lr=1e-4"),
        ("=3", "", "--set train.lr=1e-4"),
    ],
)
def test_a_wrong_override_names_its_place_and_the_remedy(override, place, hint):
    with pytest.raises(UsageError) as caught:
        load(VideoRecipe, TINY, [override])
    assert caught.value.fact == place
    assert hint in caught.value.hint


def test_a_wrong_key_in_a_file_names_file_and_line(tmp_path):
    path = write(tmp_path / "r.toml", 'kind = "video"\n[lora]\n# why\nrnk = 8\n')
    with pytest.raises(UsageError) as caught:
        load_any(path)
    assert caught.value.fact == f"{path}:4"
    assert caught.value.hint == "did you mean `rank`?"


def test_cycles_and_missing_parents_are_usage_errors(tmp_path):
    write(tmp_path / "a.toml", 'extends = "b.toml"\n')
    write(tmp_path / "b.toml", 'extends = "a.toml"\n')
    with pytest.raises(UsageError, match="extends itself"):
        load_any(str(tmp_path / "a.toml"))
    write(tmp_path / "c.toml", 'extends = "nowhere.toml"\n')
    with pytest.raises(UsageError, match="does not exist"):
        load_any(str(tmp_path / "c.toml"))
    with pytest.raises(UsageError) as caught:
        load_any("video/wan2.2-ti2v-5b-lra")
    assert caught.value.hint == "did you mean `video/wan2.2-ti2v-5b-lora`?"


def test_a_recipe_of_another_kind_is_told_by_name():
    with pytest.raises(UsageError, match="is a recipe of kind `image`") as caught:
        load(VideoRecipe, "image/qwen-image-tiny")
    assert "vtb train image -r image/qwen-image-tiny" in caught.value.hint


def test_a_recipe_without_a_known_kind_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no known kind"):
        load_any(write(tmp_path / "r.toml", 'kind = "vidoe"\n'))


def test_values_keep_their_types():
    recipe = load(VideoRecipe, TINY, ["train.lr=1e-5", "train.seed=7", "data.fit=exact"]).recipe
    assert (recipe.train.lr, recipe.train.seed, recipe.data.fit) == (1e-5, 7, "exact")


@pytest.mark.parametrize("name", shipped())
def test_shipped_recipes_resolve_and_survive_a_round_trip(name, tmp_path):
    resolved = load_any(name)
    assert resolved.recipe.summary
    again = load_any(write(tmp_path / "resolved.toml", resolved.toml(with_origins=True)))
    assert again.recipe == resolved.recipe


def test_lines_are_found_through_strings_and_arrays_over_several_lines(tmp_path):
    text = 'a = """\n[x]\nb = 1\n"""\nc = [\n  1,\n]\n[t]\nd.e = 1\n[[u]]\nf = 1\n'
    path = tmp_path / "r.toml"
    path.write_text(text)
    origins = read(path).origins
    lines = {key: int(origin.rpartition(":")[2]) for key, origin in origins.items()}
    assert lines["a"] == 1
    assert lines["c"] == 5
    assert lines["t.d.e"] == 9


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.dictionaries(st.sampled_from("abc"), text | st.booleans() | st.integers(-9, 9)))
def test_dump_is_toml(table):
    assert tomllib.loads(dump({**table, "t": {"list": list(table.values())}})) == {
        **table,
        "t": {"list": list(table.values())},
    }


@given(st.text(max_size=200))
def test_any_text_is_a_recipe_or_a_vtb_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "r.toml"
    path.write_text(content, encoding="utf-8", errors="replace", newline="")
    with pytest.raises(VtbError):
        load_any(str(path))
