"""Engines: the same records wherever they run, and workers that die cost nothing but time."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from graph_encoding import (
    MACROS,
    TIMIT_MICRO_MACRO,
    Cell,
    Operation,
    UserError,
    params,
    register_operation,
)
from graph_encoding.engines.engine import MAX_ATTEMPTS, Engine, OnStep
from graph_encoding.engines.local import LocalEngine
from graph_encoding.engines.ray_cluster import RayEngine
from tests.integration.test_training import RECIPE, tone_utterance
from train_benchmark.collecting import failure_guard, trainings
from train_benchmark.collecting.plan import Job
from train_benchmark.collecting.trainings import WorkersDiedError, train_all
from train_benchmark.features.prepared import PreparedCorpus
from train_benchmark.recipe import Recipe
from train_benchmark.record import TrainingRecord

ROOT = Path(__file__).parents[2]
DEADLY_SEED = 666
JOBS = [
    Job(Cell.parse(text), seed)
    for text in ("10_100_1000", "01_310_2011", "conv3:1_411_0101", "30_500_2110")
    for seed in (1, 2)
]


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return RECIPE.model_copy(update={"train": RECIPE.train.model_copy(update={"epochs": 3})})


@pytest.fixture(scope="module")
def corpus() -> PreparedCorpus:
    rng = np.random.default_rng(0)
    all_of_it = tuple(
        tone_utterance(f"u{i}", tuple(rng.permutation(8)[:5] + 1), rng) for i in range(20)
    )
    return PreparedCorpus.single("fingerprint", all_of_it[:14], all_of_it[14:17], all_of_it[17:])


def run(
    engine: Engine, recipe: Recipe, corpus: PreparedCorpus, jobs: list[Job] = JOBS
) -> dict[tuple[str, int], TrainingRecord]:
    started: list[Job] = []
    records = list(train_all(engine, jobs, recipe, corpus, on_start=started.append))
    assert set(started) == set(jobs)
    assert len(records) == len(jobs)
    return {record.identity: record for record in records}


def numbers(records: dict[tuple[str, int], TrainingRecord]) -> dict[object, object]:
    return {
        i: (r.status, r.val_per_curve, r.train_loss_curve, r.test_per) for i, r in records.items()
    }


@pytest.fixture(scope="module")
def one_worker(recipe: Recipe, corpus: PreparedCorpus) -> dict[tuple[str, int], TrainingRecord]:
    return run(LocalEngine(1), recipe, corpus)


def test_records_do_not_depend_on_workers_or_order(
    recipe: Recipe, corpus: PreparedCorpus, one_worker: dict[tuple[str, int], TrainingRecord]
) -> None:
    backwards = run(LocalEngine(2), recipe, corpus, JOBS[::-1])
    assert numbers(backwards) == numbers(one_worker)


def test_no_training_begins_once_it_may_not(recipe: Recipe, corpus: PreparedCorpus) -> None:
    assert_none_begins_after_the_first(LocalEngine(1), recipe, corpus)


def assert_none_begins_after_the_first(
    engine: Engine, recipe: Recipe, corpus: PreparedCorpus
) -> None:
    """The time is up when the first training ends; what was handed over by then would be run."""
    records: list[TrainingRecord] = []
    running = train_all(engine, JOBS, recipe, corpus, may_start=lambda: not records)
    for record in running:
        records.append(record)  # noqa: PERF402 -- `may_start` looks at what has come so far
    assert [r.seed for r in records] == [JOBS[0].seed]


class DyingTrainer(trainings._Trainer):
    """Trains; the first worker that comes this far dies before it can hand its record over."""

    def __call__(self, number: int) -> Callable[[Job, OnStep], TrainingRecord]:
        train = super().__call__(number)

        def train_and_die(job: Job, on_step: OnStep) -> TrainingRecord:
            record = train(job, on_step)
            try:
                Path(os.environ["NASASR_TEST_DEATH"]).touch(exist_ok=False)
            except FileExistsError:
                return record
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError("not reached")

        return train_and_die


class DeadlySeedTrainer(trainings._Trainer):
    """A worker that is given seed 666 dies."""

    def __call__(self, number: int) -> Callable[[Job, OnStep], TrainingRecord]:
        train = super().__call__(number)

        def train_or_die(job: Job, on_step: OnStep) -> TrainingRecord:
            if job.seed == DEADLY_SEED:
                os._exit(1)
            return train(job, on_step)

        return train_or_die


@pytest.fixture
def death(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file that a worker leaves when it dies; workers see the path in their environment."""
    monkeypatch.setenv("NASASR_TEST_DEATH", str(tmp_path / "death"))
    return tmp_path / "death"


def test_a_killed_worker_costs_no_record(
    recipe: Recipe,
    corpus: PreparedCorpus,
    one_worker: dict[tuple[str, int], TrainingRecord],
    death: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trainings, "_Trainer", DyingTrainer)
    assert numbers(run(LocalEngine(2), recipe, corpus)) == numbers(one_worker)
    assert death.exists()


@pytest.mark.slow
def test_a_cell_that_kills_its_workers_has_a_record_that_says_so(
    recipe: Recipe,
    corpus: PreparedCorpus,
    one_worker: dict[tuple[str, int], TrainingRecord],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trainings, "_Trainer", DeadlySeedTrainer)
    deadly = Job(JOBS[2].cell, DEADLY_SEED)
    records = run(LocalEngine(2), recipe, corpus, [JOBS[0], deadly, JOBS[1], JOBS[3]])
    lost = next(r for r in records.values() if r.seed == DEADLY_SEED)
    assert lost.status == "failed"
    assert lost.error == f"its worker was lost {MAX_ATTEMPTS} times: its process was killed"
    others = {i: r for i, r in records.items() if r.seed != DEADLY_SEED}
    assert numbers(others) == {i: numbers(one_worker)[i] for i in others}


@pytest.mark.slow
def test_when_every_worker_dies_it_says_what_to_look_for(
    recipe: Recipe, corpus: PreparedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failure_guard, "MAX_FAILED_IN_A_ROW", 2)
    monkeypatch.setattr(trainings, "_Trainer", DeadlySeedTrainer)
    jobs = [Job(job.cell, DEADLY_SEED) for job in JOBS[::2]]
    running = train_all(LocalEngine(1), jobs, recipe, corpus)
    # The first of its records does not come either: the cells are not to blame.
    with pytest.raises(WorkersDiedError, match="Run with fewer workers, or look for"):
        next(running)


@pytest.fixture
def registered() -> tuple[Recipe, list[Job]]:
    """A recipe and a cell that the workers have not heard of; their own process registers them."""
    register_operation(Operation("conv13", "conv", kernel=13))
    MACROS.register("mine", replace(TIMIT_MICRO_MACRO, name="mine", filters=(16, 18, 20, 24)))
    train = RECIPE.train.model_copy(update={"macro": "mine", "epochs": 1})
    job = Job(Cell.parse("conv13:1_411_0101"), 1)
    return RECIPE.model_copy(update={"train": train}), [job]


def test_workers_know_what_was_registered(
    registered: tuple[Recipe, list[Job]], corpus: PreparedCorpus
) -> None:
    recipe, jobs = registered
    (record,) = run(LocalEngine(1), recipe, corpus, jobs).values()
    assert (record.status, record.cell) == ("ok", jobs[0].cell.text)
    assert record.params == params(jobs[0].cell, MACROS.get("mine"))


def test_workers_must_be_positive() -> None:
    with pytest.raises(UserError, match="workers must be >= 1, but got 0"):
        LocalEngine(0)


class TestRay:
    """On a cluster of this machine alone, started here."""

    @pytest.fixture(autouse=True)
    def ray_is_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("ray", reason="needs the ray extra: pip install 'nasasr[ray]'")
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")

    @pytest.mark.slow
    def test_records_equal_the_local_ones_though_a_worker_is_killed(
        self,
        recipe: Recipe,
        corpus: PreparedCorpus,
        one_worker: dict[tuple[str, int], TrainingRecord],
        death: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(trainings, "_Trainer", DyingTrainer)
        engine = RayEngine("local", 2)
        assert numbers(run(engine, recipe, corpus)) == numbers(one_worker)
        assert death.exists()

    @pytest.mark.slow
    def test_tasks_know_what_was_registered(
        self, registered: tuple[Recipe, list[Job]], corpus: PreparedCorpus
    ) -> None:
        recipe, jobs = registered
        (record,) = run(RayEngine("local", 1), recipe, corpus, jobs).values()
        assert (record.status, record.cell) == ("ok", jobs[0].cell.text)

    @pytest.mark.slow
    def test_no_training_begins_once_it_may_not(
        self, recipe: Recipe, corpus: PreparedCorpus
    ) -> None:
        assert_none_begins_after_the_first(RayEngine("local", 1), recipe, corpus)

    def test_an_address_without_a_cluster_is_an_error(
        self, recipe: Recipe, corpus: PreparedCorpus
    ) -> None:
        with pytest.raises(UserError, match="address must be that of a running Ray cluster"):
            run(RayEngine("auto", None), recipe, corpus)
