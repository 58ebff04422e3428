"""The loop of all engines: no task is dropped or run twice, and lost workers are made good."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding import UserError
from graph_encoding.engines.engine import (
    MAX_ATTEMPTS,
    Lost,
    Pool,
    WorkerLostError,
    always,
    checked_workers,
    run_in_pool,
)


class MadePool(Pool[int, int]):
    """Doubles numbers; a number loses its worker as often as `losses` says.

    Args:
        workers: tasks in flight at most.
        losses: how many workers each number loses; of those not in it, none.
        alone: whether tasks are retried alone.
    """

    def __init__(self, workers: int, losses: dict[int, int], *, alone: bool) -> None:
        self.workers, self.losses = workers, Counter(losses)
        self.retries_alone = alone  # type: ignore[misc]
        self.in_flight: list[int] = []
        self.beside: list[list[int]] = []
        self.submitted: list[int] = []

    def submit(self, task: int) -> int:
        if task in self.submitted:
            self.beside.append([*self.in_flight])
        self.submitted.append(task)
        self.in_flight.append(task)
        assert len(self.in_flight) <= self.workers
        return task

    def wait(self, handles: Sequence[int]) -> Sequence[int]:
        assert set(handles) == set(self.in_flight)
        return handles[::2]

    def result(self, handle: int) -> int:
        self.in_flight.remove(handle)
        if self.losses[handle]:
            self.losses[handle] -= 1
            raise WorkerLostError("killed")
        return 2 * handle


@given(
    tasks=st.lists(st.integers(), unique=True, max_size=8),
    losses=st.dictionaries(st.integers(0, 7), st.integers(1, 4), max_size=4),
    workers=st.integers(1, 4),
    alone=st.booleans(),
)
def test_every_task_has_one_result(
    tasks: list[int], losses: dict[int, int], workers: int, alone: bool
) -> None:
    lost = {tasks[i]: n for i, n in losses.items() if i < len(tasks)}
    pool, waiting = MadePool(workers, lost, alone=alone), iter(tasks)
    results = list(run_in_pool(pool, lambda: next(waiting, None), always))
    assert sorted(task for task, _ in results) == sorted(tasks)
    for task, result in results:
        if lost.get(task, 0) >= MAX_ATTEMPTS:
            assert result == Lost(f"its worker was lost {MAX_ATTEMPTS} times: killed")
        else:
            assert result == 2 * task
        assert pool.submitted.count(task) == min(1 + lost.get(task, 0), MAX_ATTEMPTS)
    if alone:
        assert not any(pool.beside)  # nothing else was in flight when a task was run again


def test_a_task_that_is_given_later_is_run_too() -> None:
    """As a search has it: what is next depends on the results so far."""
    waiting, results = [1], []
    for _, result in run_in_pool(
        MadePool(2, {}, alone=True), lambda: waiting.pop() if waiting else None, always
    ):
        assert isinstance(result, int)
        results.append(result)
        if result < 10:
            waiting.append(result)
    assert results == [2, 4, 8, 16]


def test_nothing_is_run_again_once_nothing_may_start() -> None:
    pool, waiting = MadePool(2, {1: 1}, alone=True), iter([1, 2])
    results = list(run_in_pool(pool, lambda: next(waiting, None), lambda: False))
    assert results == [(2, 4)]


def test_closing_gives_up_what_is_in_flight() -> None:
    pool, waiting = MadePool(3, {}, alone=True), iter([1, 2, 3, 4])
    running = run_in_pool(pool, lambda: next(waiting, None), always)
    assert next(running) == (1, 2)
    running.close()
    assert pool.in_flight == [2, 3]
    assert pool.submitted == [1, 2, 3]


def test_workers_must_be_positive() -> None:
    assert checked_workers(1) == 1
    with pytest.raises(UserError, match="workers must be >= 1, but got 0"):
        checked_workers(0)
