import pytest

from vtb.core.errors import UsageError
from vtb.core.splits import SplitRule, fingerprint, overlap_warnings


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


def test_ranges_of_splits_cover_all_buckets_once():
    rule = SplitRule(test=300, validation=200)
    assert rule.buckets("test") == range(300)
    assert rule.buckets("validation") == range(300, 500)
    assert rule.buckets("train") == range(500, 1000)
    assert rule.buckets("all") == range(1000)


@pytest.mark.parametrize(
    ("rule", "split", "shared"),
    [
        (SplitRule(), "test", None),
        (SplitRule(), "validation", None),
        (SplitRule(), "train", "100-999"),
        (SplitRule(), "all", "100-999"),
        (SplitRule(test=100, validation=0), "test", None),
        (SplitRule(test=101, validation=0), "test", "100-100"),
        (SplitRule(test=50, validation=150), "validation", "100-199"),
        (SplitRule(test=0, validation=1000), "test", None),
    ],
)
def test_a_split_that_shares_buckets_with_the_training_is_warned_of(rule, split, shared):
    warnings = overlap_warnings(SplitRule().buckets("train"), rule.buckets(split))
    assert [shared in warning for warning in warnings] == ([True] if shared else [])
