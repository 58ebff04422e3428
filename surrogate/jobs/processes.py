"""Tasks that do not need each other, one after the other or in several processes at a time."""

import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing.queues import SimpleQueue
from typing import Any, NoReturn, TypeVar

from graph_encoding.common.errors import MissingExtraError, UserError
from graph_encoding.common.process_pool import end_at_once
from graph_encoding.registered import Registered

T = TypeVar("T")
R = TypeVar("R")

OnStep = Callable[[], None]

_POLL_SECONDS = 0.5


def no_step() -> None:
    """For work whose steps nobody counts."""


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Processes that are started inside have one thread each, unless the user has it otherwise.

    Two of them with as many threads each as there are cores would only get in each other's way.
    """
    if "OMP_NUM_THREADS" in os.environ:
        yield
        return
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        del os.environ["OMP_NUM_THREADS"]


def each_done(
    tasks: Sequence[T],
    work: Callable[[T, OnStep], R],
    *,
    workers: int,
    make_work: Callable[[], Callable[[T, OnStep], R]] | None = None,
    on_step: OnStep = no_step,
) -> Iterator[tuple[T, R]]:
    """Do some tasks; each result is given as soon as it is there.

    Args:
        tasks: what is to be done.
        work: does a task in this process, and may report steps of it.
        workers: processes that work at a time; with one, all is done in this process.
        make_work: gives what does a task in a process that is started anew; by default `work`
            does it there too. What is given to such a process, and what it gives, goes by pickle.
        on_step: called, in this process, for every step that a task reports.

    Raises:
        UserError: if a worker is killed or cannot start, or what it is given cannot go to it.
            What a task raises is raised here, and ends the rest.
    """
    if workers == 1 or len(tasks) < 2:
        for task in tasks:
            yield task, work(task, on_step)
        return
    given = _pickled((make_work or partial(_same, work), Registered.here()))
    yield from _in_processes(tasks, given, min(workers, len(tasks)), on_step)


def _in_processes(
    tasks: Sequence[T], given: bytes, workers: int, on_step: OnStep
) -> Iterator[tuple[T, Any]]:
    # Not a fork: libraries with threads of their own do not survive one.
    context = multiprocessing.get_context("spawn")
    steps: SimpleQueue[None] = context.SimpleQueue()
    executor = ProcessPoolExecutor(workers, context, _start_worker, (given, steps))
    try:
        with one_thread_each():  # a worker is started when a task is handed in
            futures = {executor.submit(_work, task): task for task in tasks}
        running = set(futures)
        while running:
            done, running = wait(running, _POLL_SECONDS, FIRST_COMPLETED)
            while not steps.empty():
                steps.get()
                on_step()
            for future in done:
                yield futures[future], future.result()
        executor.shutdown()
    except BrokenProcessPool as e:
        raise UserError(
            "a worker ended before its task did: it was killed, or memory ran out, or it ran a "
            "script that starts workers outside of `if __name__ == '__main__':`; nothing that is "
            "kept is lost: run it again, with fewer --workers if need be"
        ) from e
    except BaseException:
        end_at_once(executor)
        raise
    finally:
        steps.close()


def _pickled(given: object) -> bytes:
    """What all workers are given, made once, and refused before the first of them is started."""
    try:
        return pickle.dumps(given)
    except (pickle.PicklingError, AttributeError, TypeError) as e:
        raise UserError(
            "what several workers are given must be of a module that they can import, but "
            f"{e}; name classes and functions there, not lambdas, or take one worker"
        ) from e


def _same(work: Callable[[T, OnStep], R]) -> Callable[[T, OnStep], R]:
    return work


_of_worker: list[tuple[Callable[[Any, OnStep], Any], OnStep]] = []


def _start_worker(given: bytes, steps: "SimpleQueue[None]") -> None:
    # Ctrl-C reaches all processes of a terminal; the parent alone says what then happens.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        make_work, registered = pickle.loads(given)  # noqa: S301 -- what the parent just wrote
        registered.register()
        work = make_work()
    # Raised here it would end the process, which looks as if it had been killed.
    except Exception as e:
        work = partial(_refuse, f"{type(e).__name__}: {e}")
    _of_worker.append((work, lambda: steps.put(None)))


def _refuse(reason: str, task: Any, on_step: OnStep) -> NoReturn:
    del task, on_step
    raise UserError(
        f"a worker could not start: {reason}; it knows what modules register when they are "
        "imported, and not what was registered later: name a predictor of your own as module:Class "
        "where that may be said, or take one worker"
    )


def _work(task: Any) -> Any:
    work, on_step = _of_worker[0]
    try:
        return work(task, on_step)
    except MissingExtraError as e:
        # Its two arguments do not survive the way between processes.
        raise UserError(str(e)) from None
