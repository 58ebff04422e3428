"""The laws of `Searcher`, as a suite that any implementation can be run through.

Subclass `SearcherContract` in a test module and give it a fixture `kind`:

    class TestMine(SearcherContract):
        @pytest.fixture
        def kind(self) -> type[Searcher]:
            return MySearcher

A searcher that is slow may be tested with cheaper settings by a fixture `settings`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from surrogate.data.targets import Identity, Target
from surrogate.search.evaluator import Outcome, Request
from surrogate.search.history import Evaluation, History
from surrogate.search.problem import Limit, Quantity, SearchProblem
from surrogate.search.run import evaluation_of, run_search
from surrogate.search.searcher import Searcher
from surrogate.search.space import SearchSpace
from surrogate.testing.synthetic import true_per

ERROR = Target("error", "error", "rate", "minimise", Identity())
SCORE = Target("score", "score", "rate", "maximise", Identity())
SMALL = SearchSpace(nodes=2, ops=("linear", "conv5", "conv7d2", "zero"))
"""Some hundred points; fewer functions."""

_BUDGET = 30
_REPEATS = 4
_GOOD_SHARE = 0.1


def problem_of(target: Target = ERROR, space: SearchSpace = SMALL) -> SearchProblem:
    """A problem with one objective."""
    return SearchProblem((Quantity.of_target(target),), space=space)


class FunctionEvaluator:
    """Evaluates from a mapping, and counts what was read.

    Args:
        problem: with one target as its objective.
        labels: functional key -> value on the target's own scale.
        failing: keys whose evaluation fails.
    """

    source = "made-up labels"
    seeds = (1,)

    def __init__(
        self, problem: SearchProblem, labels: Mapping[str, float], failing: Sequence[str] = ()
    ) -> None:
        self._name = problem.objectives[0].name
        self._labels, self._failing = labels, set(failing)
        self.read: list[str] = []

    def evaluate(self, requests: Sequence[Request]) -> list[Outcome]:
        """The labels of n requests."""
        self.read += [request.key for request in requests]
        return [
            Outcome(error="made to fail")
            if request.key in self._failing
            else Outcome({self._name: self._labels[request.key]})
            for request in requests
        ]


def labels_of(space: SearchSpace) -> dict[str, float]:
    """Made-up error rates of all functions: smooth over the space, without noise."""
    functions = space.functions
    return {
        key: true_per(graph) for key, graph in zip(functions.keys, functions.graphs, strict=True)
    }


class SearcherContract:
    """What every searcher must do."""

    @pytest.fixture
    def kind(self) -> type[Searcher]:
        """The class under test; override it."""
        raise NotImplementedError

    @pytest.fixture
    def settings(self, kind: type[Searcher]) -> Any:
        """Settings that it is tested with."""
        return kind.settings_type()

    @pytest.fixture
    def batch(self) -> int:
        """Cells that it is asked for at a time."""
        return 5

    def run(
        self,
        searcher: Searcher,
        labels: Mapping[str, float],
        *,
        budget: int = _BUDGET,
        batch: int = 5,
        failing: Sequence[str] = (),
    ) -> tuple[Evaluation, ...]:
        """The evaluations of a whole search."""
        history = History({})
        evaluator = FunctionEvaluator(searcher.problem, labels, failing)
        run_search(searcher, evaluator, budget=budget, batch=batch, history=history)
        assert evaluator.read == [e.key for e in history.evaluations]
        return tuple(history.evaluations)

    def test_it_asks_for_as_many_living_cells_as_are_wanted(
        self, kind: type[Searcher], settings: Any
    ) -> None:
        """Before the first evaluation, too."""
        cells = kind(problem_of(), seed=0, settings=settings).ask(7)
        assert len(cells) == 7
        assert not any(SMALL.function(cell).is_dead for cell in cells)

    def test_asking_for_nothing_is_refused(self, kind: type[Searcher], settings: Any) -> None:
        """Zero cells are no question."""
        with pytest.raises(UserError, match="at least 1 cell"):
            kind(problem_of(), seed=0, settings=settings).ask(0)

    def test_no_function_is_asked_for_twice(
        self, kind: type[Searcher], settings: Any, batch: int
    ) -> None:
        """Functions are distinguished by their keys, whatever cells compute them."""
        found = self.run(
            kind(problem_of(), seed=1, settings=settings), labels_of(SMALL), batch=batch
        )
        keys = {e.key for e in found}
        assert len(found) == _BUDGET
        assert len(keys) == _BUDGET or kind.repeats

    def test_pending_functions_are_not_asked_for_again(
        self, kind: type[Searcher], settings: Any
    ) -> None:
        """Several batches may be under way at a time."""
        searcher = kind(problem_of(), seed=2, settings=settings)
        known = self.run(searcher, labels_of(SMALL), budget=15)
        asked = [SMALL.function(cell).key for _ in range(3) for cell in searcher.ask(4)]
        assert set(asked) == set(searcher.pending)
        if not kind.repeats:
            assert len(set(asked)) == 12
            assert not set(asked) & {e.key for e in known}

    def test_a_small_space_is_exhausted(self, kind: type[Searcher], settings: Any) -> None:
        """Every function once, and then no cell."""
        if kind.repeats:
            pytest.skip("it repeats functions, so that no space is ever exhausted")
        space = SearchSpace(nodes=2, ops=("linear", "zero"))
        searcher = kind(problem_of(space=space), seed=0, settings=settings)
        found = self.run(searcher, labels_of(space), budget=1000, batch=7)
        assert sorted(e.key for e in found) == sorted(space.functions.keys)
        assert searcher.ask(3) == []

    def test_equal_seeds_give_equal_searches(
        self, kind: type[Searcher], settings: Any, batch: int
    ) -> None:
        """And another seed another one."""
        one, same, other = (
            self.run(
                kind(problem_of(), seed=seed, settings=settings), labels_of(SMALL), batch=batch
            )
            for seed in (3, 3, 4)
        )
        assert one == same
        assert [e.key for e in one] != [e.key for e in other]

    def test_recommending_does_not_change_the_search(
        self, kind: type[Searcher], settings: Any
    ) -> None:
        """A look at the incumbent draws no random number."""
        searchers = [kind(problem_of(), seed=5, settings=settings) for _ in range(2)]
        for searcher in searchers:
            self.run(searcher, labels_of(SMALL), budget=12)
        searchers[0].recommend(3)
        assert searchers[0].ask(4) == searchers[1].ask(4)

    def test_foreign_evaluations_are_accepted(self, kind: type[Searcher], settings: Any) -> None:
        """Cells that it never asked for count as known."""
        problem, labels = problem_of(), labels_of(SMALL)
        searcher = kind(problem, seed=6, settings=settings)
        keys, cells = SMALL.functions.keys[:12], SMALL.functions.cells[:12]
        outcomes = FunctionEvaluator(problem, labels)
        requests = [Request(cell, key, 1) for cell, key in zip(cells, keys, strict=True)]
        told = [
            evaluation_of(request, outcome, problem, "elsewhere", 0)
            for request, outcome in zip(requests, outcomes.evaluate(requests), strict=True)
        ]
        searcher.tell(told)
        assert set(searcher.known) == set(keys)
        asked = [SMALL.function(cell).key for cell in searcher.ask(8)]
        assert kind.repeats or not set(asked) & set(keys)
        (best,) = searcher.recommend()
        assert best.key in keys

    def test_evaluations_of_other_spaces_are_refused(
        self, kind: type[Searcher], settings: Any
    ) -> None:
        """As are pending cells, with an error, and the search goes on as before."""
        problem = problem_of()
        searcher, same = (kind(problem, seed=6, settings=settings) for _ in range(2))
        cell = next(iter(SearchSpace().functions.cells))
        request = Request(cell, problem.space.function(cell).key, 1)
        outcome = Outcome({problem.objectives[0].name: 0.5})
        with pytest.raises(UserError, match="not in the space"):
            searcher.tell([evaluation_of(request, outcome, problem, "elsewhere", 0)])
        with pytest.raises(UserError, match="not in the space"):
            searcher.await_cells([SMALL.functions.cells[0], cell])
        assert searcher.known == {} and searcher.pending == {}
        assert searcher.ask(3) == same.ask(3)

    def test_evaluations_of_other_objectives_are_refused(
        self, kind: type[Searcher], settings: Any
    ) -> None:
        """With an error, and nothing is recorded."""
        problem = problem_of()
        searcher = kind(problem, seed=6, settings=settings)
        request = Request(SMALL.functions.cells[0], SMALL.functions.keys[0], 1)
        outcome = Outcome({problem.objectives[0].name: 0.5})
        right = evaluation_of(request, outcome, problem, "elsewhere", 0)
        with pytest.raises(UserError, match="a cost for each objective, 1"):
            searcher.tell([right, replace(right, costs=(0.5, 0.5))])
        assert searcher.known == {}

    def test_dead_cells_are_never_asked_for_and_may_be_told(
        self, kind: type[Searcher], settings: Any
    ) -> None:
        """They are recorded, and change nothing."""
        problem = problem_of()
        dead = Cell(("zero", "zero"), ((0,), (0, 0)))
        searcher = kind(problem, seed=0, settings=settings)
        request = Request(dead, SMALL.function(dead).key, 1)
        searcher.tell([evaluation_of(request, Outcome(), problem, "elsewhere", 0)])
        assert searcher.known == {}
        assert not any(SMALL.function(cell).is_dead for cell in searcher.ask(20))

    def test_failed_evaluations_are_not_repeated(
        self, kind: type[Searcher], settings: Any, batch: int
    ) -> None:
        """They count as trainings, and the search goes on."""
        failing = SMALL.functions.keys[::3]
        searcher = kind(problem_of(), seed=7, settings=settings)
        found = self.run(searcher, labels_of(SMALL), batch=batch, failing=failing)
        failed = [e.key for e in found if e.status == "failed"]
        assert failed and len(found) == _BUDGET
        assert kind.repeats or len(set(failed)) == len(failed)
        assert not set(failed) & set(searcher.known)

    def test_limits_on_exact_quantities_hold(
        self, kind: type[Searcher], settings: Any, batch: int
    ) -> None:
        """No function beyond a limit on parameters is trained."""
        params = Quantity.of("params")
        counts = [problem_of().static_value(params, graph) for graph in SMALL.functions.graphs]
        limit = Limit(params, float(np.median(counts)))
        problem = replace(problem_of(), limits=(limit,))
        found = self.run(
            kind(problem, seed=8, settings=settings), labels_of(SMALL), budget=20, batch=batch
        )
        graphs = [SMALL.function(Cell.parse(e.cell)).graph for e in found]
        assert len(found) == 20
        assert all(problem.static_value(params, graph) <= limit.most for graph in graphs)

    def test_both_directions_are_searched_alike(
        self, kind: type[Searcher], settings: Any, batch: int
    ) -> None:
        """A score that is the negative of an error gives the same search and the same best."""
        errors = labels_of(SMALL)
        searchers = [
            kind(problem_of(target), seed=9, settings=settings) for target in (ERROR, SCORE)
        ]
        by_error = self.run(searchers[0], errors, batch=batch)
        by_score = self.run(searchers[1], {k: -v for k, v in errors.items()}, batch=batch)
        assert [e.key for e in by_error] == [e.key for e in by_score]
        (lowest,), (highest,) = (searcher.recommend() for searcher in searchers)
        assert lowest.key == highest.key
        found = sorted(errors[e.key] for e in by_error)
        assert errors[lowest.key] <= found[len(found) // 4]

    def test_labels_of_other_functions_do_not_matter(
        self, kind: type[Searcher], settings: Any, batch: int
    ) -> None:
        """What was not asked for is not known: with other labels there the search is the same."""
        labels = labels_of(SMALL)
        first = self.run(kind(problem_of(), seed=10, settings=settings), labels, batch=batch)
        asked = {e.key for e in first}
        changed = {key: value if key in asked else -1.0 for key, value in labels.items()}
        again = self.run(kind(problem_of(), seed=10, settings=settings), changed, batch=batch)
        assert again == first

    def test_shuffled_labels_fall_to_random_search(
        self, kind: type[Searcher], settings: Any, batch: int
    ) -> None:
        """Where labels tell nothing of the functions, good ones turn up at the rate of chance.

        Of k distinct functions, each is among the best with the same probability, so that their
        number is hypergeometric; more than four standard deviations above it would be a leak.
        """
        keys = SMALL.functions.keys
        values = np.array(list(labels_of(SMALL).values()))
        good = int(_GOOD_SHARE * len(keys))
        hits, expected, variance = 0, 0.0, 0.0
        for seed in range(_REPEATS):
            rng = np.random.default_rng(seed)
            ranks = rng.permutation(len(keys))
            labels = dict(zip(keys, np.sort(values)[ranks].tolist(), strict=True))
            searcher = kind(problem_of(), seed=seed, settings=settings)
            found = {e.key for e in self.run(searcher, labels, batch=batch)}
            best = {key for key, rank in zip(keys, ranks, strict=True) if rank < good}
            n, k, share = len(keys), len(found), good / len(keys)
            hits += len(found & best)
            expected += k * share
            variance += k * share * (1 - share) * (n - k) / (n - 1)
        assert abs(hits - expected) <= 4 * np.sqrt(variance) + 1
