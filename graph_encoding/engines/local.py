"""Workers on this machine: spawned processes, each of which runs one task at a time."""

import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

from graph_encoding.common.errors import MissingExtraError, UserError
from graph_encoding.engines.engine import (
    Engine,
    Needs,
    OnStep,
    Pool,
    R,
    T,
    WorkerLostError,
    checked_workers,
)
from graph_encoding.registered import Registered

_POLL_SECONDS = 0.5
_WATCH_SECONDS = 1.0

_NONE_STARTED = (
    "a worker must start before it works, but none did, and nothing new was made: it was killed, "
    "or memory ran out, or it ran a script that starts workers outside of "
    "`if __name__ == '__main__':`; correct that and run it again, with fewer workers if need be"
)


class LocalEngine(Engine):
    """Processes of this machine.

    Args:
        workers: processes, >= 1.
    """

    def __init__(self, workers: int) -> None:
        self._workers = checked_workers(workers)

    @contextmanager
    def pool(
        self,
        make_work: Callable[[int], Callable[[T, OnStep], R]],
        needs: Needs,
        on_step: OnStep,
    ) -> Iterator[Pool[T, R]]:
        """See `Engine.pool`."""
        with TemporaryDirectory(prefix="nasasr-") as folder:
            # Written once: through its pipe, each worker would be sent all of it in turn.
            given = Path(folder) / "given"
            _write_given(given, (make_work, Registered.current()))
            pool: _LocalPool[T, R] = _LocalPool(self._workers, given, needs.environment, on_step)
            try:
                yield pool
            finally:
                terminate_pool([worker.executor for worker in pool.all_workers])


class _LocalPool(Pool[T, R]):
    # Which worker has used up the memory, its death does not say.
    retries_alone = True

    def __init__(
        self, workers: int, given: Path, environment: Mapping[str, str], on_step: OnStep
    ) -> None:
        self.workers = workers
        self._environment, self._on_step = environment, on_step
        self.all_workers = [_Worker(number, given) for number in range(workers)]
        self._free = self.all_workers[::-1]
        self._busy: dict[Future[R], _Worker] = {}
        self._any_started = False

    def submit(self, task: T) -> "Future[R]":
        worker = self._free.pop()
        with _environment(self._environment):
            future: Future[R] = worker.submit(task)
        self._busy[future] = worker
        return future

    def wait(self, handles: "Sequence[Future[R]]") -> "Sequence[Future[R]]":
        while True:
            done, _ = wait(handles, _POLL_SECONDS, FIRST_COMPLETED)
            for worker in self._busy.values():
                self._hear(worker)
            if done:
                # A set has another order in each process.
                return [handle for handle in handles if handle in done]

    def result(self, handle: "Future[R]") -> R:
        worker = self._busy.pop(handle)
        self._free.append(worker)
        try:
            return handle.result()
        except BrokenProcessPool as e:
            self._hear(worker)
            worker.renew()
            if not self._any_started:
                raise UserError(_NONE_STARTED) from e
            raise WorkerLostError("its process was killed") from e

    def _hear(self, worker: "_Worker") -> None:
        """Take in what a worker has reported: that it has started, then steps."""
        while not worker.messages.empty():
            is_step = worker.messages.get()
            if is_step:
                self._on_step()
            self._any_started = True


class _Worker:
    """A process that is started with its first task, and replaced when it has died.

    A pool of one process each, because a pool of several cannot tell which task killed it.
    """

    def __init__(self, number: int, given: Path) -> None:
        self._number, self._given = number, given
        self.renew()

    def renew(self) -> None:
        """Put a new process in place."""
        # Not a fork: libraries with threads of their own do not survive one.
        context = multiprocessing.get_context("spawn")
        # One for each process: one that is killed may hold the lock of its queue for ever.
        self.messages: SimpleQueue[bool] = context.SimpleQueue()
        self.executor = ProcessPoolExecutor(
            1, context, _start_worker, (self._given, self._number, self.messages)
        )

    def submit(self, task: Any) -> "Future[Any]":
        """Hand a task over."""
        try:
            return self.executor.submit(_work, task)
        except BrokenProcessPool:  # killed since its last task ended
            self.renew()
            return self.executor.submit(_work, task)


def terminate_pool(executors: Sequence[ProcessPoolExecutor]) -> None:
    """End the processes of some pools, and no others; `shutdown` alone would await their tasks."""
    processes: list[multiprocessing.Process] = []
    for executor in executors:
        processes += (executor._processes or {}).values()  # noqa: SLF001 -- no public way to them
        executor.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()


def _write_given(path: Path, given: object) -> None:
    """Write what all workers are given, and refuse it before the first of them is started."""
    try:
        with path.open("wb") as file:
            pickle.dump(given, file)
    except (pickle.PicklingError, AttributeError, TypeError) as e:
        raise UserError(
            "what several workers are given must be of a module that they can import, but "
            f"{e}; name classes and functions there, not lambdas, or take one worker"
        ) from e
    except OSError as e:
        raise UserError(
            f"cannot write what workers are given, {path}: {e}; make room there, or set TMPDIR to "
            "another folder"
        ) from e


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Processes started within inherit these variables; afterwards all is as before."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


_of_worker: list[tuple[Callable[[Any, OnStep], Any], OnStep]] = []


def _start_worker(given: Path, number: int, messages: "SimpleQueue[bool]") -> None:
    # Ctrl-C reaches all processes of a terminal; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _exit_with_parent()
    try:
        make_work, registered = pickle.loads(given.read_bytes())  # noqa: S301 -- the parent's own
        registered.register()
        work = make_work(number)
    # Raised here it would end the process, which looks as if a task had killed it.
    except Exception as e:
        work = partial(_refuse, f"{type(e).__name__}: {e}")
    _of_worker.append((work, lambda: messages.put(True)))
    messages.put(False)


def _exit_with_parent() -> None:
    """End this process soon after its parent has ended, in whatever way that was.

    A worker waits on a queue that its killed parent will never fill or close.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _refuse(reason: str, task: Any, on_step: OnStep) -> NoReturn:
    del task, on_step
    raise UserError(
        f"a worker could not start: {reason}; it knows what modules register when they are "
        "imported, and not what was registered later: name a predictor of your own as "
        "module:Class where that is possible, or take one worker"
    )


def _work(task: Any) -> Any:
    work, on_step = _of_worker[0]
    try:
        return work(task, on_step)
    except MissingExtraError as e:
        # Its two arguments do not survive the way between processes.
        raise UserError(str(e)) from None
