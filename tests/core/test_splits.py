import pytest

from vtb.core.errors import UsageError
from vtb.core.splits import SplitRule, fingerprint


def test_fingerprint_is_blake2b_128():
    assert fingerprint(b"") == "cae66941d9efbd404e4d88758ea67670"


@pytest.mark.parametrize(
    ("bucket", "split"),
    [(0, "test"), (49, "test"), (50, "validation"), (99, "validation"), (100, "train")],
)
def test_buckets(bucket, split):
    assert SplitRule().of(f"{7000 + bucket:x}") == split


def test_parse():
    assert SplitRule.parse("0.9,0.05,0.05") == SplitRule()
    assert str(SplitRule.parse("0.5,0.2,0.3")) == "0.5,0.2,0.3"
    assert SplitRule.parse("0.5,0.2,0.3") == SplitRule(test=300, validation=200)


@pytest.mark.parametrize(
    "text", ["", "1", "0.5,0.5", "0.5,0.2,0.2", "1.2,-0.1,-0.1", "a,b,c", "nan,0,0"]
)
def test_parse_rejects(text):
    with pytest.raises(UsageError):
        SplitRule.parse(text)
