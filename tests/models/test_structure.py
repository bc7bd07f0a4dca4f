"""Headers of checkpoint files and the hash over them."""

import hashlib

import pytest

from vtb.core.errors import UnreadableError
from vtb.models.structure import parameter_count, read_shapes, structure_hash

torch = pytest.importorskip("torch")
WEIGHTS = {"b.weight": torch.ones(2, 3), "a": torch.ones(4), "scalar": torch.ones(())}


@pytest.fixture
def files(tmp_path):
    from safetensors.torch import save_file

    save_file({"b.weight": WEIGHTS["b.weight"]}, tmp_path / "1.safetensors", metadata={"x": "y"})
    torch.save({name: WEIGHTS[name] for name in ("a", "scalar")}, tmp_path / "2.pth")
    return [tmp_path / "1.safetensors", tmp_path / "2.pth"]


def test_shapes_of_shards_are_joined(files):
    shapes = read_shapes(files)
    assert shapes == {"b.weight": (2, 3), "a": (4,), "scalar": ()}
    assert parameter_count(shapes) == 11


def test_hash_is_over_sorted_names_with_and_without_shape():
    text = "a,a:4,b.weight,b.weight:2_3,scalar,scalar:"
    expected = hashlib.md5(text.encode()).hexdigest()
    assert structure_hash({name: tuple(w.shape) for name, w in WEIGHTS.items()}) == expected


def test_every_cut_of_a_file_is_unreadable(files):
    for file in files:
        whole = file.read_bytes()
        for sixteenth in range(16):
            file.write_bytes(whole[: len(whole) * sixteenth // 16])
            with pytest.raises(UnreadableError, match=str(file)):
                read_shapes([file])


def test_a_pickled_object_is_refused(tmp_path):
    path = tmp_path / "evil.pth"
    torch.save({"a": tmp_path}, path)
    with pytest.raises(UnreadableError):
        read_shapes([path])
