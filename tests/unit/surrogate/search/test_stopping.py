"""Trainings are stopped by their own curves alone, and a budget of epochs is kept."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding.common.errors import UserError
from surrogate.search import (
    History,
    Outcome,
    Quantity,
    Request,
    SearchProblem,
    TableEvaluator,
    run_search,
)
from surrogate.search.searchers import GuidedSearcher, RandomSearcher
from surrogate.search.stopping import (
    Decision,
    ForecastSettings,
    ForecastStopping,
    HalvingStopping,
    StoppingRule,
)
from surrogate.testing.searcher_contract import FunctionEvaluator, labels_of, problem_of
from tests.unit.surrogate.search.helpers import SMALL, space_table
from train_benchmark.table.benchmark_table import BenchmarkTable

EPOCHS = 20


def curves_to(ends: Sequence[float], seed: int = 0) -> list[np.ndarray]:
    """Curves that fall from 1 to their ends."""
    rng = np.random.default_rng(seed)
    shape = np.exp(-np.arange(EPOCHS) / 4)
    return [end + (1 - end) * shape + rng.normal(0, 0.002, EPOCHS) for end in ends]


def test_bad_trainings_are_stopped_and_good_ones_are_not() -> None:
    rng = np.random.default_rng(1)
    rule = ForecastStopping(ForecastSettings(place=1, finished=10))
    first = rng.uniform(0.4, 0.6, 10).tolist()
    assert all(d.forecast is None for d in rule.decide(curves_to(first), first))
    good, bad = rule.decide(curves_to([0.3, 0.7]), [0.3, 0.7])
    assert good == Decision(EPOCHS)
    assert bad.epochs < EPOCHS and bad.forecast == pytest.approx(0.7, abs=0.05)


@given(st.integers(0, 10_000), st.sampled_from([ForecastStopping, HalvingStopping]))
def test_no_epoch_counts_that_a_training_did_not_take(seed: int, kind: type[StoppingRule]) -> None:
    rng = np.random.default_rng(seed)
    ends = rng.uniform(0.3, 0.9, 16)
    curves = curves_to(ends.tolist(), seed)
    found = kind().decide(curves, ends.tolist())
    changed = [c.copy() for c in curves]
    later = ends.copy()
    for i, decision in enumerate(found):
        changed[i][decision.epochs :] = rng.uniform(0, 1, EPOCHS - decision.epochs)
        if decision.forecast is not None:
            later[i] = rng.uniform()
    assert kind().decide(changed, later.tolist()) == found


def test_halving_finishes_an_eighth() -> None:
    ends = np.linspace(0.3, 0.9, 16).tolist()
    found = HalvingStopping().decide(curves_to(ends), ends)
    assert [d.epochs for d in found] == [20] * 2 + [15] * 2 + [10] * 4 + [5] * 8
    assert [d.forecast is None for d in found] == [True] * 2 + [False] * 14


def test_a_budget_is_that_of_so_many_whole_trainings_and_resumes() -> None:
    table, problem = space_table(), SearchProblem(space=SMALL)

    def search(history: History) -> None:
        evaluator = TableEvaluator(table, problem, seeds=(1,))
        searcher = RandomSearcher(problem, seed=0)
        run_search(
            searcher, evaluator, budget=10, batch=16, history=history, stopping=HalvingStopping()
        )
        assert len(searcher.known) + len(searcher.stopped) == len(history)

    history = History({})
    search(history)
    epochs = sum(e.epochs for e in history.evaluations)
    whole = table.epochs
    assert whole is not None and 10 * whole <= epochs < 11 * whole
    statuses = {e.status for e in history.evaluations}
    assert statuses == {"ok", "stopped"}
    again = History({})
    for evaluation in history.evaluations[:7]:
        again.append(evaluation)
    search(again)
    assert again.evaluations == history.evaluations


class _Counted(TableEvaluator):
    """Counts what is looked up."""

    count = 0

    def evaluate(self, requests: Sequence[Request]) -> list[Outcome]:
        self.count += len(requests)
        return super().evaluate(requests)


def test_a_training_that_failed_takes_part_in_a_search_that_stops_early() -> None:
    table, problem = space_table(seeds=(1, 2)), SearchProblem(space=SMALL)
    records = [r for i, r in enumerate(table.records) if r.seed == 1 or i % 4 == 1]
    lacking = BenchmarkTable(table.metadata, records)
    evaluator = _Counted(lacking, problem, seeds=(2, 1), missing="failed")
    history = History({})
    searcher = RandomSearcher(problem, seed=0, trainings_each=2)
    rule = ForecastStopping(ForecastSettings(place=1, least=0.4))
    run_search(searcher, evaluator, budget=20, batch=5, history=history, stopping=rule)
    statuses = [e.status for e in history.evaluations]
    assert {"ok", "failed", "stopped"} == set(statuses)
    whole = table.epochs
    assert whole is not None
    used = sum(e.epochs for e in history.evaluations) + whole * statuses.count("failed")
    assert 20 * whole <= used < 21 * whole
    assert evaluator.count == len(history), "each training must be looked up once"


@pytest.mark.parametrize("budget", [9, 11, 14])
def test_a_larger_budget_continues_a_search_that_stops_early(budget: int) -> None:
    table, problem, history = space_table(), SearchProblem(space=SMALL), History({})
    for of in (budget, 30):
        run_search(
            GuidedSearcher(problem, seed=0, trainings_each=3),
            TableEvaluator(table, problem, seeds=(1, 2, 3)),
            budget=of,
            batch=8,
            history=history,
            stopping=ForecastStopping(ForecastSettings(place=1, least=0.4)),
        )
    whole = table.epochs
    assert whole is not None
    assert 30 * whole <= sum(e.epochs for e in history.evaluations) < 31 * whole


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("val_per", "test_per"), "'test_per' is known at the end of a training only"),
        (("test_per",), "needs a first objective that is on the learning curves"),
        (("params", "val_per"), "needs a first objective that is on the learning curves"),
    ],
)
def test_no_label_of_a_stopped_training_is_seen(names: tuple[str, ...], message: str) -> None:
    problem = SearchProblem(tuple(map(Quantity.of, names)), space=SMALL)
    history = History({})
    with pytest.raises(UserError, match=message):
        run_search(
            RandomSearcher(problem, seed=0),
            TableEvaluator(space_table(), problem, seeds=(1,)),
            budget=20,
            batch=5,
            history=history,
            stopping=ForecastStopping(),
        )
    assert not history.evaluations


def test_guided_learns_from_what_was_stopped_and_does_not_recommend_it() -> None:
    table, problem = space_table(), SearchProblem(space=SMALL)
    evaluator = TableEvaluator(table, problem, seeds=(1,))
    searcher = GuidedSearcher(problem, seed=0)
    history = History({})
    rule = ForecastStopping(ForecastSettings(place=1, least=0.4))
    run_search(searcher, evaluator, budget=20, batch=5, history=history, stopping=rule)
    assert searcher.stopped and len(history) > 20
    (best,) = searcher.recommend()
    assert best.key in searcher.known


def test_stopping_needs_curves() -> None:
    evaluator = FunctionEvaluator(problem_of(), labels_of(SMALL))
    with pytest.raises(UserError, match="needs learning curves of a table"):
        run_search(
            RandomSearcher(problem_of(), seed=0),
            evaluator,
            budget=3,
            batch=3,
            history=History({}),
            stopping=ForecastStopping(),
        )


@pytest.mark.parametrize("wrong", [{"finished": 3}, {"first": 0}, {"place": 0}, {"least": 1.0}])
def test_wrong_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        ForecastSettings(**wrong)  # type: ignore[arg-type]
