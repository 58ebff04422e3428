"""What each kind of searcher does beyond the laws that all share."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from graph_encoding.cell import Cell
from graph_encoding.common.errors import MissingExtraError
from surrogate.search import (
    Evaluation,
    History,
    Limit,
    Outcome,
    Quantity,
    Request,
    Searcher,
    SearchSpace,
)
from surrogate.search import run_search as run
from surrogate.search import searcher as searcher_module
from surrogate.search.run import evaluation_of
from surrogate.search.searchers import (
    BrpNasSearcher,
    BrpNasSettings,
    EvolutionSearcher,
    EvolutionSettings,
    GuidedSearcher,
    GuidedSettings,
    LocalSearcher,
    LomonasSearcher,
    LomonasSettings,
    NeuralPredictorSearcher,
    NeuralPredictorSettings,
    Nsga2Searcher,
    Nsga2Settings,
    RandomSearcher,
    optuna_samplers,
)
from surrogate.search.searchers.nsga2 import _Member, _ordered
from surrogate.testing.searcher_contract import ERROR, FunctionEvaluator, labels_of, problem_of
from tests.unit.surrogate.search.helpers import SMALL

PROBLEM = problem_of()
LABELS = labels_of(SMALL)
PARAMS = Quantity.of("params")


def told(searcher: Searcher, cells: Sequence[Cell], costs: Sequence[float]) -> list[Evaluation]:
    found = [
        Evaluation(SMALL.function(cell).key, cell.text, 1, {"error": c}, (c,), "ok", "test", 0)
        for cell, c in zip(cells, costs, strict=True)
    ]
    searcher.tell(found)
    return found


def least_after(searcher: Searcher) -> float:
    history = History({})
    run(searcher, FunctionEvaluator(PROBLEM, LABELS), budget=25, batch=5, history=history)
    return min(e.costs[0] for e in history.evaluations)


def test_searchers_of_one_seed_start_from_the_same_functions() -> None:
    searchers = [
        kind(PROBLEM, seed=4) for kind in (RandomSearcher, LocalSearcher, EvolutionSearcher)
    ]
    plain = GuidedSearcher(PROBLEM, seed=4, settings=GuidedSettings(spread_start=False))
    asked = [searcher.ask(5) for searcher in (*searchers, plain)]
    assert all(cells == asked[0] for cells in asked)


def test_a_spread_start_does_not_depend_on_how_it_is_asked_for() -> None:
    """And in each seed it represents other functions."""
    at_once, in_parts, other = (GuidedSearcher(PROBLEM, seed=seed) for seed in (4, 4, 5))
    start = at_once.ask(7)
    assert start == [*in_parts.ask(2), *in_parts.ask(1), *in_parts.ask(4)]
    assert start != RandomSearcher(PROBLEM, seed=4).ask(7)
    assert start != other.ask(7)


def test_learned_searches_find_better_functions_than_random_search() -> None:
    def mean_least(kind: type[Searcher], settings: object = None) -> float:
        searchers = [kind(PROBLEM, seed=seed, settings=settings) for seed in range(8)]
        return float(np.mean([least_after(searcher) for searcher in searchers]))

    chance = mean_least(RandomSearcher)
    assert mean_least(EvolutionSearcher, EvolutionSettings(population=6, sample=4)) < chance
    assert mean_least(LocalSearcher) < chance
    assert mean_least(GuidedSearcher) < chance


def test_the_oldest_member_dies_however_good_it_is() -> None:
    searcher = EvolutionSearcher(PROBLEM, seed=0, settings=EvolutionSettings(3, 3))
    cells = SMALL.functions.cells[:4]
    told(searcher, cells, [0.1, 0.5, 0.4, 0.3])
    (child,) = searcher.ask(1)
    # The best of the last three is the parent, not the first one.
    assert SMALL.cells.distance(child, cells[3]) == 1


def test_local_search_trains_neighbours_of_the_best_until_none_is_better() -> None:
    searcher = LocalSearcher(PROBLEM, seed=1)
    (start,) = searcher.ask(1)
    told(searcher, [start], [0.5])
    neighbours = {SMALL.function(c).key for c in SMALL.cells.neighbours(start)}
    first = searcher.ask(3)
    assert {SMALL.function(c).key for c in first} <= neighbours
    told(searcher, first, [0.6, 0.4, 0.55])
    better = {SMALL.function(c).key for c in SMALL.cells.neighbours(first[1])}
    assert {SMALL.function(c).key for c in searcher.ask(2)} <= better


def test_guided_recommends_by_posterior_and_not_by_the_luckiest_label() -> None:
    """With noisy labels, a lucky one of a middling function loses to good neighbours."""
    labels = np.array(list(LABELS.values()))
    order = np.argsort(labels)
    costs = labels + np.random.default_rng(0).normal(0, 0.01, len(labels))
    lucky = order[len(order) // 2]
    costs[lucky] = costs.min() - 0.001
    searcher = GuidedSearcher(PROBLEM, seed=0)
    told(searcher, SMALL.functions.cells, costs.tolist())
    (best,) = searcher.recommend()
    by_label = min(searcher.known, key=lambda key: searcher.known[key].cost)
    assert by_label == SMALL.functions.keys[lucky]
    assert best.key in {SMALL.functions.keys[row] for row in order[: len(order) // 5]}


def test_guided_searches_spaces_that_are_too_large_to_enumerate() -> None:
    space = SearchSpace(nodes=5, ops=("linear", "conv5", "conv7", "gated_linear", "zero"))
    problem = problem_of(space=space)
    assert not space.is_enumerated
    settings = GuidedSettings(start=5, sampled=60)
    searcher = GuidedSearcher(problem, seed=0, settings=settings)

    class Nodes(FunctionEvaluator):
        def evaluate(self, requests: Sequence[Request]) -> list[object]:  # type: ignore[override]
            labels = {r.key: -float(len(space.function(r.cell).graph.ops)) for r in requests}
            return FunctionEvaluator(problem, labels).evaluate(requests)  # type: ignore[return-value]

    history = History({})
    run(searcher, Nodes(problem, {}), budget=20, batch=5, history=history)
    assert len({e.key for e in history.evaluations}) == 20


def test_a_large_space_without_allowed_functions_is_given_up_after_one_round_of_draws(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(searcher_module, "_DRAWS", 50)
    space = SearchSpace(nodes=5, ops=("linear", "conv5", "conv7", "gated_linear", "zero"))
    limit = Limit(PARAMS, 1.0)
    drawn: list[Cell] = []
    random_cells = SearchSpace.random_cells

    def counted(self: SearchSpace, rng: np.random.Generator) -> Iterator[Cell]:
        for cell in random_cells(self, rng):
            drawn.append(cell)
            yield cell

    monkeypatch.setattr(SearchSpace, "random_cells", counted)
    searcher = RandomSearcher(replace(problem_of(space=space), limits=(limit,)), seed=0)
    assert searcher.ask(3) == [] and len(drawn) == 51


def test_functions_that_were_only_looked_at_do_not_exhaust_a_large_space(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(searcher_module, "_DRAWS", 2000)
    space = SearchSpace(nodes=5, ops=("linear", "conv5", "conv7", "gated_linear", "zero"))
    problem = problem_of(space=space)
    counts = [problem.static_value(PARAMS, space.function(c).graph) for c in sampled(space)]
    limited = replace(problem, limits=(Limit(PARAMS, float(np.quantile(counts, 0.001))),))
    searcher = RandomSearcher(limited, seed=0)
    seen = list(searcher.random_new())
    assert seen and len(searcher.ask(len(seen))) == len(seen)


def sampled(space: SearchSpace) -> list[Cell]:
    cells = islice(space.random_cells(np.random.default_rng(0)), 2000)
    return [cell for cell in cells if not space.function(cell).is_dead]


def test_nsga2_finds_more_of_a_front_than_its_first_population() -> None:
    params = Quantity.of("params")
    problem = type(PROBLEM)((Quantity.of_target(ERROR), params), space=SMALL)
    searcher = Nsga2Searcher(problem, seed=0, settings=Nsga2Settings(population=10))
    for _ in range(6):
        cells = searcher.ask(10)
        found = []
        for cell in cells:
            function = SMALL.function(cell)
            values = {
                "error": LABELS[function.key],
                "params": problem.static_value(params, function.graph),
            }
            request = Request(cell, function.key, 1)
            found.append(evaluation_of(request, Outcome(values), problem, "test", 0))
        searcher.tell(found)
    front = searcher.recommend(100)
    costs = np.array([best.costs for best in front])
    assert len(front) >= 3
    assert (np.diff(costs[np.argsort(costs[:, 0])][:, 1]) <= 0).all()


def test_nsga2_does_not_let_what_breaks_a_limit_push_others_from_their_front() -> None:
    cell = SMALL.functions.cells[0]
    good, middling = _Member(cell, 0.0, (1.0, 4.0)), _Member(cell, 0.0, (3.0, 1.0))
    worse = _Member(cell, 0.0, (2.0, 5.0))
    outside = [_Member(cell, 0.1, (0.5, 0.5)), _Member(cell, 0.1, (2.0, 2.0))]
    ordered = _ordered([outside[1], worse, middling, outside[0], good])
    assert {id(member) for member in ordered[:2]} == {id(good), id(middling)}
    assert [member is of for member, of in zip(ordered[2:], (worse, *outside), strict=True)] == [
        True,
        True,
        True,
    ]


def test_brp_nas_trains_what_is_predicted_best_one_at_a_time_too() -> None:
    settings = BrpNasSettings(start=10, predictor="ridge")
    best, searcher = (BrpNasSearcher(PROBLEM, seed=0, settings=settings) for _ in range(2))
    cells = SMALL.functions.cells[:20]
    for of in (best, searcher):
        told(of, cells, [LABELS[SMALL.function(cell).key] for cell in cells])
    assert searcher.ask(1) == best.ask(4)[:1]


def test_optuna_s_process_says_what_it_lacks_before_it_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(optuna_samplers, "find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match="torch"):
        optuna_samplers.GpSamplerSearcher(PROBLEM, seed=0)


def test_ranked_searchers_train_what_is_predicted_best_of_all_functions() -> None:
    ranks = np.argsort(np.argsort(list(LABELS.values())))
    row_of = SMALL.functions.row_of
    cells = SMALL.functions.cells[::4]
    labels = [LABELS[SMALL.function(cell).key] for cell in cells]
    for kind, settings, share in (
        (NeuralPredictorSearcher, NeuralPredictorSettings(start=10, predictor="ridge"), 0.2),
        (BrpNasSearcher, BrpNasSettings(start=len(cells) // 2, predictor="ridge"), 0.4),
    ):
        searcher = kind(PROBLEM, seed=0, settings=settings)
        told(searcher, cells, labels)
        chosen = [ranks[row_of[SMALL.function(cell).key]] for cell in searcher.ask(8)]
        assert np.mean(chosen) < share * len(ranks)


def test_lomonas_changes_one_part_of_members_of_the_best_fronts_at_a_time() -> None:
    searcher = LomonasSearcher(PROBLEM, seed=0, settings=LomonasSettings(fronts=1))
    (start,) = searcher.ask(1)
    told(searcher, [start], [0.5])
    first = searcher.ask(3)
    assert all(SMALL.cells.distance(cell, start) == 1 for cell in first)
    told(searcher, first, [0.6 + i / 10 for i in range(len(first))])
    # None is better: the only member of the best front is still the start.
    assert all(SMALL.cells.distance(cell, start) == 1 for cell in searcher.ask(1))
