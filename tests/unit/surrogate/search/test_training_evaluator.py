"""Values of trainings are those of their records, and failed trainings are failed evaluations."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from graph_encoding.common.errors import UserError
from graph_encoding.macro import MACROS
from graph_encoding.semantics import Semantics
from surrogate.search import (
    History,
    Quantity,
    Request,
    SearchProblem,
    TrainedBy,
    TrainingEvaluator,
    run_search,
)
from surrogate.search.searchers import EvolutionWithRepeatsSearcher, RandomSearcher
from tests.unit.surrogate.search.helpers import SMALL
from tests.unit.train_benchmark.test_record import RECORD
from train_benchmark.labels import label_of
from train_benchmark.record import TrainingRecord

PROBLEM = SearchProblem(space=SMALL)
RECIPE = TrainedBy("a" * 64, Semantics.PAPER, MACROS.get("timit-micro"))


class MadeTrainings:
    """Keeps records as a campaign does; every third training fails."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, int], TrainingRecord] = {}
        self.requests: list[tuple[str, int]] = []

    def __call__(
        self, requests: Sequence[Request], on_record: Callable[[TrainingRecord], None]
    ) -> None:
        for request in requests:
            self.requests.append((request.key, request.seed))
            record = replace(RECORD, functional_key=request.key, seed=request.seed)
            if len(self.requests) % 3 == 0:
                record = replace(record, status="failed", error="out of memory")
            on_record(self.records.setdefault(record.identity, record))


def test_failed_trainings_are_recorded_and_count() -> None:
    history = History({})
    evaluator = TrainingEvaluator(MadeTrainings(), PROBLEM, seeds=(7,), recipe=RECIPE)
    run_search(RandomSearcher(PROBLEM, seed=0), evaluator, budget=9, batch=3, history=history)
    assert [e.status for e in history.evaluations] == ["ok", "ok", "failed"] * 3
    assert "out of memory" in history.evaluations[2].error
    assert history.evaluations[0].values == {"val_per": label_of(RECORD, "val_per")}
    assert {(e.seed, e.source) for e in history.evaluations} == {
        (7, "trainings by recipe aaaaaaaaaaaa")
    }


def test_each_training_is_in_the_history_before_the_next_one_starts() -> None:
    history = History({})

    class Counts(MadeTrainings):
        def __call__(
            self, requests: Sequence[Request], on_record: Callable[[TrainingRecord], None]
        ) -> None:
            def seen(record: TrainingRecord) -> None:
                on_record(record)
                assert len(history) == len(self.records)

            super().__call__(requests, seen)

    evaluator = TrainingEvaluator(Counts(), PROBLEM, seeds=(7,), recipe=RECIPE)
    run_search(RandomSearcher(PROBLEM, seed=0), evaluator, budget=6, batch=3, history=history)
    assert len(history) == 6


def test_a_function_is_requested_once_in_a_batch() -> None:
    trainings = MadeTrainings()
    evaluator = TrainingEvaluator(trainings, PROBLEM, seeds=(7,), recipe=RECIPE)
    searcher = EvolutionWithRepeatsSearcher(PROBLEM, seed=0)
    (cell,) = searcher.ask(1)
    request = Request(cell, SMALL.function(cell).key, 7)
    first, second = evaluator.evaluate([request, request])
    assert trainings.requests == [(request.key, 7)] and first == second


def test_params_are_those_of_the_recipe_s_network() -> None:
    problem = SearchProblem((Quantity.of("val_per"), Quantity.of("params")), space=SMALL)
    evaluator = TrainingEvaluator(MadeTrainings(), problem, seeds=(1,), recipe=RECIPE)
    cell, key = SMALL.functions.cells[0], SMALL.functions.keys[0]
    (outcome,) = evaluator.evaluate([Request(cell, key, 1)])
    graph = SMALL.function(cell).graph
    assert outcome.values["params"] == problem.static_value(Quantity.of("params"), graph)
    other = replace(RECIPE, macro=MACROS.get("paper"))
    with pytest.raises(UserError, match="params and macs must be those of the recipe's"):
        TrainingEvaluator(MadeTrainings(), problem, seeds=(1,), recipe=other)


@pytest.mark.parametrize(
    ("seeds", "objective", "semantics", "message"),
    [
        ((), "val_per", Semantics.PAPER, "distinct seeds >= 0"),
        ((1, 1), "val_per", Semantics.PAPER, "distinct seeds >= 0"),
        ((-1,), "val_per", Semantics.PAPER, "distinct seeds >= 0"),
        ((1,), "a/b", Semantics.PAPER, "measure no latency"),
        ((1,), "val_per", Semantics.RELEASED, "read cells as its recipe does"),
    ],
)
def test_a_problem_that_trainings_do_not_solve_is_refused(
    seeds: tuple[int, ...], objective: str, semantics: Semantics, message: str
) -> None:
    problem = SearchProblem((Quantity.of(objective),), space=SMALL)
    recipe = replace(RECIPE, semantics=semantics)
    with pytest.raises(UserError, match=message):
        TrainingEvaluator(MadeTrainings(), problem, seeds=seeds, recipe=recipe)
