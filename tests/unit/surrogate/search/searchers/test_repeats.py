"""Repeats of incumbents with further seeds: when, which, and each seed once."""

from collections.abc import Sequence

import pytest

from surrogate.search import Evaluation, History, Limit, Outcome, Quantity, Request, SearchProblem
from surrogate.search import run_search as run
from surrogate.search.searchers import GuidedSearcher, GuidedSettings
from surrogate.testing.searcher_contract import ERROR, labels_of, problem_of
from tests.unit.surrogate.search.helpers import SMALL

LABELS = labels_of(SMALL)
LATENCY = Quantity.of("here/fast")


class SeededEvaluator:
    """Labels that do not depend on the seed; some seeds fail, and the best half is slow."""

    source = "made-up labels"

    def __init__(self, seeds: Sequence[int], failing: Sequence[int] = ()) -> None:
        self.seeds, self._failing = tuple(seeds), failing
        self._middle = sorted(LABELS.values())[len(LABELS) // 2]

    def evaluate(self, requests: Sequence[Request]) -> list[Outcome]:
        return [
            Outcome(error="made to fail")
            if request.seed in self._failing
            else Outcome(
                {
                    "error": LABELS[request.key],
                    LATENCY.name: 2.0 if LABELS[request.key] < self._middle else 1.0,
                }
            )
            for request in requests
        ]


def searched(
    problem: SearchProblem,
    evaluator: SeededEvaluator,
    batch: int,
    settings: GuidedSettings | None = None,
) -> Sequence[Evaluation]:
    searcher = GuidedSearcher(
        problem, seed=0, settings=settings, trainings_each=len(evaluator.seeds)
    )
    history = History({})
    run(searcher, evaluator, budget=40, batch=batch, history=history)
    return history.evaluations


def repeated(evaluations: Sequence[Evaluation]) -> list[int]:
    """Places of the trainings of functions that were trained before."""
    keys = [evaluation.key for evaluation in evaluations]
    return [place for place, key in enumerate(keys) if key in keys[:place]]


@pytest.mark.parametrize("batch", [1, 4, 10])
@pytest.mark.parametrize("whole_space", [True, False])
@pytest.mark.parametrize("failing", [(), (2,)])
def test_every_tenth_training_repeats_an_incumbent_with_a_new_seed(
    batch: int, whole_space: bool, failing: Sequence[int]
) -> None:
    settings = GuidedSettings(whole_space=whole_space, sampled=60)
    found = searched(problem_of(), SeededEvaluator((1, 2, 3), failing), batch, settings)
    assert len({(evaluation.key, evaluation.seed) for evaluation in found}) == len(found)
    places = repeated(found)
    assert len(places) in (3, 4)
    if batch == 1:
        assert places == [9, 19, 29, 39]


def test_no_incumbent_is_repeated_that_breaks_a_limit() -> None:
    limit = Limit(LATENCY, 1.5)
    problem = SearchProblem((Quantity.of_target(ERROR),), (limit,), SMALL)
    found = searched(problem, SeededEvaluator((1, 2)), 1)
    places = repeated(found)
    assert places
    assert all(found[place].values[LATENCY.name] <= limit.most for place in places)
