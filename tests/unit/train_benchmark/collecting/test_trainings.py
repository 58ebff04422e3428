"""Trainings without processes: every job has its record, every worker finds its GPU."""

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from graph_encoding import Cell, functional_key
from graph_encoding.engines.engine import Engine, Lost, Needs
from tests.integration.test_training import CONFIGS, RECIPE, tone_utterance
from tests.unit.train_benchmark.test_record import RECORD
from train_benchmark.collecting.failure_guard import MAX_FAILED_IN_A_ROW
from train_benchmark.collecting.plan import Job
from train_benchmark.collecting.trainings import WorkersDiedError, take_gpu, train_all
from train_benchmark.features.prepared import PreparedCorpus
from train_benchmark.recipe import Recipe
from train_benchmark.record import TrainingRecord

CELLS = ("10_100_1000", "01_310_2011", "30_500_2110", "20_200_2000", "10_110_1011", "00_100_1000")
JOBS = [Job(Cell.parse(text), 1) for text in CELLS]


def record_of(job: Job, status: str = "ok") -> TrainingRecord:
    key = functional_key(job.cell, RECIPE.semantics)
    record = replace(RECORD, functional_key=key, cell=job.cell.text, seed=job.seed)
    if status == "ok":
        return record
    return replace(record, status="failed", error="CUDA error: unspecified launch failure")


class MadeEngine(Engine):
    """Makes up records, or loses the workers of some cells."""

    def __init__(self, *lost: Job, status: Callable[[Job], str] = lambda _: "ok") -> None:
        self.lost, self.status = lost, status
        self.needs: Needs | None = None

    def pool(self, *_: Any) -> NoReturn:
        raise NotImplementedError

    def run(
        self, next_task: Callable[[], Any], make_work: object, needs: Needs | None = None, **_: Any
    ) -> Generator[tuple[Any, Any], None, None]:
        del make_work
        self.needs = needs
        while (job := next_task()) is not None:
            is_lost = job in self.lost
            yield job, Lost("killed") if is_lost else record_of(job, self.status(job))


@pytest.fixture
def corpus() -> PreparedCorpus:
    rng = np.random.default_rng(0)
    few = tuple(tone_utterance(f"u{i}", (1, 2), rng) for i in range(3))
    return PreparedCorpus.single("fingerprint", few[:1], few[1:2], few[2:])


def run(engine: Engine, corpus: PreparedCorpus, records: list[TrainingRecord]) -> None:
    """Run all jobs; what comes is put into `records`, whatever ends it."""
    for record in train_all(engine, JOBS, RECIPE, corpus):
        records.append(record)  # noqa: PERF402 -- kept where the run ends with an error


PAPER = Recipe.load(CONFIGS / "train/paper-e40.toml", CONFIGS / "corpus/timit.toml")


@pytest.mark.parametrize(
    ("recipe", "gpus", "expected"),
    [(PAPER, 2, [0, 1, 0, 1, 0]), (PAPER, 8, [0, 1, 2, 3, 4]), (PAPER, 0, []), (RECIPE, 2, [])],
)
def test_workers_take_the_gpus_in_turn(
    monkeypatch: pytest.MonkeyPatch, recipe: Recipe, gpus: int, expected: list[int]
) -> None:
    taken: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    for number in range(5):
        take_gpu(number, recipe)
    assert taken == expected


@pytest.mark.parametrize(("recipe", "gpu"), [(PAPER, True), (RECIPE, False)])
def test_trainings_need_a_gpu_where_they_fill_one(
    corpus: PreparedCorpus, recipe: Recipe, gpu: bool
) -> None:
    engine = MadeEngine()
    list(train_all(engine, JOBS[:1], recipe, corpus))
    assert engine.needs is not None
    assert engine.needs.gpu == gpu


def test_a_training_that_lost_its_workers_has_a_record(corpus: PreparedCorpus) -> None:
    records: list[TrainingRecord] = []
    run(MadeEngine(JOBS[1]), corpus, records)
    assert [(r.cell, r.status) for r in records] == [
        (job.cell.text, "failed" if job == JOBS[1] else "ok") for job in JOBS
    ]
    assert records[1].error == "killed"


def test_a_machine_on_which_every_training_fails_leaves_no_record(corpus: PreparedCorpus) -> None:
    records: list[TrainingRecord] = []
    with pytest.raises(WorkersDiedError, match=f"but {MAX_FAILED_IN_A_ROW} did .*launch failure"):
        run(MadeEngine(status=lambda _: "failed"), corpus, records)
    assert records == []


def test_cells_that_fail_on_a_machine_that_works_have_records(corpus: PreparedCorpus) -> None:
    good = JOBS[3]
    records: list[TrainingRecord] = []
    run(MadeEngine(status=lambda job: "ok" if job == good else "failed"), corpus, records)
    assert {r.cell: r.status for r in records} == {
        job.cell.text: "ok" if job == good else "failed" for job in JOBS
    }
