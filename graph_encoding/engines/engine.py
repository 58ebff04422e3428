"""The contract of an engine, and the loop that all engines with workers share."""

import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from graph_encoding.common.errors import NasasrError, UserError

T = TypeVar("T")
R = TypeVar("R")

OnStep = Callable[[], None]

MAX_ATTEMPTS = 3
"""How many workers a task may lose before it is given up."""

_log = logging.getLogger(__name__)


def no_step() -> None:
    """No-op callback for the steps of a task."""


def always() -> bool:
    """Whether another task may start: yes."""
    return True


@dataclass(frozen=True)
class Needs:
    """What workers need.

    Attributes:
        environment: variables that their processes are started with.
        gpu: whether a task fills a GPU, where there is one.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    gpu: bool = False


@dataclass(frozen=True)
class Lost:
    """In place of a result: the task lost `MAX_ATTEMPTS` workers.

    Attributes:
        why: what happened to them.
    """

    why: str


class WorkerLostError(NasasrError, RuntimeError):
    """A worker ended before its task did."""


class Pool(ABC, Generic[T, R]):
    """The workers of one run.

    Attributes:
        workers: how many tasks may be in flight.
        retries_alone: whether a task that lost its worker is run again with no other in flight:
            where workers share the memory of one machine, any of them may be to blame.
    """

    workers: int
    retries_alone: ClassVar[bool] = False

    @abstractmethod
    def submit(self, task: T) -> Any:
        """Hand a task to a free worker; gives a handle."""

    @abstractmethod
    def wait(self, handles: Sequence[Any]) -> Sequence[Any]:
        """Wait until at least one task has ended; gives the handles of those that have."""

    @abstractmethod
    def result(self, handle: Any) -> R:
        """The result of a task that has ended.

        Raises:
            WorkerLostError: if its worker died.
        """


class Engine(ABC):
    """Runs independent tasks. Results must not depend on the engine, the workers or the order.

    Attributes:
        reports_steps: whether the steps of a task are reported while it runs.
    """

    reports_steps: ClassVar[bool] = True

    @abstractmethod
    def pool(
        self,
        make_work: Callable[[int], Callable[[T, OnStep], R]],
        needs: Needs,
        on_step: OnStep,
    ) -> AbstractContextManager[Pool[T, R]]:
        """The workers of a run; on exit they are ended, and tasks in flight with them."""

    def run(
        self,
        next_task: Callable[[], T | None],
        make_work: Callable[[int], Callable[[T, OnStep], R]],
        needs: Needs | None = None,
        *,
        may_start: Callable[[], bool] = always,
        on_step: OnStep = no_step,
    ) -> Generator[tuple[T, R | Lost], None, None]:
        """Run tasks and yield each with its result, as they finish.

        A task whose worker dies is run again, at most `MAX_ATTEMPTS` times in all; then its result
        is `Lost`. The generator may be closed at any time, which gives up the tasks in flight.

        Args:
            next_task: called in this process when a worker is free; gives the next task, or None
                if there is none now. It is called again after each result. The run ends when
                nothing is in flight and it gives None.
            make_work: called once in each worker, with the worker's number; gives what runs a
                task. Workers get it by pickle, as they get tasks and return results.
            needs: what workers need; by default nothing.
            may_start: asked before a task is run again.
            on_step: called in this process for steps that tasks report, if `reports_steps`.

        Raises:
            UserError: if no worker can start, or what it is given cannot be sent to it. What a
                task raises is raised here, and ends the run.
        """
        with self.pool(make_work, needs or Needs(), on_step) as pool:
            yield from run_in_pool(pool, next_task, may_start)


def run_in_pool(
    pool: Pool[T, R], next_task: Callable[[], T | None], may_start: Callable[[], bool]
) -> Generator[tuple[T, R | Lost], None, None]:
    """The loop of `Engine.run` over the workers of a pool."""
    in_flight: dict[Any, tuple[T, int]] = {}  # handle -> task, workers that it has lost
    again: deque[tuple[T, int]] = deque()

    def chosen() -> tuple[T, int] | None:
        alone = pool.retries_alone and (again or any(lost for _, lost in in_flight.values()))
        if len(in_flight) >= pool.workers or (alone and in_flight):
            return None
        if again:
            return again.popleft() if may_start() else None
        task = next_task()
        return None if task is None else (task, 0)

    while True:
        while (choice := chosen()) is not None:
            in_flight[pool.submit(choice[0])] = choice
        if not in_flight:
            return
        for handle in pool.wait(list(in_flight)):
            task, lost = in_flight.pop(handle)
            try:
                result = pool.result(handle)
            except WorkerLostError as e:
                if lost + 1 < MAX_ATTEMPTS:
                    _log.warning("%s: %s; running it again", e, task)
                    again.append((task, lost + 1))
                    continue
                yield task, Lost(f"its worker was lost {MAX_ATTEMPTS} times: {e}")
            else:
                yield task, result


class ThisProcess(Engine):
    """One task after another in the calling process: nothing is sent by pickle."""

    @contextmanager
    def pool(
        self,
        make_work: Callable[[int], Callable[[T, OnStep], R]],
        needs: Needs,
        on_step: OnStep,
    ) -> Iterator[Pool[T, R]]:
        """See `Engine.pool`."""
        del needs
        work = make_work(0)
        yield _NoPool(lambda task: work(task, on_step))


class _NoPool(Pool[T, R]):
    """Runs a task when its result is asked for."""

    workers = 1

    def __init__(self, work: Callable[[T], R]) -> None:
        self._work = work

    def submit(self, task: T) -> tuple[T]:
        return (task,)

    def wait(self, handles: Sequence[tuple[T]]) -> Sequence[tuple[T]]:
        return handles

    def result(self, handle: tuple[T]) -> R:
        return self._work(*handle)


def checked_workers(workers: int) -> int:
    """A number of workers.

    Raises:
        UserError: if it is less than 1.
    """
    if workers < 1:
        raise UserError(f"workers must be >= 1, but got {workers}")
    return workers
