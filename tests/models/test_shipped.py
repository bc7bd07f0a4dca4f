"""The trained checkpoints that come with vtb, and `vtb models init` that hands them out."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import vtb
from vtb.cli.app import app
from vtb.core.errors import ConflictError
from vtb.models import families
from vtb.models.shipped import trained_checkpoint

torch = pytest.importorskip("torch")
pytest.importorskip("diffsynth")

FAMILY, MARKER, SHARDS = "wan2.2-ti2v-5b", "vtb_tiny.json", "diffusion_pytorch_model*.safetensors"
ASSETS = Path(__file__).parents[2] / "assets"
SHIPPED = sorted(ASSETS.glob("*/*"))
MAX_FILE_BYTES, MAX_TOTAL_BYTES = 15_000_000, 30_000_000


def create(out, seed=None, preset="tiny"):
    from vtb.models.create import create

    return create(FAMILY, preset, seed, out)


def contents(directory):
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def change_marker(directory, **values):
    marker = json.loads((directory / MARKER).read_text()) | values
    (directory / MARKER).write_text(json.dumps(marker))
    return marker


@pytest.fixture
def shipped_tiny(tiny_wan, tmp_path, monkeypatch):
    """A tiny checkpoint that counts as the shipped one: quicker to write than the mini."""
    source = shutil.copytree(tiny_wan, tmp_path / "shipped")
    marker = change_marker(source, trained=True)
    del marker["seed"]
    (source / MARKER).write_text(json.dumps(marker))
    (source / "README.md").write_text("card\n")
    monkeypatch.setattr("vtb.models.create.trained_checkpoint", lambda *_: source)
    return source


def test_the_mini_is_the_shipped_one_byte_for_byte(tmp_path):
    made = create(tmp_path / "mini", preset="mini")
    copied = contents(tmp_path / "mini")
    assert copied == contents(ASSETS / "mini" / FAMILY)
    assert (made.trained, made.is_new, made.parameters) == (True, True, 10_066_780)
    assert made.files == tuple(sorted(copied)) and "README.md" in made.files
    assert made.size_bytes == sum((tmp_path / "mini" / name).stat().st_size for name in copied)


def test_a_seed_gives_random_weights(shipped_tiny, tiny_wan, tmp_path):
    made = create(tmp_path / "m", seed=0)
    assert not made.trained and contents(tmp_path / "m") == contents(tiny_wan)


def test_a_preset_without_shipped_weights_has_those_of_seed_0(tiny_wan, tmp_path):
    made = create(tmp_path / "m")
    assert (made.trained, made.is_new) == (False, True)
    assert contents(tmp_path / "m") == contents(tiny_wan)
    assert not create(tmp_path / "m", seed=0).is_new


def test_repeating_leaves_it(shipped_tiny, tmp_path):
    first = create(tmp_path / "m")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "m").rglob("*")}
    second = create(tmp_path / "m")
    assert (first.is_new, second.is_new) == (True, False)
    assert (second.trained, second.files) == (True, first.files)
    assert times == {path: path.stat().st_mtime_ns for path in (tmp_path / "m").rglob("*")}


def test_trained_and_random_are_not_taken_for_each_other(shipped_tiny, tmp_path):
    create(tmp_path / "trained")
    create(tmp_path / "random", seed=0)
    with pytest.raises(ConflictError) as error:
        create(tmp_path / "trained", seed=0)
    assert error.value.fact == "it has trained = True"
    with pytest.raises(ConflictError) as error:
        create(tmp_path / "random")
    assert error.value.fact == "it has seed = 0"


def test_what_was_trained_further_is_not_the_shipped_one(shipped_tiny, tmp_path):
    create(tmp_path / "m")
    marker = json.loads((tmp_path / "m" / MARKER).read_text())
    derived = families.derived_marker(marker, run="mine")
    assert "trained" not in derived
    (tmp_path / "m" / MARKER).write_text(json.dumps(derived))
    with pytest.raises(ConflictError, match="seed = None, run = mine"):
        create(tmp_path / "m")


def test_an_interrupted_copy_leaves_nothing(shipped_tiny, tmp_path, monkeypatch):
    copied = []

    def interrupt(source, target):
        if len(copied) == 4:
            raise KeyboardInterrupt
        copied.append(target)
        target.write_bytes(source.read_bytes())

    monkeypatch.setattr("vtb.models.create.shutil.copyfile", interrupt)
    with pytest.raises(KeyboardInterrupt):
        create(tmp_path / "m")
    assert len(copied) == 4 and [path.name for path in tmp_path.iterdir()] == ["shipped"]


def test_the_copy_of_a_read_only_installation_can_be_changed(shipped_tiny, tmp_path):
    installed = [*shipped_tiny.rglob("*"), shipped_tiny]
    for path in installed:
        path.chmod(0o555 if path.is_dir() else 0o444)
    create(tmp_path / "m")
    for path in installed:
        path.chmod(0o755)
    assert all(
        path.stat().st_mode & 0o200 for path in [tmp_path / "m", *(tmp_path / "m").rglob("*")]
    )


@pytest.mark.parametrize(("preset", "next_recipe"), [("mini", "lora"), ("tiny", "tiny")])
def test_command_line(tmp_path, preset, next_recipe):
    def run(*args):
        return CliRunner().invoke(app, ["models", *args])

    directory, trained = str(tmp_path / "m"), preset == "mini"
    init = ("init", FAMILY, "--preset", preset, "-o", directory)
    assert f"{'trained' if trained else 'random'} parameters" in run(*init).stdout
    assert json.loads(run(*init, "--json").stdout)["trained"] is trained
    conflict = run(*init, "--seed", "1", "--json")
    assert conflict.exit_code == 1
    assert f"--recipe video/{FAMILY}-{next_recipe} " in run("check", directory).stderr


@pytest.mark.parametrize("directory", SHIPPED, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_ships_is_whole_and_says_what_it_is(directory):
    from vtb.models.check import check

    family, preset = directory.name, directory.parent.name
    assert preset in families.load(family).presets
    assert trained_checkpoint(family, preset) == directory
    marker = json.loads((directory / MARKER).read_text())
    origin = {key: marker[key] for key in marker if key not in ("parameters", "parts")}
    assert origin == {"family": family, "preset": preset, "trained": True}
    report = check(directory)
    assert report.ok and report.parameters == marker["parameters"]
    assert (directory / "README.md").read_text().startswith("---\n")


def test_the_index_of_the_mini_is_true():
    from safetensors import safe_open

    directory = ASSETS / "mini" / FAMILY
    index = json.loads((directory / "diffusion_pytorch_model.safetensors.index.json").read_text())
    found, size = {}, 0
    for path in directory.glob(SHARDS):
        with safe_open(path, "pt") as shard:
            found |= dict.fromkeys(shard.keys(), path.name)
            size += sum(shard.get_tensor(name).nbytes for name in shard.keys())  # noqa: SIM118
    assert index == {"metadata": {"total_size": size}, "weight_map": found}


def test_the_mini_loads_as_it_is_stored():
    from safetensors.torch import load_file

    from vtb.models.wan.load import load_pipeline

    directory = ASSETS / "mini" / FAMILY
    pipe = load_pipeline(directory)
    stored = {k: v for path in directory.glob(SHARDS) for k, v in load_file(path).items()}
    assert {weight.dtype for weight in stored.values()} == {torch.bfloat16}
    loaded = pipe.dit.state_dict()
    assert loaded.keys() == stored.keys()
    assert all(torch.equal(loaded[name], stored[name].float()) for name in stored)
    vae = torch.load(directory / "Wan2.2_VAE.pth", weights_only=True)
    assert torch.equal(pipe.vae.model.encoder.conv1.weight, vae["encoder.conv1.weight"].float())


def test_what_ships_is_small():
    sizes = {path: path.stat().st_size for path in ASSETS.rglob("*") if path.is_file()}
    assert max(sizes.values()) <= MAX_FILE_BYTES
    assert sum(sizes.values()) <= MAX_TOTAL_BYTES


def test_a_wheel_has_them_in_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(vtb, "__file__", str(tmp_path / "vtb" / "__init__.py"))
    assert trained_checkpoint(FAMILY, "mini") is None
    packaged = tmp_path / "vtb" / "_assets" / "mini" / FAMILY
    packaged.mkdir(parents=True)
    assert trained_checkpoint(FAMILY, "mini") == packaged
    assert trained_checkpoint(FAMILY, "tiny") is None
