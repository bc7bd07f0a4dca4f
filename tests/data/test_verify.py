import re

import pytest

from vtb.core import registry
from vtb.core.types import Reason, Verdict
from vtb.data.build import build
from vtb.data.store import Dataset, open_dataset
from vtb.data.verify import verify


def test_truths_pass_and_corruptions_fail(small):
    report = verify(small, limit=4)
    assert report.ok, report.failures
    payload = report.payload()
    assert payload["truths"] == {"passed": 4, "failed": 0}
    assert len(payload["corruptions"]) >= 6
    assert all(count["rejected"] == count["n"] for count in payload["corruptions"].values())


@pytest.mark.parametrize(("verdict", "reason"), [(True, "corruption"), (False, "truth as image")])
def test_a_broken_verifier_is_noticed(small, monkeypatch, verdict, reason):
    generator = registry.load("maze-square")

    def broken(sample, prediction, *, overlay=False):
        return Verdict(float(verdict), verdict, Reason.OK if verdict else Reason.NO_ANSWER)

    monkeypatch.setattr(type(generator), "check", staticmethod(broken))
    report = verify(small, limit=1)
    assert not report.ok
    assert any(reason in failure.reason for failure in report.failures)


def test_repair_and_rebuild(tmp_path, request_of, content_of):
    build(request_of(), tmp_path, 30, shard_size=10)
    before = content_of(tmp_path)
    shard = tmp_path / "data" / "train-000010-000019.parquet"
    damaged = bytearray(shard.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    shard.write_bytes(damaged)
    report = verify(open_dataset(tmp_path), corruptions=False, limit=2)
    assert report.bad_shards == ["data/train-000010-000019.parquet"] and not report.ok
    assert shard.exists()
    verify(open_dataset(tmp_path), corruptions=False, limit=2, repair=True)
    assert not shard.exists()
    listed = re.findall(r"data/\S+\.parquet", (tmp_path / "README.md").read_text())
    assert len(listed) == len(list((tmp_path / "data").iterdir())) > 0
    assert all((tmp_path / name).is_file() for name in listed)
    build(request_of(), tmp_path, 30, shard_size=10)
    assert content_of(tmp_path) == before


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [("split", "test", "split test"), ("fingerprint", "0" * 32, "fingerprint")],
)
def test_a_row_that_denies_its_content_is_noticed(small, monkeypatch, column, value, says):
    row = Dataset.row

    def tampered(self, sample_id, columns=None):
        return {**row(self, sample_id, columns), column: value}

    monkeypatch.setattr(Dataset, "row", tampered)
    report = verify(small, limit=1, corruptions=False)
    assert [says in failure.reason for failure in report.failures] == [True]
