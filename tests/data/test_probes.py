import numpy as np
import pytest

from vtb.core.stats import chi_square_tail
from vtb.data.learned import label_rates
from vtb.data.offers import Offered, Offers
from vtb.data.probes import by_position, by_row, credit, label_p, tally
from vtb.data.shortcuts import shortcuts

LETTERS = np.array(list("ABCDE"))


def offers(n=1000, *, seed=0, labels=None, points=None, right=None, **pictures):
    """Fair puzzles of five markers anywhere on 512x512, but for what is given."""
    rng = np.random.default_rng(seed)
    fair = {
        "labels": np.tile(LETTERS, (n, 1)),
        "points": rng.uniform(0, 512, (n, 5, 2)),
        "right": rng.integers(0, 5, n),
        "half": rng.random(n) < 0.5,
        "png_bytes": rng.normal(4000, 100, n),
        "brightness": rng.normal(200, 5, n),
        "centre": np.full((n, 2), 256.0),
        "ink": rng.uniform(0, 512, (n, 2)),
    }
    given = {"labels": labels, "points": points, "right": right, **pictures}
    return Offers(**fair | {key: value for key, value in given.items() if value is not None})


def accuracy(found: Offers, name: str) -> float:
    n, hits, _ = tally([found])[name]
    return hits / n


def judged(*groups: Offers, task="dots", kind="letter"):
    return {s.heuristic: s for s in shortcuts({task: Offered(groups, 0)}, {task: kind})}


def failing(*groups: Offers, **named) -> list[str]:
    found = judged(*groups, **named)
    return [name for name, s in found.items() if s.limited and s.sure_excess > 0.1]


def softmax_only(found: Offers) -> float:
    return accuracy(found, "softmax_regression")


# One arrangement, worked out by hand: A and B close together at the top left, C at the bottom,
# D at the right edge, E near the middle of all. The canvas centre is nearest to C.
ARRANGEMENT = np.array([[[0, 10], [3, 6], [40, 100], [103, 50], [45, 45]]], float)
CENTRE = np.array([[50, 90]], float)


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("nearest_centre", "C"),
        ("farthest_centre", "B"),
        ("nearest_centroid", "E"),
        ("farthest_centroid", "D"),
        ("smallest_mean_distance", "E"),
        ("largest_mean_distance", "D"),
        ("smallest_neighbour_distance", "AB"),
        ("largest_neighbour_distance", "D"),
        ("leftmost", "A"),
        ("rightmost", "D"),
        ("topmost", "B"),
        ("bottommost", "C"),
    ],
)
def test_what_each_rule_guesses(name, guess):
    scores = by_position(ARRANGEMENT, CENTRE)[name]
    shares = [credit(scores, np.array([place]))[0] for place in range(5)]
    assert "".join(LETTERS[np.array(shares) > 0]) == guess
    assert sum(shares) == pytest.approx(1)


@pytest.mark.parametrize("tilt", [0, 0.5, 1.5, 2.5, 3.5, 6])
def test_places_of_a_row_are_counted_from_the_left(tilt):
    steps = np.array([3, -2, 0, 1, -5])
    row = 100 + np.stack([steps * np.cos(tilt), steps * np.sin(tilt)], axis=1)[None]
    to_the_right = np.cos(tilt) > 0
    ends = (0, 4) if to_the_right else (4, 0)
    for name, place in (("row_first", ends[1]), ("row_middle", 2), ("row_last", ends[0])):
        assert {g.name: credit(*g[1:])[0] for g in by_row(row, np.array([place]))}[name] == 1


def test_a_cluster_is_no_row():
    assert not list(by_row(ARRANGEMENT, np.array([0])))


def test_equal_scores_share_the_guess():
    scores = np.array([[1, 1, 0], [0, 1, 1], [2, 2, 2]])
    assert credit(scores, np.array([0, 0, 1])) == pytest.approx([1 / 2, 0, 1 / 3])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [4, 12, 40, 1000])
def test_fair_puzzles_pass_at_any_size(n, seed):
    assert failing(offers(n, seed=seed)) == []


def test_fair_rows_and_words_pass():
    row = np.arange(5)[:, None] * np.array([30.0, 20.0])
    rng = np.random.default_rng(1)
    words = np.array(["red", "blue", "light green", "orange", "pink", "grey"])
    four = np.array([rng.permutation(words)[:4] for _ in range(800)])
    right = rng.integers(0, 4, 800)
    assert failing(offers(points=np.tile(row, (1000, 1, 1)))) == []
    assert "row_middle" in judged(offers(points=np.tile(row, (1000, 1, 1))))
    found = Offers(
        four, None, right, rng.random(800) < 0.5, *rng.random((2, 800)), *rng.random((2, 800, 2))
    )
    judged_words = judged(found, kind="choice")
    assert failing(found, kind="choice") == []
    assert judged_words["label_red"].n == (four == "red").any(axis=1).sum()
    assert "nearest_centre" not in judged_words


def test_nearest_and_farthest_leaks():
    fair = offers()
    to_centre = np.hypot(*(fair.points - 256).transpose(2, 0, 1))
    assert "nearest_centre" in failing(offers(right=to_centre.argmin(axis=1)))
    assert "farthest_centre" in failing(offers(right=to_centre.argmax(axis=1)))
    elsewhere = np.full((1000, 2), 40.0)
    assert "nearest_centre" not in failing(offers(centre=elsewhere, right=to_centre.argmin(axis=1)))


def test_label_leaks():
    rng = np.random.default_rng(2)
    biased = offers(right=rng.choice(5, 1000, p=[0.05, 0.2, 0.5, 0.2, 0.05]))
    assert {"label_C", "label_frequency"} <= set(failing(biased))
    assert label_p([biased]) < 1e-9
    assert "always_first" in failing(offers(right=np.zeros(1000, int)))
    assert "always_last" in failing(offers(right=np.full(1000, 4)))


def test_order_is_told_from_labels():
    rng = np.random.default_rng(3)
    shuffled = rng.permuted(np.tile(LETTERS, (1000, 1)), axis=1)
    by_place = offers(labels=shuffled, right=np.zeros(1000, int))
    assert {"always_first", "softmax_regression"} == set(failing(by_place))
    by_name = offers(labels=shuffled, right=(shuffled == "B").argmax(axis=1))
    by_name_only = set(failing(by_name)) - {"file_size"}  # which knows the labels as well
    assert {"label_B", "label_frequency", "softmax_regression"} == by_name_only


def test_long_right_options():
    rng = np.random.default_rng(4)
    words = rng.permuted(np.tile(["a", "bb", "ccc", "dddd", "eeeee"], (500, 1)), axis=1)
    longest = offers(500, labels=words, right=np.char.str_len(words).argmax(axis=1))
    assert "longest_option" in failing(longest) and "shortest_option" not in failing(longest)


def test_file_size_and_brightness_tell_the_letter():
    right = np.random.default_rng(5).integers(0, 5, 1000)
    noise = np.random.default_rng(6).normal(0, 0.5, 1000)
    told = 1000 + 4 * right + noise
    assert failing(offers(right=right, png_bytes=told)) == ["file_size"]
    assert failing(offers(right=right, png_bytes=told), kind="choice") == []
    assert failing(offers(right=right, brightness=told)) == []
    assert accuracy(offers(right=right, brightness=told), "brightness") > 0.9


def test_ink_is_shown_only():
    fair = offers()
    marked = offers(ink=fair.points[np.arange(1000), fair.right])
    assert accuracy(marked, "nearest_ink") == 1
    assert failing(marked) == []


def test_markers_that_are_the_figure():
    fair = offers()
    apart = np.hypot(*(fair.points[:, :, None] - fair.points[:, None]).transpose(3, 0, 1, 2))
    leaking = offers(right=apart.sum(axis=2).argmin(axis=1))
    assert "smallest_mean_distance" in failing(leaking)
    assert "smallest_mean_distance" not in failing(leaking, task="square_outlier")
    assert "nearest_centroid" in failing(leaking, task="square_outlier")


@pytest.mark.parametrize("n", [300, 1000])
def test_softmax_finds_a_linear_leak(n):
    fair = offers(n)
    leaking = offers(n, right=(fair.points @ [2, -1]).argmax(axis=1))
    assert softmax_only(leaking) > 0.85


def test_softmax_finds_an_arrangement_leak():
    """B where the markers are left on the canvas, D where right: no other rule sees it."""
    rng = np.random.default_rng(7)
    places = rng.uniform(100, 400, (1000, 1, 2))
    points = places + rng.uniform(-60, 60, (1000, 5, 2))
    right = np.where(points.mean(axis=1)[:, 0] < 250, 1, 3)
    leaking = offers(points=points, right=right)
    assert softmax_only(leaking) > 0.9


def test_softmax_finds_distance_in_a_small_cluster():
    rng = np.random.default_rng(8)
    points = rng.uniform(100, 400, (1000, 1, 2)) + rng.uniform(-20, 20, (1000, 5, 2))
    right = np.hypot(*(points - 256).transpose(2, 0, 1)).argmin(axis=1)
    assert softmax_only(offers(points=points, right=right)) > 0.75


def test_nothing_is_learned_from_the_puzzle_itself():
    """Every puzzle has its own size and place; knowing its own answer would give all of them."""
    found = offers(200, png_bytes=np.arange(200.0))
    assert accuracy(found, "file_size") < 0.4
    assert softmax_only(found) < 0.4
    one_half = offers(200, half=np.zeros(200, bool))
    assert "label_frequency" not in tally([one_half])


def test_rates_of_labels():
    """By hand: `a` right in 2 of 2, `b` in 0 of 2, `c` never offered to those taught."""
    found = offers(
        3, labels=np.array([["a", "b"], ["b", "a"], ["a", "c"]]), right=np.array([0, 1, 1])
    )
    rates = label_rates(found, np.zeros(3, int), np.array([True, True, False]))
    assert rates == pytest.approx(np.array([[3 / 4, 1 / 4], [1 / 4, 3 / 4], [3 / 4, 1 / 2]]))


def test_groups_of_other_sizes_add_up():
    three = offers(300, seed=9)
    three = offers(
        300, labels=three.labels[:, :3], points=three.points[:, :3], right=three.right % 3
    )
    n, hits, by_chance = tally([offers(500), three])["always_first"]
    assert n == 800 and by_chance == pytest.approx(500 / 5 + 300 / 3)
    assert hits == (offers(500).right == 0).sum() + (three.right == 0).sum()


def test_label_p_is_pearsons_when_all_puzzles_offer_the_same():
    counts = np.array([30, 18, 22, 14, 16])
    found = offers(100, right=np.repeat(np.arange(5), counts))
    statistic = ((counts - 20) ** 2 / 20).sum()
    assert label_p([found]) == pytest.approx(chi_square_tail(statistic, 4))


def test_label_p_with_other_options_in_every_puzzle():
    """Rare words are right rarely, and that is fair; their mean p over fair sets is a half."""
    words = np.array(list("abcdefgh"))
    values = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        weights = np.arange(1, 9) / 36
        four = np.array([rng.choice(words, 4, replace=False, p=weights) for _ in range(200)])
        values.append(label_p([offers(200, labels=four, right=rng.integers(0, 4, 200))]))
    assert 0.35 < np.mean(values) < 0.65 and min(values) > 1e-4
    assert label_p([offers(3)]) is None
