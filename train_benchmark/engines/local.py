"""Trainings on this machine: a pool of spawned processes, one torch thread each."""

import logging
import multiprocessing
import signal
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from graph_encoding.cell import Cell
from graph_encoding.errors import NasasrError
from train_benchmark.recipe import Recipe
from train_benchmark.record import TrainingRecord
from train_benchmark.trainer import PreparedCorpus

_log = logging.getLogger(__name__)

MAX_POOL_RESTARTS = 5


@dataclass(frozen=True)
class Job:
    """One training to run.

    Attributes:
        cell: what to train.
        seed: with which seed.
    """

    cell: Cell
    seed: int


class WorkersDiedError(NasasrError, RuntimeError):
    """Worker processes keep dying, for example for lack of memory."""


@dataclass
class _WorkerState:
    recipe: Recipe
    corpus: PreparedCorpus


_worker: _WorkerState | None = None


def run_local(
    jobs: Sequence[Job], recipe: Recipe, features: Path, workers: int
) -> Generator[TrainingRecord, None, None]:
    """Train all jobs and yield their records as they finish.

    The iterator may be closed at any time: trainings in flight are then given up.

    Args:
        jobs: what to train, in this order.
        recipe: how.
        features: file written by `prepare.save_prepared`.
        workers: processes, >= 1.

    Raises:
        WorkersDiedError: if processes die more than `MAX_POOL_RESTARTS` times. A death is
            retried: the jobs in flight run again in a new pool.
    """
    waiting = list(reversed(jobs))
    restarts = 0
    while waiting:
        in_flight: dict[Future[TrainingRecord], Job] = {}
        pool = ProcessPoolExecutor(
            max_workers=min(workers, len(waiting)),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            initargs=(recipe, features),
        )
        try:
            while waiting or in_flight:
                # Twice the workers: the next job is there when one ends, and few are lost.
                while waiting and len(in_flight) < 2 * workers:
                    job = waiting.pop()
                    in_flight[pool.submit(_train, job)] = job
                done, _ = wait(in_flight, return_when=FIRST_COMPLETED)
                for future in done:
                    record = future.result()
                    del in_flight[future]
                    yield record
        except BrokenProcessPool as e:
            restarts += 1
            if restarts > MAX_POOL_RESTARTS:
                raise WorkersDiedError(
                    f"worker processes died {restarts} times; at most {MAX_POOL_RESTARTS} are "
                    "retried. Run with fewer workers, or look for their killer (out of memory?)"
                ) from e
            _log.warning("a worker process died; training its %d cells again", len(in_flight))
            waiting += list(in_flight.values())
        finally:
            _stop(pool)


def _stop(pool: ProcessPoolExecutor) -> None:
    """End a pool at once; `shutdown` alone would wait for trainings nobody wants any more."""
    processes = list((pool._processes or {}).values())  # noqa: SLF001 -- no public way to stop them
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()


def _start_worker(recipe: Recipe, features: Path) -> None:
    from train_benchmark.prepare import load_prepared
    from train_benchmark.process_setup import exit_with_parent, set_up_training_process

    # Ctrl-C reaches the whole process group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    exit_with_parent()
    set_up_training_process()
    global _worker  # noqa: PLW0603 -- a pool's initialiser has no other way to hand state on
    _worker = _WorkerState(recipe, load_prepared(features))


def _train(job: Job) -> TrainingRecord:
    from train_benchmark.trainer import train_cell

    assert _worker is not None
    return train_cell(job.cell, job.seed, _worker.recipe, _worker.corpus)
