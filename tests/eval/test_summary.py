import pytest

from vtb.eval.scores import MISSING, Score
from vtb.eval.summary import summarise

GROUPS = {"maze": "maze", "midpoint": "point", "incenter": "point"}


def score(name, reason="ok", task="maze", kind="video", value=..., straight=None, **details):
    passed = reason == "ok"
    if value is ...:
        value = None if reason == MISSING else float(passed)
    return Score(name, task, "e", "d", "s", kind, value, passed, reason, straight, details)


def test_missing_counts_as_failed_or_not_at_all():
    scores = [score("a"), score("b", "no_answer"), score("c", MISSING, kind="")]
    chance = dict.fromkeys("abc", 0.0)
    failed = summarise(scores, chance, GROUPS, "fail")
    assert (failed["n"], failed["passed"], failed["n_missing"]) == (3, 1, 1)
    assert failed["accuracy"] == pytest.approx(1 / 3)
    assert failed["accuracy_answered"] == pytest.approx(1 / 2)
    assert failed["reasons"] == {"ok": 1, "no_answer": 1, MISSING: 1}
    skipped = summarise(scores, chance, GROUPS, "skip")
    assert (skipped["n"], skipped["accuracy"], skipped["n_missing"]) == (2, 0.5, 1)
    assert skipped["reasons"] == {"ok": 1, "no_answer": 1}
    assert list(failed["kinds"]) == ["video"]


def test_unscored_is_neither_passed_nor_failed():
    scores = [score("a"), score("b", "unreadable", value=None)]
    summary = summarise(scores, dict.fromkeys("ab", 0.0), GROUPS)
    assert (summary["n"], summary["accuracy"], summary["n_unscored"]) == (1, 1.0, 1)
    assert sum(summary["reasons"].values()) == summary["n"]


def test_nothing_scored_gives_null():
    summary = summarise([score("a", "unreadable", value=None)], {"a": 0.0}, GROUPS)
    assert summary["n"] == 0
    for key in ("accuracy", "ci95", "chance", "accuracy_centred", "accuracy_answered", "straight"):
        assert summary[key] is None


def test_chance_is_weighted_by_task():
    scores = [score("a", task="maze"), *(score(x, task="midpoint") for x in "bcd")]
    summary = summarise(scores, {"a": 0.0, "b": 0.2, "c": 0.2, "d": 0.2}, GROUPS)
    assert summary["chance"] == pytest.approx(0.15)
    assert summary["by_task"]["midpoint"]["chance"] == pytest.approx(0.2)
    assert summary["by_task"]["maze"]["n"] == 1


def test_means_of_numbers_in_details_and_share_of_straight_solutions():
    scores = [
        score("a", straight=True, legal_prefix=1.0, cells=[1, 2], last_frame="ok"),
        score("b", "disconnected", straight=False, legal_prefix=0.5),
    ]
    numbers = summarise(scores, dict.fromkeys("ab", 0.0), GROUPS)["by_task"]["maze"]
    assert numbers["details"] == {"legal_prefix": 0.75}
    assert numbers["straight"] == 0.5


def test_tasks_add_up_to_their_groups():
    scores = [score("a"), score("b", task="midpoint"), score("c", "no_answer", task="incenter")]
    by_group = summarise(scores, {"a": 0.0, "b": 0.2, "c": 0.2}, GROUPS)["by_group"]
    assert {group: (part["passed"], part["n"]) for group, part in by_group.items()} == {
        "maze": (1, 1),
        "point": (1, 2),
    }
    assert by_group["point"]["chance"] == pytest.approx(0.2)
