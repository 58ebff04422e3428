"""The trainings of a campaign on an engine: jobs go out, records come back one by one."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import torch

from graph_encoding.common.errors import NasasrError
from graph_encoding.cost import params
from graph_encoding.engines.engine import Engine, Lost, Needs, OnStep, always
from graph_encoding.functional_identity import functional_key
from train_benchmark.collecting.failure_guard import MAX_ATTEMPTS, MAX_FAILED_IN_A_ROW, HeldRecords
from train_benchmark.collecting.plan import Job
from train_benchmark.features.prepared import PreparedCorpus
from train_benchmark.recipe import Recipe
from train_benchmark.record import TrainingRecord
from train_benchmark.training.arithmetic import environment_of
from train_benchmark.training.process_setup import set_up_training_process
from train_benchmark.training.trainer import fills_gpu, software_versions, train_cell


class WorkersDiedError(NasasrError, RuntimeError):
    """Trainings keep failing or losing their workers, whatever the cell."""


def train_all(
    engine: Engine,
    jobs: Sequence[Job],
    recipe: Recipe,
    corpus: PreparedCorpus,
    *,
    on_start: Callable[[Job], None] = lambda _job: None,
    may_start: Callable[[], bool] = always,
) -> Generator[TrainingRecord, None, None]:
    """Train all jobs and yield their records as they finish.

    Records do not depend on the engine, the workers or the order. A training that loses its
    workers has a record of status "failed" that says so. Failed records are yielded once a
    training has shown that the machine works, or all is done. The generator may be closed at any
    time: trainings in flight, and failed records that were held back, are then given up.

    Args:
        engine: where trainings run.
        jobs: what to train, in this order.
        recipe: how.
        corpus: what `prepare` made for that recipe.
        on_start: called with each job when it is handed to a worker.
        may_start: asked before each job; once it is false, no further training begins and only
            those in flight are finished.

    Raises:
        UserError: if no worker can start; no training then has a record.
        WorkersDiedError: if trainings of several cells in a row failed or lost their workers.
    """
    waiting = iter(jobs)

    def next_job() -> Job | None:
        job = next(waiting, None) if may_start() else None
        if job is not None:
            on_start(job)
        return job

    held = HeldRecords[TrainingRecord](_faulty)
    needs = Needs(environment_of(recipe), gpu=fills_gpu(recipe))
    running = engine.run(next_job, _Trainer(recipe, corpus), needs, may_start=may_start)
    with closing(running):
        for job, result in running:
            if isinstance(result, Lost):
                yield from held.take(lost_record(job, recipe, corpus, result.why))
            else:
                yield from held.take(result)
    yield from held.rest()


@dataclass(frozen=True, eq=False)
class _Trainer:
    """What a worker trains with."""

    recipe: Recipe
    corpus: PreparedCorpus

    def __call__(self, number: int) -> Callable[[Job, OnStep], TrainingRecord]:
        """Set this process up as worker of that number."""
        set_up_training_process()
        take_gpu(number, self.recipe)
        return partial(train_patiently, recipe=self.recipe, corpus=self.corpus)


def take_gpu(number: int, recipe: Recipe) -> None:
    """Give a worker the next GPU in turn, where the recipe is trained on one.

    Args:
        number: number of the worker on its machine.
        recipe: what the worker trains.
    """
    # A worker that trains on the CPU must not take a GPU's memory.
    if fills_gpu(recipe) and torch.cuda.is_available():
        torch.cuda.set_device(number % torch.cuda.device_count())


def train_patiently(
    job: Job, on_step: OnStep, *, recipe: Recipe, corpus: PreparedCorpus
) -> TrainingRecord:
    """Train a cell; try again where torch could not compute it."""
    del on_step
    for _ in range(MAX_ATTEMPTS):
        record = train_cell(job.cell, job.seed, recipe, corpus)
        if record.status != "failed":
            break
    return record


def lost_record(job: Job, recipe: Recipe, corpus: PreparedCorpus, why: str) -> TrainingRecord:
    """The record of a training that left none, because its workers died."""
    return TrainingRecord(
        functional_key=functional_key(job.cell, recipe.semantics),
        cell=job.cell.text,
        semantics=recipe.semantics.value,
        seed=job.seed,
        recipe_hash=recipe.hash,
        corpus_fingerprint=corpus.fingerprint,
        status="failed",
        error=why,
        val_per_curve=(),
        train_loss_curve=(),
        best_epoch=0,
        test_per=float("nan"),
        params=params(job.cell, recipe.macro, recipe.semantics),
        train_seconds=0.0,
        software=software_versions(),
    )


def _faulty(count: int, last: TrainingRecord) -> WorkersDiedError:
    return WorkersDiedError(
        f"at most {MAX_FAILED_IN_A_ROW - 1} cells in a row may fail or lose their workers, but "
        f"{count} did (the last: cell {last.cell}, seed {last.seed}: {last.error}); none of them "
        "has a new record. Run with fewer workers, or look for what kills them (out of memory? a "
        "broken GPU?); if the cells are to blame, take them out of the campaign"
    )
