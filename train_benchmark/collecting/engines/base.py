"""What every engine does: run trainings somewhere, and give their records back one by one."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence

from graph_encoding.common.errors import NasasrError
from graph_encoding.cost import params
from graph_encoding.functional import functional_key
from train_benchmark.collecting.failure_guard import MAX_ATTEMPTS, MAX_FAILED_IN_A_ROW, HeldRecords
from train_benchmark.collecting.plan import Job
from train_benchmark.features.prepared import PreparedCorpus
from train_benchmark.recipe import Recipe
from train_benchmark.record import TrainingRecord
from train_benchmark.training.trainer import software_versions, train_cell


class WorkersDiedError(NasasrError, RuntimeError):
    """Trainings keep failing or losing their workers, whatever the cell."""


class Engine(ABC):
    """Runs trainings. A record does not depend on the engine, the workers or the order."""

    @abstractmethod
    def run(
        self,
        jobs: Sequence[Job],
        recipe: Recipe,
        corpus: PreparedCorpus,
        *,
        on_start: Callable[[Job], None],
        may_start: Callable[[], bool],
    ) -> Generator[TrainingRecord, None, None]:
        """Train all jobs and yield their records as they finish.

        A training whose worker dies is tried again, at most `MAX_ATTEMPTS` times in all; then it
        has a record of status "failed" that says so. Failed records come once a training has
        shown that the machine works, or all is done. The generator may be closed at any time:
        trainings in flight, and failed records that have not come, are then given up.

        Args:
            jobs: what to train, in this order.
            recipe: how.
            corpus: what `prepare` made for that recipe.
            on_start: called with each job when it is handed to a worker.
            may_start: asked before each job; once it says no, the rest is left and only the
                trainings in flight are finished.

        Raises:
            UserError: if no worker can start; no training then has a record.
            WorkersDiedError: if trainings of several cells in a row failed or lost their workers.
        """


def train_patiently(job: Job, recipe: Recipe, corpus: PreparedCorpus) -> TrainingRecord:
    """Train a cell; try again where torch could not compute it."""
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


def held_trainings() -> HeldRecords[TrainingRecord]:
    """Failed trainings of one run, until a training is kept; then `WorkersDiedError`."""
    return HeldRecords(_ill)


def _ill(count: int, last: TrainingRecord) -> WorkersDiedError:
    return WorkersDiedError(
        f"at most {MAX_FAILED_IN_A_ROW - 1} cells in a row may fail or lose their workers, but "
        f"{count} did (the last: cell {last.cell}, seed {last.seed}: {last.error}); none of them "
        "has a new record. Run with fewer workers, or look for their killer (out of memory? a "
        "broken GPU?); if the cells are to blame, take them out of the campaign"
    )
