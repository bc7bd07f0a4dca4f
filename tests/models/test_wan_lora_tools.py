"""Merging, resizing, adding and extracting LoRAs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from vtb.core.errors import ConflictError, UnreadableError, UsageError

torch = pytest.importorskip("torch")
pytest.importorskip("diffsynth")

RECORD = "vtb_merge.json"


def load(directory):
    from vtb.models.wan.load import load_pipeline

    return load_pipeline(directory, parts=("dit",)).dit


def write(path, lora, dtype=torch.float32):
    from vtb.models.lora.file import write_lora

    write_lora(path, lora, dtype=dtype)
    return path


def merge(files, model, out, weights=None, **options):
    from vtb.models.lora.merge import merge as merge_loras
    from vtb.models.wan.checkpoint import open_checkpoint

    weights = weights or [1.0] * len(files)
    return merge_loras(files, weights, open_checkpoint(model), out, **options)


def difference(a, b):
    return (a - b).abs().max().item()


def product(pair):
    return pair.alpha / pair.rank * pair.up.double() @ pair.down.double()


def contents(directory: Path) -> dict[str, bytes]:
    paths = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


def scaled(lora, factor):
    pairs = {n: replace(pair, alpha=pair.alpha * factor) for n, pair in lora.pairs.items()}
    return replace(lora, pairs=pairs)


def test_merged_model_gives_the_output_of_the_applied_lora(
    tiny_wan, tmp_path, dit_output, random_lora
):
    from vtb.models.lora.layers import apply_lora

    lora = random_lora()
    made = merge([write(tmp_path / "l.safetensors", lora)], tiny_wan, tmp_path / "m")
    assert made.is_new and made.layers == (20,) and made.warnings == ()
    dit = load(tiny_wan)
    plain = dit_output(dit)
    apply_lora(dit, lora)
    merged = dit_output(load(tmp_path / "m"))
    assert difference(merged, dit_output(dit)) < 1e-5 < difference(merged, plain)


def test_several_loras_are_merged_each_with_its_weight(tiny_wan, tmp_path, dit_output, random_lora):
    from vtb.models.lora.layers import apply_lora
    from vtb.models.lora.resize import concatenate

    loras = [random_lora(1), random_lora(2, rank=3, targets=("q", "head.head"))]
    files = [write(tmp_path / f"{i}.safetensors", lora) for i, lora in enumerate(loras)]
    made = merge(files, tiny_wan, tmp_path / "m", [0.5, -1.5])
    assert made.layers == (20, 5)
    dit = load(tiny_wan)
    apply_lora(dit, concatenate(loras, [0.5, -1.5]))
    merged = dit_output(load(tmp_path / "m"))
    assert difference(merged, dit_output(dit)) < 1e-5
    both = [write(tmp_path / "s.safetensors", scaled(loras[0], 0.5)), files[1]]
    merge(both, tiny_wan, tmp_path / "n", [1.0, -1.5])
    assert difference(merged, dit_output(load(tmp_path / "n"))) < 1e-5


def test_the_layout_stays_and_unchanged_files_are_links(tiny_wan, tmp_path, random_lora):
    from vtb.models.check import check
    from vtb.models.structure import read_shapes

    lora = random_lora(targets=("blocks.0.self_attn.q",))
    before = contents(tiny_wan)
    merge([write(tmp_path / "l.safetensors", lora)], tiny_wan, tmp_path / "m")
    after = contents(tmp_path / "m")
    assert contents(tiny_wan) == before
    assert {*after} == {*before, RECORD}
    shards = [name for name in before if "model-0" in name]
    changed = {name for name in before if after[name] != before[name]}
    assert len(changed.intersection(shards)) == 1
    assert changed == {*changed.intersection(shards), "vtb_tiny.json"}
    for name in shards:  # names, dtypes and order too: the headers are equal
        assert read_shapes([tmp_path / "m" / name]) == read_shapes([tiny_wan / name])
        size = 8 + int.from_bytes(before[name][:8], "little")
        assert after[name][:size] == before[name][:size]
    linked = {name for name in before if (tmp_path / "m" / name).samefile(tiny_wan / name)}
    assert linked == {*before} - changed
    assert check(tmp_path / "m").ok


def test_bfloat16_weights_stay_bfloat16(tiny_wan, tmp_path, random_lora):
    import shutil

    from safetensors.torch import load_file, save_file

    model = shutil.copytree(tiny_wan, tmp_path / "base")
    for shard in model.glob("*.safetensors"):
        save_file({n: t.to(torch.bfloat16) for n, t in load_file(shard).items()}, shard)
    lora = random_lora()
    merge([write(tmp_path / "l.safetensors", lora)], model, tmp_path / "m")
    for shard in model.glob("*.safetensors"):
        before, after = load_file(shard), load_file(tmp_path / "m" / shard.name)
        for name, weight in before.items():
            pair = lora.pairs.get(name.removesuffix(".weight"))
            if pair is not None and name.endswith("weight"):
                weight = (weight.float() + product(pair).float()).to(torch.bfloat16)
            assert after[name].dtype == torch.bfloat16
            torch.testing.assert_close(after[name], weight, rtol=1e-2, atol=1e-6)
    eight_bits = {n: t.to(torch.float8_e4m3fn) for n, t in load_file(shard).items()}
    save_file(eight_bits, shard)
    with pytest.raises(UnreadableError, match="quantised"):
        merge([tmp_path / "l.safetensors"], model, tmp_path / "q")
    assert not (tmp_path / "q").exists() and not list(tmp_path.glob(".q*"))


def test_merging_again_does_nothing_and_other_results_are_kept(tiny_wan, tmp_path, random_lora):
    file, out = write(tmp_path / "l.safetensors", random_lora()), tmp_path / "m"
    merge([file], tiny_wan, out)
    before = contents(out)
    assert not merge([file], tiny_wan, out).is_new
    with pytest.raises(ConflictError, match="weight is 1"):
        merge([file], tiny_wan, out, [0.5])
    assert contents(out) == before
    assert merge([file], tiny_wan, out, [0.5], force=True).is_new
    assert json.loads((out / RECORD).read_text())["loras"][0]["weight"] == 0.5
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    with pytest.raises(ConflictError, match="not empty"):
        merge([file], tiny_wan, tmp_path / "full", force=True)
    with pytest.raises(UsageError, match="own directory"):
        merge([file], tiny_wan, tiny_wan / "merged")


def test_a_merged_model_is_none_that_init_would_make(tiny_wan, tmp_path, random_lora):
    from vtb.models.create import create

    merge([write(tmp_path / "l.safetensors", random_lora())], tiny_wan, tmp_path / "m")
    with pytest.raises(ConflictError):
        create("wan2.2-ti2v-5b", "tiny", 0, tmp_path / "m")


def test_a_lora_of_another_model_is_not_merged(tiny_wan, tmp_path, random_lora):
    for lora in (random_lora(base_family="wan2.2-t2v-a14b"), random_lora(expert="high")):
        file = write(tmp_path / "l.safetensors", lora)
        with pytest.raises(UnreadableError, match="another model"):
            merge([file], tiny_wan, tmp_path / "m")
    with pytest.raises(UsageError, match="no low-noise expert"):
        file = write(tmp_path / "l.safetensors", random_lora())
        merge([file], tiny_wan, tmp_path / "m", expert="low")
    assert not (tmp_path / "m").exists()


def test_the_expert_decides_which_transformer_changes(tiny_a14b, tmp_path, random_lora):
    model = tiny_a14b["wan2.2-t2v-a14b"]
    made_for = {"base_family": "wan2.2-t2v-a14b", "expert": "low"}
    named = replace(random_lora(targets=("self_attn.q",)), metadata=made_for)
    silent = replace(named, metadata={})
    files = [write(tmp_path / f"{i}.safetensors", one) for i, one in enumerate((named, silent))]
    merge(files[:1], model, tmp_path / "low")
    merge(files[1:], model, tmp_path / "high", expert="high")
    merge(files, model, tmp_path / "both", expert="high")
    base = contents(model)
    changed = {
        case: {
            name.partition("/")[0]
            for name, content in contents(tmp_path / case).items()
            if name.endswith(".safetensors") and content != base[name]
        }
        for case in ("low", "high", "both")
    }
    assert changed["low"] == {"low_noise_model"} and changed["high"] == {"high_noise_model"}
    assert changed["both"] == {"low_noise_model", "high_noise_model"}
    with pytest.raises(UsageError, match="two transformers"):
        merge(files[1:], model, tmp_path / "none")
    with pytest.raises(UnreadableError, match="belongs to another model"):
        file = write(
            tmp_path / "i2v.safetensors",
            replace(named, metadata={**made_for, "base_family": "wan2.2-i2v-a14b"}),
        )
        merge([file], model, tmp_path / "none")


def test_sum_is_exact_and_keeps_what_is_common(random_lora):
    from vtb.models.lora.resize import concatenate

    a = random_lora(1, step="7", fps="16", expert="low")
    b = replace(random_lora(2, rank=3, targets=("q", "k")), metadata={"step": "8", "fps": "16"})
    whole = concatenate([a, b], [0.5, -2.0])
    common = {"base_family": "wan2.2-ti2v-5b", "expert": "low", "fps": "16"}
    assert whole.metadata == common
    assert whole.ranks == (4, 7) and {*whole.pairs} == {*a.pairs}
    for name, pair in whole.pairs.items():
        expected = 0.5 * product(a.pairs[name])
        if name in b.pairs:
            expected -= 2.0 * product(b.pairs[name])
        torch.testing.assert_close(product(pair), expected, rtol=0, atol=1e-6)
    with pytest.raises(UnreadableError, match="expert: high, low"):
        concatenate([a, random_lora(expert="high")], [1, 1])


def test_resize_keeps_the_largest_singular_values(random_lora):
    from vtb.models.lora.resize import resize

    lora = random_lora(rank=6, step="7")
    small = resize(lora, 2)
    kept = total = 0.0
    for name, pair in lora.pairs.items():
        squares = torch.linalg.svdvals(product(pair))[:6].square()
        after = small.lora.pairs[name]
        assert after.rank == 2 and after.alpha == 2
        share = (squares[:2].sum() / squares.sum()).item()
        assert small.energies[name] == pytest.approx(share, rel=1e-6)
        lost = (product(pair) - product(after)).square().sum().item()
        assert lost == pytest.approx(squares[2:].sum().item(), rel=1e-5)
        kept, total = kept + squares[:2].sum().item(), total + squares.sum().item()
    assert small.energy == pytest.approx(kept / total, rel=1e-6) and 0.3 < small.energy < 0.9
    assert small.lora.metadata == lora.metadata


@pytest.mark.parametrize("rank", [4, 9])
def test_resize_to_the_full_rank_is_exact(random_lora, rank):
    from vtb.models.lora.resize import resize

    lora = random_lora()
    same = resize(lora, rank)
    assert same.energy == pytest.approx(1, abs=1e-12) and same.lora.ranks == (4,)
    for name, pair in lora.pairs.items():
        torch.testing.assert_close(product(same.lora.pairs[name]), product(pair), rtol=0, atol=1e-6)


def test_ranks_above_a_layers_own_sides_are_cut(random_lora):
    from vtb.models.lora.resize import resize

    lora = random_lora(rank=60, targets=("self_attn.q", "text_embedding.0"))
    found = resize(lora, 50).lora
    assert found.pairs["blocks.0.self_attn.q"].rank == 48
    assert found.pairs["text_embedding.0"].rank == 32
    for name, pair in lora.pairs.items():
        torch.testing.assert_close(product(found.pairs[name]), product(pair), rtol=0, atol=1e-5)


def test_extract_recovers_a_merged_lora(tiny_wan, tmp_path, random_lora):
    from vtb.models.identity import weights_fingerprint
    from vtb.models.lora.extract import extract
    from vtb.models.wan.checkpoint import open_checkpoint

    lora = random_lora(targets=("q", "ffn.2", "head.head"))
    merge([write(tmp_path / "l.safetensors", lora)], tiny_wan, tmp_path / "m")
    base, tuned = open_checkpoint(tiny_wan), open_checkpoint(tmp_path / "m")
    found = extract(base, tuned, 4)
    assert found.left_out == () and {*found.reduced.lora.pairs} == {*lora.pairs}
    assert found.reduced.energy == pytest.approx(1, abs=1e-6)
    for name, pair in lora.pairs.items():
        again = found.reduced.lora.pairs[name]
        assert again.rank == 4
        torch.testing.assert_close(product(again), product(pair), rtol=0, atol=1e-5)
    assert found.reduced.lora.metadata == {
        "base_family": "wan2.2-ti2v-5b",
        "base_fingerprint": weights_fingerprint(base.files),
    }
    assert 0.2 < extract(base, tuned, 1).reduced.energy < 0.9
    with pytest.raises(UnreadableError, match="are equal"):
        extract(base, base, 4)


def test_extract_names_what_no_lora_can_hold(tiny_wan, tmp_path, random_lora):
    from safetensors.torch import load_file, save_file

    from vtb.models.lora.extract import extract
    from vtb.models.wan.checkpoint import open_checkpoint

    merge([write(tmp_path / "l.safetensors", random_lora())], tiny_wan, tmp_path / "m")
    for shard in (tmp_path / "m").glob("*.safetensors"):
        state = load_file(shard)
        changed = {
            n: t + 1 for n, t in state.items() if n in ("blocks.0.modulation", "head.head.bias")
        }
        save_file({**state, **changed}, tmp_path / "new.safetensors")
        (tmp_path / "new.safetensors").replace(shard)
    found = extract(open_checkpoint(tiny_wan), open_checkpoint(tmp_path / "m"), 4)
    assert sorted(found.left_out) == ["blocks.0.modulation", "head.head.bias"]
    assert len(found.reduced.lora.pairs) == 20


def test_large_layers_are_approximated_by_a_fixed_random_range(monkeypatch):
    from vtb.models.lora import svd as lora_svd

    draw = torch.Generator().manual_seed(0)
    update = torch.randn(90, 5, generator=draw) @ torch.randn(5, 120, generator=draw)
    update += 0.01 * torch.randn(90, 120, generator=draw)
    exact = lora_svd.low_rank(update, 4)
    monkeypatch.setattr(lora_svd, "EXACT_SIDE", 0)
    before = torch.random.get_rng_state()
    near = lora_svd.low_rank(update, 4)
    assert torch.equal(before, torch.random.get_rng_state())
    torch.rand(1)
    again = lora_svd.low_rank(update, 4)
    assert torch.equal(near.pair.up, again.pair.up)
    assert near.kept == pytest.approx(exact.kept, rel=1e-4) and near.total == exact.total
    torch.testing.assert_close(product(near.pair), product(exact.pair), rtol=0, atol=1e-3)
