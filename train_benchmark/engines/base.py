"""What every engine does: run trainings somewhere, and give their records back one by one."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from graph_encoding.cell import Cell
from graph_encoding.cost import params
from graph_encoding.errors import NasasrError
from graph_encoding.functional import functional_key
from train_benchmark.recipe import Recipe
from train_benchmark.record import TrainingRecord
from train_benchmark.trainer import PreparedCorpus, software_versions, train_cell

MAX_ATTEMPTS = 3
"""How often a training is tried that fails for a reason which may pass, such as lack of memory."""

MAX_LOST_IN_A_ROW = 5
"""So many trainings lost one after another are no property of their cells: the machine is ill."""


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
    """Worker processes keep dying, whatever they train."""


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
        has a record of status "failed" that says so. The generator may be closed at any time:
        trainings in flight are then given up.

        Args:
            jobs: what to train, in this order.
            recipe: how.
            corpus: what `prepare` made for that recipe.
            on_start: called with each job when it is handed to a worker.
            may_start: asked before each job; once it says no, the rest is left and only the
                trainings in flight are finished.

        Raises:
            WorkersDiedError: if the workers of several trainings in a row died.
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


class LossCounter:
    """Tells a cell that kills its worker from a machine that kills all of them."""

    def __init__(self) -> None:
        self._in_a_row = 0

    def kept(self) -> None:
        """A training gave its record."""
        self._in_a_row = 0

    def lost(self, why: str) -> None:
        """A training was given up.

        Raises:
            WorkersDiedError: if it was the last of too many in a row.
        """
        self._in_a_row += 1
        if self._in_a_row >= MAX_LOST_IN_A_ROW:
            raise WorkersDiedError(
                f"at most {MAX_LOST_IN_A_ROW - 1} trainings in a row may lose their workers, but "
                f"{self._in_a_row} did (the last: {why}); run with fewer workers, or look for "
                "their killer (out of memory?)"
            )
