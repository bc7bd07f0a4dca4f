import pytest

from vtb.core.stats import Z_99_9, centred, chi_square_tail, paired, share, wilson


@pytest.mark.parametrize(
    ("passed", "n", "low", "high"),
    [  # statsmodels.stats.proportion.proportion_confint(..., method="wilson")
        (8, 10, 0.490162, 0.943318),
        (50, 100, 0.403832, 0.596168),
        (1, 1000, 0.000177, 0.005642),
        (0, 20, 0.0, 0.161125),
        (20, 20, 0.838875, 1.0),
    ],
)
def test_wilson_against_known_values(passed, n, low, high):
    assert wilson(passed, n) == pytest.approx((low, high), abs=2e-6)


def test_wilson_is_symmetric_and_inside_the_unit_interval():
    for passed in range(31):
        low, high = wilson(passed, 30)
        other_low, other_high = wilson(30 - passed, 30)
        assert 0 <= low <= passed / 30 <= high <= 1
        assert (low, high) == pytest.approx((1 - other_high, 1 - other_low))


def test_centred_accuracy():
    assert centred(0.2, 0.2) == pytest.approx(0)
    assert centred(1.0, 0.2) == pytest.approx(1)
    assert centred(0.6, 0.2) == pytest.approx(0.5)
    assert centred(0.1, 0.2) == pytest.approx(-0.125)


def test_nothing_counted_is_none_not_zero():
    assert wilson(0, 0) is None
    assert share(0, 0) is None
    assert centred(None, 0.2) is None
    assert centred(1.0, 1.0) is None


@pytest.mark.parametrize(
    ("statistic", "degrees", "p"),
    [  # scipy.stats.chi2.sf
        (Z_99_9**2, 1, 0.001),
        (5.991465, 2, 0.05),
        (11.344867, 3, 0.01),
        (18.466827, 4, 0.001),
        (3.325113, 9, 0.95),
        (0, 4, 1),
    ],
)
def test_chi_square_against_known_values(statistic, degrees, p):
    assert chi_square_tail(statistic, degrees) == pytest.approx(p, rel=1e-5)


@pytest.mark.parametrize(
    ("improved", "worsened", "p"),
    [  # scipy.stats.binomtest(improved, improved + worsened).pvalue
        (14, 0, 0.0001220703125),
        (6, 1, 0.125),
        (10, 3, 0.09228515625),
        (3, 10, 0.09228515625),
        (4, 4, 1.0),
        (0, 0, 1.0),
    ],
)
def test_exact_mcnemar(improved, worsened, p):
    before = {f"up{i}": False for i in range(improved)} | {
        f"down{i}": True for i in range(worsened)
    }
    after = {name: not passed for name, passed in before.items()}
    same = {"always": True, "never": False}
    found = paired(before | same | {"only before": True}, after | same | {"only after": True})
    assert found == (improved + worsened + 2, improved, worsened, pytest.approx(p))
