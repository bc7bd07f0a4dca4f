import pytest

from vtb.core.errors import ConflictError
from vtb.core.files import read_json
from vtb.run.settings import record_settings


def test_same_settings_are_accepted_again(tmp_path):
    path = tmp_path / "out" / "run.json"
    record_settings(path, {"steps": 2, "size": [64, 64]})
    before = path.stat().st_mtime_ns
    record_settings(path, {"steps": 2, "size": [64, 64]})
    assert path.stat().st_mtime_ns == before


def test_conflict_names_every_differing_key_and_keeps_the_record(tmp_path):
    path = tmp_path / "run.json"
    record_settings(path, {"steps": 2, "seed": 1, "fit": "pad"})
    with pytest.raises(ConflictError) as caught:
        record_settings(path, {"steps": 3, "seed": 1, "cfg": 5.0})
    assert "steps is 2 there, 3 now" in caught.value.fact
    assert "cfg" in caught.value.fact and "fit" in caught.value.fact
    assert "seed" not in caught.value.fact
    assert read_json(path)["steps"] == 2


def test_free_keys_are_recorded_anew_and_never_compared(tmp_path):
    path = tmp_path / "run.json"
    record_settings(path, {"steps": 2, "model": "/a"})
    record_settings(path, {"steps": 2, "model": "/b"}, free=("model",))
    assert read_json(path)["model"] == "/b"
    with pytest.raises(ConflictError) as caught:
        record_settings(path, {"steps": 3, "model": "/c"}, free=("model",))
    assert caught.value.fact == "steps is 2 there, 3 now"


def test_long_conflicts_are_cut_short(tmp_path):
    path = tmp_path / "run.json"
    record_settings(path, {"tasks": [{"a": 1}], **{f"k{i}": 0 for i in range(9)}})
    with pytest.raises(ConflictError) as caught:
        record_settings(path, {"tasks": [], **{f"k{i}": 1 for i in range(9)}})
    assert caught.value.fact.endswith("k5 is 0 there, 1 now; and 4 more")
    with pytest.raises(ConflictError, match="tasks has 1 entries there, 0 now"):
        record_settings(path, {"tasks": [], **{f"k{i}": 0 for i in range(9)}})


def test_force_replaces(tmp_path):
    path = tmp_path / "run.json"
    record_settings(path, {"steps": 2})
    record_settings(path, {"steps": 3}, force=True)
    assert read_json(path) == {"steps": 3}
