"""Trainings are stopped by their own curves alone, and a budget of epochs is kept."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding.common.errors import UserError
from surrogate.search import History, SearchProblem, TableEvaluator, run_search
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
