"""Engines without processes: every job keeps its record, every worker finds its GPU."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from graph_encoding import Cell, functional_key
from tests.integration.test_training import CONFIGS, RECIPE, tone_utterance
from tests.unit.train_benchmark.test_record import RECORD
from train_benchmark.collecting.engines import local, ray_cluster
from train_benchmark.collecting.engines.base import WorkersDiedError
from train_benchmark.collecting.engines.local import LocalEngine
from train_benchmark.collecting.failure_guard import MAX_FAILED_IN_A_ROW
from train_benchmark.collecting.plan import Job
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


class MadePool:
    """An executor that trains at once, and is broken from the submission numbered `breaks` on."""

    def __init__(self, train: Callable[[Job], TrainingRecord], breaks: int) -> None:
        self._train, self._breaks, self._submitted = train, breaks, 0

    def submit(self, _: object, job: Job) -> "Future[TrainingRecord]":
        self._submitted += 1
        if self._submitted == self._breaks:
            raise BrokenProcessPool
        future: Future[TrainingRecord] = Future()
        future.set_result(self._train(job))
        return future


@pytest.fixture
def corpus() -> PreparedCorpus:
    rng = np.random.default_rng(0)
    few = tuple(tone_utterance(f"u{i}", (1, 2), rng) for i in range(3))
    return PreparedCorpus.single("fingerprint", few[:1], few[1:2], few[2:])


def use_pools(monkeypatch: pytest.MonkeyPatch, *pools: MadePool) -> None:
    left = iter(pools)

    @contextmanager
    def made(workers: int, recipe: Recipe, features: Path) -> Iterator[local._Pool]:
        del recipe, features
        yield local._Pool(next(left), workers, lambda: True)  # type: ignore[arg-type]

    monkeypatch.setattr(local, "_pool", made)


def run(corpus: PreparedCorpus, records: list[TrainingRecord]) -> None:
    """Run all jobs; what comes is put into `records`, whatever ends it."""
    running = LocalEngine(2).run(
        JOBS, RECIPE, corpus, on_start=lambda _: None, may_start=lambda: True
    )
    for record in running:
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
        local.take_gpu(number, recipe)
    assert taken == expected


@pytest.mark.parametrize(
    ("recipe", "resources", "expected"),
    [
        (PAPER, {"CPU": 16.0, "GPU": 4.0}, (1, 4)),
        (PAPER, {"CPU": 2.0, "GPU": 4.0}, (1, 2)),
        (PAPER, {"CPU": 16.0}, (0, 16)),
        (RECIPE, {"CPU": 16.0, "GPU": 4.0}, (0, 16)),
        (RECIPE, {}, (0, 1)),
    ],
)
def test_ray_tasks_ask_for_a_gpu_where_they_use_one(
    recipe: Recipe, resources: dict[str, float], expected: tuple[int, int]
) -> None:
    assert ray_cluster._share_of(recipe, resources) == expected


@pytest.mark.parametrize("breaks", [1, 2, 3, 4])
def test_a_pool_that_breaks_between_two_jobs_drops_none(
    monkeypatch: pytest.MonkeyPatch, corpus: PreparedCorpus, breaks: int
) -> None:
    healthy = [MadePool(record_of, 0) for _ in range(len(JOBS))]
    use_pools(monkeypatch, MadePool(record_of, breaks), *healthy)
    records: list[TrainingRecord] = []
    run(corpus, records)
    assert sorted(r.identity for r in records) == sorted(record_of(j).identity for j in JOBS)


def test_a_machine_on_which_every_training_fails_leaves_no_record(
    monkeypatch: pytest.MonkeyPatch, corpus: PreparedCorpus
) -> None:
    use_pools(monkeypatch, MadePool(lambda job: record_of(job, "failed"), 0))
    records: list[TrainingRecord] = []
    with pytest.raises(WorkersDiedError, match=f"but {MAX_FAILED_IN_A_ROW} did .*launch failure"):
        run(corpus, records)
    assert records == []


def test_cells_that_fail_on_a_machine_that_works_have_records(
    monkeypatch: pytest.MonkeyPatch, corpus: PreparedCorpus
) -> None:
    good = JOBS[3]
    train = lambda job: record_of(job, "ok" if job == good else "failed")  # noqa: E731
    use_pools(monkeypatch, MadePool(train, 0))
    records: list[TrainingRecord] = []
    run(corpus, records)
    assert {r.cell: r.status for r in records} == {
        job.cell.text: "ok" if job == good else "failed" for job in JOBS
    }
