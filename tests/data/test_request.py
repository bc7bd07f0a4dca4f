from collections import Counter
from itertools import product

import pytest

from vtb.core.errors import CapacityError
from vtb.core.frames import FramePlan
from vtb.data.build import build, rehearse
from vtb.data.capacity import check_capacity
from vtb.data.plan import Planner
from vtb.data.request import Request, Task
from vtb.data.rows import RenderJob, render_rows


def maze(share=1, size=7, difficulty=None, **config):
    config = {"rows": size, "cols": size, **config}
    return Task.of("maze-square", config, {"cell": 8}, share=share, difficulty=difficulty)


def request(*tasks, **options):
    return Request(tasks, 0, FramePlan.of(17, 16), False, **options)


def shares_of(*shares):
    return request(*(maze(share) for share in shares))


@pytest.mark.parametrize("shares", [(1,), (1, 1), (3, 2), (6, 4), (1, 5, 2), (300, 200, 7)])
def test_places_are_dealt_by_share_and_counted_without_gaps(shares):
    asked = shares_of(*shares)
    ordinals = Counter()
    for index in range(3 * sum(shares)):
        task, ordinal = asked.place(index)
        assert ordinal == ordinals[task]
        ordinals[task] += 1
        if index < 40:
            assert asked.counts(index + 1) == [ordinals[i] for i in range(len(shares))]
        for i, share in enumerate(shares):
            assert abs(ordinals[i] - (index + 1) * share / sum(shares)) < 1
    assert asked.counts(3 * sum(shares)) == [3 * share for share in shares]


def test_equal_proportions_deal_alike():
    small, large = shares_of(3, 2), shares_of(300, 200)
    assert [small.place(i) for i in range(50)] == [large.place(i) for i in range(50)]


def test_each_task_has_the_puzzles_that_it_has_alone():
    both = request(maze(size=9), maze(size=11, share=2))
    for i, task in enumerate(both.tasks):
        alone = [task.sampler(0).draw(ordinal, 0).fingerprint for ordinal in range(5)]
        mixed = [
            task.sampler(0).draw(place.ordinal, 0).fingerprint
            for place in map(both.place, range(15))
            if place.task == i
        ]
        assert mixed[:5] == alone


def test_bounds_hold_for_every_puzzle_and_include_their_ends():
    bounded = maze(difficulty={"path_rooms": (4, 5), "turns": (1, 3)})
    planned = list(Planner(request(bounded)).plan(range(60)))
    drawn = [bounded.sampler(0).draw(p.index, p.attempt).difficulty for p in planned]
    assert {number["path_rooms"] for number in drawn} == {4, 5}
    assert {number["turns"] for number in drawn} == {1, 2, 3}


def test_bounds_that_nothing_meets_are_named():
    with pytest.raises(CapacityError, match=r"maze-square with path_rooms from 90 to 99"):
        rehearse(request(maze(difficulty={"path_rooms": (90, 99)})), 1)


def test_tasks_with_the_same_puzzles_share_them(tmp_path):
    twins = request(maze(size=5), maze(size=5))
    assert check_capacity(twins, 12) == 12
    with pytest.raises(CapacityError, match="only 12 distinct samples exist, 14"):
        check_capacity(twins, 14)
    result = build(twins, tmp_path, 10)
    assert result.count == result.unique == 10


def test_shortage_names_the_scarcest_task_and_how_many_fit():
    asked = request(maze(size=5), maze(size=7, share=3), maze(size=27))
    assert check_capacity(asked, 40) is None
    with pytest.raises(CapacityError, match="only 12 distinct") as error:
        check_capacity(asked, 20_000)
    fits = int(error.value.hint.split()[1].rstrip(","))
    assert asked.counts(fits)[0] == 12 and asked.counts(fits + 1)[0] == 13
    with pytest.raises(CapacityError):
        check_capacity(asked, fits + 1)
    assert check_capacity(request(maze(size=5), allow_duplicates=True), 99) == 12


def test_rows_are_those_of_the_plan_with_the_same_columns_for_all_tasks():
    point = Task.of("eyeballing-midpoint", {"canvas": [256, 256]}, {})
    asked = request(maze(), point)
    assert asked.columns() == ["image_vlm"]
    planned = list(Planner(asked).plan(range(4)))
    rows = render_rows(RenderJob(asked, planned))
    for row, plan in zip(rows, planned, strict=True):
        task, ordinal = asked.place(plan.index)
        drawn = asked.tasks[task].sampler(0).draw(ordinal, plan.attempt)
        assert row["fingerprint"] == drawn.fingerprint
    assert len({tuple(row) for row in rows}) == 1
    assert [row["image_vlm"] is None for row in rows] == [False, True, False, True]


def test_a_larger_count_of_a_mixture_goes_on_where_it_stopped(tmp_path, content_of):
    asked = request(maze(share=2, size=9), maze(size=7))
    for counts, name in product([(8, 20), (20,)], ["grown"]):
        out = tmp_path / f"{name}-{len(counts)}"
        for count in counts:
            build(asked, out, count, shard_size=4)
    assert content_of(tmp_path / "grown-2") == content_of(tmp_path / "grown-1")


def test_the_last_puzzles_of_a_small_task_are_found():
    from vtb.data.plan import Planner

    request = Request([Task.of("visual-size-grid", {}, {})], 0, FramePlan.of(17, 16), video=False)
    planner = Planner(request)
    assert planner._attempts == [20 * 288]
    assert sum(1 for _ in planner.plan(range(288))) == planner.unique == 288
