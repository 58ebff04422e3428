"""Trainings on this machine: a pool of spawned processes, one torch thread each."""

import logging
import multiprocessing
import signal
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from graph_encoding.common.errors import UserError
from graph_encoding.common.process_pool import end_at_once
from graph_encoding.registered import Registered
from train_benchmark.collecting.engines.base import (
    Engine,
    held_trainings,
    lost_record,
    train_patiently,
)
from train_benchmark.collecting.failure_guard import MAX_ATTEMPTS
from train_benchmark.collecting.plan import Job
from train_benchmark.features.prepared import PreparedCorpus
from train_benchmark.recipe import Recipe
from train_benchmark.record import TrainingRecord
from train_benchmark.training.arithmetic import environment_for

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

_log = logging.getLogger(__name__)

_NONE_STARTED = (
    "a worker must start before it trains, but none did, and no cell has a new record: they were "
    "killed, or memory ran out, or they ran a script that starts workers outside of "
    "`if __name__ == '__main__':`; mend that and run it again, with fewer workers if need be"
)


@dataclass
class _WorkerState:
    recipe: Recipe
    corpus: PreparedCorpus


_worker: _WorkerState | UserError | None = None
"""What this process trains with, or why it cannot."""


class LocalEngine(Engine):
    """A pool of processes, each with a GPU of its own where there are enough of them.

    When a process dies, the pool cannot say which training killed it. Those in flight are
    then trained again one at a time, so that a cell which kills its worker is found and the
    others are kept.

    Args:
        workers: processes, >= 1.
    """

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise UserError(f"workers must be >= 1, but got {workers}")
        self._workers = workers

    def run(
        self,
        jobs: Sequence[Job],
        recipe: Recipe,
        corpus: PreparedCorpus,
        *,
        on_start: Callable[[Job], None],
        may_start: Callable[[], bool],
    ) -> Generator[TrainingRecord, None, None]:
        """See `Engine.run`."""
        from train_benchmark.features.prepare import save_prepared

        waiting, suspects = deque(jobs), deque[Job]()
        deaths: Counter[Job] = Counter()
        held = held_trainings()
        with TemporaryDirectory(prefix="nasasr-") as folder:
            features = Path(folder) / "features.npz"
            save_prepared(corpus, features)
            while (suspects or waiting) and may_start():
                alone = bool(suspects)
                queue = deque([suspects.popleft()]) if alone else waiting
                in_flight: dict[Future[TrainingRecord], Job] = {}
                try:
                    with _pool(1 if alone else self._workers, recipe, features) as pool:
                        has_started = pool.has_started
                        for record in _run_in(pool, queue, in_flight, on_start, may_start):
                            yield from held.take(record)
                except BrokenProcessPool as e:
                    if not has_started():
                        raise UserError(_NONE_STARTED) from e
                    _log.warning("a worker died; training %d cells again", len(in_flight))
                    for job in in_flight.values():
                        deaths[job] += alone
                        if deaths[job] < MAX_ATTEMPTS:
                            suspects.append(job)
                            continue
                        why = f"its worker process died {MAX_ATTEMPTS} times"
                        yield from held.take(lost_record(job, recipe, corpus, why))
            yield from held.rest()


def _run_in(
    pool: "_Pool",
    queue: deque[Job],
    in_flight: dict[Future[TrainingRecord], Job],
    on_start: Callable[[Job], None],
    may_start: Callable[[], bool],
) -> Iterator[TrainingRecord]:
    """Take jobs off the queue into a pool until it is empty; `in_flight` is the caller's to see."""
    while queue or in_flight:
        # No more than the workers: a job that waits in the pool's own queue would begin after
        # `may_start` has come to say no.
        while queue and len(in_flight) < pool.workers and may_start():
            job = queue[0]
            on_start(job)
            in_flight[pool.executor.submit(_train, job)] = job
            # Only now: where the pool is broken already, `submit` raises.
            queue.popleft()
        if not in_flight:
            return
        done, _ = wait(in_flight, return_when=FIRST_COMPLETED)
        # In the order of the jobs: a set has another one in each process.
        for future in [future for future in in_flight if future in done]:
            record = future.result()
            del in_flight[future]
            yield record


@dataclass(frozen=True)
class _Pool:
    """Processes that train.

    Attributes:
        executor: the processes.
        workers: how many there are.
        has_started: whether any of them has come so far that it can train.
    """

    executor: ProcessPoolExecutor
    workers: int
    has_started: Callable[[], bool]


@contextmanager
def _pool(workers: int, recipe: Recipe, features: Path) -> Iterator[_Pool]:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    executor = ProcessPoolExecutor(
        max_workers=workers,
        mp_context=context,
        initializer=_start_worker,
        initargs=(Registered.here(), recipe, features, context.Value("i", 0), ready),
    )
    try:
        # Workers are started when they are first needed.
        with environment_for(recipe):
            yield _Pool(executor, workers, ready.is_set)
    finally:
        end_at_once(executor)


def _start_worker(
    registered: Registered,
    recipe: Recipe,
    features: Path,
    started: "Synchronized[int]",
    ready: "Event",
) -> None:
    # Ctrl-C reaches the whole process group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    global _worker  # noqa: PLW0603 -- a pool's initialiser has no other way to hand state on
    try:
        _worker = _worker_state(registered, recipe, features, started)
    # Raised here it would end the process, which looks as if a cell had killed it.
    except Exception as e:
        _worker = UserError(f"a worker could not start: {type(e).__name__}: {e}")
    ready.set()


def _worker_state(
    registered: Registered, recipe: Recipe, features: Path, started: "Synchronized[int]"
) -> _WorkerState:
    from train_benchmark.features.prepare import load_prepared
    from train_benchmark.training.process_setup import exit_with_parent, set_up_training_process

    exit_with_parent()
    registered.register()
    set_up_training_process()
    with started.get_lock():
        number, started.value = started.value, started.value + 1
    take_gpu(number, recipe)
    return _WorkerState(recipe, load_prepared(features))


def take_gpu(number: int, recipe: Recipe) -> None:
    """Give a worker the next GPU in turn, where the recipe is trained on one.

    Args:
        number: how many workers have been started before.
        recipe: what the worker trains.
    """
    import torch

    from train_benchmark.training.trainer import fills_gpu

    # A worker that trains on the CPU must not take a GPU's memory.
    if fills_gpu(recipe) and torch.cuda.is_available():
        torch.cuda.set_device(number % torch.cuda.device_count())


def _train(job: Job) -> TrainingRecord:
    if isinstance(_worker, UserError):
        raise _worker
    assert _worker is not None
    return train_patiently(job, _worker.recipe, _worker.corpus)
