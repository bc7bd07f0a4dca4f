"""Work made ahead in threads: in order, in time, and never more than wanted."""

import threading
import time

import pytest
import torch

from vtb.train.loop import prefetch
from vtb.train.loop.prefetch import prefetched


@pytest.fixture(autouse=True)
def cpus(monkeypatch):
    def set_(count):
        monkeypatch.setattr(prefetch, "usable_cpus", lambda: count)

    set_(4)
    return set_


@pytest.mark.parametrize(("count", "threads"), [(1, 1), (3, 3), (64, 4)])
def test_every_cpu_has_a_thread_up_to_four(count, threads, cpus):
    cpus(count)
    together = threading.Barrier(threads)

    def make(number):
        together.wait(timeout=10)  # breaks unless so many are at work at once
        return threading.current_thread().name

    names = set(prefetched(make, range(3 * threads)))
    assert len(names) == threads


def test_results_come_in_order_whatever_each_takes():
    def make(number):
        time.sleep(0.002 * (number % 3 == 0))
        return number

    assert list(prefetched(make, iter(range(50)))) == list(range(50))


def test_an_error_comes_after_the_results_before_it():
    def make(number):
        if number == 5:
            raise ValueError(number)
        time.sleep(0.005 * (number == 4))
        return number

    results = []
    with pytest.raises(ValueError, match="5"):
        results.extend(iter_into(results, prefetched(make, range(20))))
    assert results == [0, 1, 2, 3, 4]


def iter_into(results, values):
    for value in values:
        results.append(value)
    return ()


def test_no_more_is_made_than_may_wait():
    begun = []
    results = prefetched(lambda number: begun.append(number), range(100))
    for taken in range(1, 6):
        next(results)
        wait_until(lambda n=taken: len(begun) >= n + 4 + prefetch.WAITING)
        time.sleep(0.01)
        assert len(begun) == taken + 4 + prefetch.WAITING
    results.close()


def test_after_the_end_nothing_is_begun():
    begun, go_on = [], threading.Event()

    def make(number):
        begun.append(number)
        assert number == 0 or go_on.wait(10)

    results = prefetched(make, range(100))
    next(results)
    wait_until(lambda: len(begun) == 5)
    threading.Timer(0.05, go_on.set).start()
    results.close()
    assert sorted(begun) == [0, 1, 2, 3, 4]


def test_torch_has_one_thread_in_each_and_as_many_as_before_elsewhere():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        results = prefetched(lambda number: torch.get_num_threads(), range(10))
        assert next(results) == 1
        assert torch.get_num_threads() == 3
        results.close()
        assert in_new_thread(torch.get_num_threads) == 3
    finally:
        torch.set_num_threads(before)


def in_new_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def wait_until(is_done):
    deadline = time.monotonic() + 10
    while not is_done():
        assert time.monotonic() < deadline
        time.sleep(0.001)
