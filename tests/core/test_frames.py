import pytest

from vtb.core.errors import UsageError
from vtb.core.frames import FramePlan


@pytest.mark.parametrize(
    ("num_frames", "shares"),
    [(17, (5, 4, 8)), (49, (5, 36, 8)), (81, (5, 60, 16)), (121, (9, 88, 24))],
)
def test_shares(num_frames, shares):
    plan = FramePlan.of(num_frames, 16)
    assert (plan.hold_start, plan.motion, plan.hold_end) == shares
    assert sum(shares) == num_frames


@pytest.mark.parametrize(
    ("wrong", "near"), [(80, ("77", "81")), (82, ("81", "85")), (3, ("17", "21"))]
)
def test_wrong_counts_name_the_nearest(wrong, near):
    with pytest.raises(UsageError) as caught:
        FramePlan.of(wrong, 16)
    assert all(number in caught.value.hint for number in near)


@pytest.mark.parametrize("fps", [0, -1, 1000])
def test_wrong_rate(fps):
    with pytest.raises(UsageError):
        FramePlan.of(81, fps)
