import pytest

SMALL = ("--size", 7, "--cell", 16, "--frames", 17, "--workers", 1)


@pytest.fixture
def dataset(vtb, tmp_path):
    assert vtb("gen", "maze", *SMALL, "-n", 8, "-o", "set").code == 0
    return tmp_path / "set"


def test_verify_stat_overlap_view_export(vtb, dataset):
    verified = vtb("data", "verify", dataset, "--json", "--workers", 1)
    assert verified.code == 0, verified.out + verified.err
    assert verified.json["ok"] and verified.json["truths"] == {"passed": 8, "failed": 0}
    assert vtb("data", "stat", dataset, "--json").json["count"] == 8
    same = vtb("data", "overlap", dataset, dataset, "--json", "--fail-above", 0)
    assert same.code == 3 and same.json["exact"] == 8
    view = vtb("data", "view", dataset, "--json")
    assert view.code == 0 and view.json["n"] == 8
    export = vtb("data", "export", dataset, "--to", "vbvr", "--json")
    assert export.code == 0 and export.json["count"] == 8


def test_verify_fails_on_a_damaged_shard(vtb, dataset):
    shard = next((dataset / "data").glob("*.parquet"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 0xFF
    shard.write_bytes(content)
    ran = vtb("data", "verify", dataset, "--json", "--no-corruptions", "--workers", 1)
    assert ran.code == 3 and ran.json["shards"]["bad"] == 1


@pytest.mark.parametrize("command", ["verify", "stat", "view"])
def test_no_dataset(vtb, command):
    ran = vtb("data", command, "absent", "--json")
    assert ran.code == 1 and ran.json["kind"] == "unreadable" and "vtb gen" in ran.json["hint"]


def test_unknown_layout(vtb, dataset):
    ran = vtb("data", "export", dataset, "--to", "vbrv")
    assert ran.code == 2 and "vbvr" in ran.err
