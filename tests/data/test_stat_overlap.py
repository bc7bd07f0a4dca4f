from vtb.data.build import build
from vtb.data.overlap import overlap
from vtb.data.stat import stat
from vtb.data.store import open_dataset


def test_stat(small):
    found = stat(small)
    assert found["count"] == found["unique"] == 12
    assert sum(found["splits"].values()) == 12
    assert found["media"] == {"width": 128, "height": 128, "frames": 17, "fps": 16.0}
    assert found["difficulty"]["path_rooms"]["min"] >= 3


def test_overlap_of_two_seeds(tmp_path, request_of):
    for seed in (0, 1):
        build(request_of(seed=seed), tmp_path / str(seed), 400)
    a, b = (open_dataset(tmp_path / str(seed)) for seed in (0, 1))
    same = overlap(a, a)
    assert same["exact"] == same["symmetric"] == same["solution"] == 400
    two = overlap(a, b)
    assert 0 < two["exact"] < two["symmetric"] <= 400
    assert overlap(a, b, "train", "test")["symmetric"] == 0
    assert overlap(a, a, "validation", "train")["symmetric"] == 0
