"""Worker processes: they end alone, leave the caller as it was, and say why they cannot start."""

import multiprocessing
import os
import time
from collections.abc import Callable

import pytest

from graph_encoding import UserError
from surrogate.jobs.processes import OnStep, each_done, one_thread_each


def double(number: int, on_step: OnStep) -> int:
    on_step()
    return 2 * number


def fail(number: int, on_step: OnStep) -> int:
    on_step()
    raise UserError(f"{number} cannot be had")


def make_nothing() -> Callable[[int, OnStep], int]:
    raise UserError("unknown predictor 'mine'")


def threads(number: int, on_step: OnStep) -> str | None:
    del number, on_step
    return os.environ.get("OMP_NUM_THREADS")


def sleep() -> None:
    time.sleep(60)


def test_workers_have_one_thread_each_and_the_caller_has_what_it_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [found for _, found in each_done([1, 2], threads, workers=2)] == ["1", "1"]
    assert "OMP_NUM_THREADS" not in os.environ
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    with one_thread_each():
        assert os.environ["OMP_NUM_THREADS"] == "3"


def test_an_error_ends_the_workers_and_no_other_process() -> None:
    other = multiprocessing.get_context("spawn").Process(target=sleep)
    other.start()
    try:
        with pytest.raises(UserError, match="cannot be had"):
            list(each_done([1, 2, 3], fail, workers=2))
        other.join(0.5)
        assert other.is_alive()
        assert len(multiprocessing.active_children()) == 1
    finally:
        other.terminate()
        other.join()


def test_a_worker_that_cannot_start_says_why() -> None:
    with pytest.raises(UserError, match=r"could not start: UserError: unknown predictor 'mine'; "):
        list(each_done([1, 2], double, workers=2, make_work=make_nothing))
    assert dict(each_done([1, 2], double, workers=2)) == {1: 2, 2: 4}
