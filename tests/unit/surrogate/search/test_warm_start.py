"""Labels of another recipe start a guided search; those of the same recipe are refused."""

from dataclasses import replace

import numpy as np
import pytest

from graph_encoding.common.errors import UserError
from surrogate.search import History, Quantity, SearchProblem, WarmStart, run_search
from surrogate.search.searchers import GuidedSearcher, GuidedSettings, RandomSearcher
from surrogate.testing.searcher_contract import FunctionEvaluator, labels_of
from tests.unit.surrogate.search.helpers import SMALL, space_table
from train_benchmark.table.benchmark_table import BenchmarkTable

TABLE = space_table()
PROBLEM = SearchProblem(space=SMALL)


def warm(functions: int = 40, seed: int = 0) -> WarmStart:
    return WarmStart.of_table(TABLE, PROBLEM, functions=functions, seed=seed)


def test_it_has_mean_labels_of_some_functions_of_the_space() -> None:
    found = warm()
    keys = [SMALL.function(cell).key for cell in found.cells]
    assert len(set(keys)) == 40 and set(keys) <= set(SMALL.functions.keys)
    labels = [np.mean(list(TABLE.labels_of(key, "val_per").values())) for key in keys]
    np.testing.assert_allclose(found.costs["val_per"], labels)
    assert warm(seed=1).cells != found.cells and warm().cells == found.cells


def test_its_checksum_is_that_of_the_labels() -> None:
    other = WarmStart.of_table(space_table(noise=0.01), PROBLEM, functions=40)
    assert other.source == warm().source and other.cells == warm().cells
    assert warm().content_sha256 == warm().content_sha256 != other.content_sha256


def test_a_warm_search_begins_with_good_functions_and_counts_none_as_known() -> None:
    labels = labels_of(SMALL)
    ranks = {key: rank for rank, key in enumerate(sorted(labels, key=lambda k: labels[k]))}
    first: list[float] = []
    for seed in range(3):
        searcher = GuidedSearcher(PROBLEM, seed=seed, warm_start=warm(seed=seed))
        assert searcher.known == {} and searcher.recommend() == []
        first += [ranks[SMALL.function(cell).key] for cell in searcher.ask(5)]
    assert np.mean(first) < len(labels) / 5
    assert "warm_start" in searcher.about()


def test_a_warm_search_is_the_same_again() -> None:
    found = []
    for _ in range(2):
        history = History({})
        searcher = GuidedSearcher(PROBLEM, seed=0, warm_start=warm())
        evaluator = FunctionEvaluator(PROBLEM, labels_of(SMALL))
        run_search(searcher, evaluator, budget=15, batch=5, history=history)
        found.append(history.evaluations)
    assert found[0] == found[1] and len(found[0]) == 15


def test_the_searched_recipe_and_other_searchers_are_refused() -> None:
    with pytest.raises(UserError, match="from another recipe"):
        WarmStart.of_table(TABLE, PROBLEM, functions=9, searched_recipe=TABLE.metadata.recipe_hash)
    with pytest.raises(UserError, match="cannot start from labels"):
        RandomSearcher(PROBLEM, seed=0, warm_start=warm())
    other = BenchmarkTable(replace(TABLE.metadata, semantics="released"), [])
    with pytest.raises(UserError, match="must read cells as the search does"):
        WarmStart.of_table(other, PROBLEM, functions=9)
    with pytest.raises(UserError, match="at least 2 functions"):
        WarmStart.of_table(BenchmarkTable(TABLE.metadata, []), PROBLEM, functions=9)


def test_an_objective_that_the_other_recipe_lacks_needs_a_start() -> None:
    latency = Quantity.of("here/fast")
    problem = SearchProblem((*PROBLEM.objectives, latency), space=SMALL)
    start = GuidedSearcher(problem, seed=3).ask(5)
    assert GuidedSearcher(problem, seed=3, warm_start=warm()).ask(5) == start


def test_other_models_have_no_use_for_another_recipe() -> None:
    with pytest.raises(UserError, match="warm start needs the model 'process', but model is 'rid"):
        GuidedSearcher(PROBLEM, seed=0, settings=GuidedSettings(model="ridge"), warm_start=warm())
