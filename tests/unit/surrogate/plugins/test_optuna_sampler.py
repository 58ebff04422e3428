"""The guided searcher as Optuna's sampler: Optuna's suites, and studies of the shipped table."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.functional_identity import functional_key, is_dead
from graph_encoding.interop.parameters import CellParameters
from graph_encoding.semantics import Semantics
from graph_encoding.space import CellSpace
from surrogate.forecasting.benchmark_query import Benchmark
from surrogate.search import Limit, Quantity, SearchProblem, SearchSpace
from surrogate.search.pareto import hypervolume
from surrogate.search.searchers.guided import GuidedSearcher, GuidedSettings

optuna = pytest.importorskip("optuna", reason="Optuna is not installed")

from optuna.samplers import BaseSampler
from optuna.testing import pytest_samplers
from optuna.trial import FrozenTrial, Trial, TrialState

from surrogate.plugins.optuna_sampler import GuidedSampler, suggest_cell

PARAMETERS = CellParameters()
TINY = SearchProblem(space=SearchSpace(nodes=1, ops=("linear", "conv5", "zero")))
QUICK = GuidedSettings(start=5, explore=5)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


class TestOptunasSuites(
    pytest_samplers.BasicSamplerTestCase,  # type: ignore[misc,name-defined]  # loaded if installed
    pytest_samplers.RelativeSamplerTestCase,  # type: ignore[misc,name-defined]
    pytest_samplers.MultiObjectiveSamplerTestCase,  # type: ignore[misc,name-defined]
):
    """All suites but that of samplers for one objective: this one handles two."""

    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: GuidedSampler(seed=0)


def key_of(trial: FrozenTrial) -> str:
    return functional_key(PARAMETERS.decode(trial.params), Semantics.PAPER)


def macs_like(trial: Trial) -> float:
    """A cost that needs no table."""
    cell = suggest_cell(trial)
    return sum(op == "linear" for op in cell.ops) + 0.1 * sum(map(sum, cell.skips))


def test_a_study_of_the_shipped_table_reaches_its_end() -> None:
    benchmark = Benchmark.load("timit-micro")
    study = optuna.create_study(sampler=GuidedSampler(seed=1, settings=QUICK))
    study.optimize(lambda trial: benchmark.query(suggest_cell(trial)).value, n_trials=20)
    assert len({key_of(trial) for trial in study.trials}) == 20
    for trial in study.trials:
        assert trial.value == benchmark.query(PARAMETERS.decode(trial.params)).value


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_known_trials_guide_the_search_in_the_direction_of_the_study(direction: str) -> None:
    sign = 1.0 if direction == "minimize" else -1.0
    study = optuna.create_study(sampler=GuidedSampler(seed=3, settings=QUICK), direction=direction)
    study.optimize(lambda trial: sign * macs_like(trial), n_trials=25)
    first = [sign * float(trial.value or 0.0) for trial in study.trials[:5]]
    last = [sign * float(trial.value or 0.0) for trial in study.trials[-5:]]
    assert max(last) <= min(first)


def test_equal_seeds_and_trials_give_equal_suggestions() -> None:
    def trials(seed: int) -> list[dict[str, object]]:
        study = optuna.create_study(sampler=GuidedSampler(seed=seed, settings=QUICK))
        study.optimize(macs_like, n_trials=8)
        return [trial.params for trial in study.trials]

    assert trials(4) == trials(4) != trials(5)


def test_neither_running_nor_failed_nor_pruned_functions_are_suggested_again() -> None:
    study = optuna.create_study(sampler=GuidedSampler(seed=0, problem=TINY))
    parameters = CellParameters(TINY.space.cells)
    seen = []
    states = (None, TrialState.FAIL, TrialState.PRUNED)
    for state in (*states, *states):
        trial = study.ask()
        cell = suggest_cell(trial, parameters)
        if cell in seen:
            break
        seen.append(cell)
        if state is not None:
            study.tell(trial, state=state)
        if len(seen) == living_functions(TINY.space.cells):
            break
    assert len({functional_key(cell, Semantics.PAPER) for cell in seen}) == len(seen)
    with pytest.raises(UserError, match="must have functions without a trial"):
        suggest_cell(study.ask(), parameters)


def living_functions(space: CellSpace) -> int:
    return len(space.representatives(Semantics.PAPER))


def test_a_study_stops_where_its_space_ends() -> None:
    study = optuna.create_study(sampler=GuidedSampler(seed=0, problem=TINY))
    parameters = CellParameters(TINY.space.cells)
    study.optimize(lambda trial: len(suggest_cell(trial, parameters).text), n_trials=50)
    assert len(study.trials) == living_functions(TINY.space.cells)


def test_dead_and_enqueued_and_infinite_trials_do_not_mislead() -> None:
    study = optuna.create_study(sampler=GuidedSampler(seed=0, settings=QUICK))
    study.enqueue_trial(PARAMETERS.encode("51_500_5000"))
    study.enqueue_trial(PARAMETERS.encode("10_100_1000"))

    def objective(trial: Trial) -> float:
        cost = macs_like(trial)
        return math.inf if trial.number < 4 else cost

    study.optimize(objective, n_trials=15)
    cells = [PARAMETERS.decode(trial.params) for trial in study.trials]
    assert [cell.text for cell in cells[:2]] == ["51_500_5000", "10_100_1000"]
    assert not any(is_dead(cell, Semantics.PAPER) for cell in cells[1:])
    assert len({key_of(trial) for trial in study.trials}) == 15


def test_limits_of_the_problem_hold_for_every_suggestion() -> None:
    graphs = SearchProblem()
    params = Quantity.of("params")
    functions = graphs.space.functions
    values = sorted(graphs.static_value(params, graph) for graph in functions.graphs)
    most = values[len(values) // 4]
    problem = SearchProblem(limits=(Limit(params, most),))
    study = optuna.create_study(sampler=GuidedSampler(seed=2, problem=problem, settings=QUICK))
    study.optimize(macs_like, n_trials=10)
    for trial in study.trials:
        graph = graphs.space.function(PARAMETERS.decode(trial.params)).graph
        assert graphs.static_value(params, graph) <= most


def test_parallel_trials_suggest_distinct_functions() -> None:
    study = optuna.create_study(sampler=GuidedSampler(seed=0, settings=QUICK))
    study.optimize(macs_like, n_trials=12, n_jobs=2)
    assert len(study.trials) == 12
    trials = [study.ask() for _ in range(4)]
    cells = [suggest_cell(trial) for trial in trials]
    assert len({functional_key(cell, Semantics.PAPER) for cell in cells}) == 4


def test_a_reseeded_sampler_draws_otherwise() -> None:
    first, second = GuidedSampler(seed=0), GuidedSampler(seed=0)
    second.reseed_rng()
    studies = [optuna.create_study(sampler=sampler) for sampler in (first, second)]
    for study in studies:
        study.optimize(macs_like, n_trials=3)
    assert [t.params for t in studies[0].trials] != [t.params for t in studies[1].trials]


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(UserError, match="seed >= 0"):
        GuidedSampler(seed=-1)
    study = optuna.create_study(directions=["minimize"] * 3, sampler=GuidedSampler(seed=0))
    with pytest.raises(ValueError, match=r"at most 2 objectives, but study .* has 3"):
        study.optimize(lambda trial: (macs_like(trial), 0.0, 0.0), n_trials=1)


def test_two_objectives_in_opposite_directions_fill_the_front() -> None:
    def both(trial: optuna.Trial) -> tuple[float, float]:
        cell = suggest_cell(trial)
        return macs_like(trial), sum(op == "conv7" for op in cell.ops) + 0.1 * sum(
            map(sum, cell.skips)
        )

    sampler = GuidedSampler(seed=0, settings=QUICK)
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)
    study.optimize(both, n_trials=25)
    drawn = optuna.create_study(
        directions=["minimize", "maximize"], sampler=optuna.samplers.RandomSampler(seed=0)
    )
    drawn.optimize(both, n_trials=25)
    volumes = [
        hypervolume(np.array([(a, -b) for a, b in (t.values for t in of.trials)]), np.array([4, 0]))
        for of in (study, drawn)
    ]
    assert volumes[0] > volumes[1]


def test_trials_beyond_a_limit_are_no_incumbents() -> None:
    """Those of before, or of others: only suggestions hold the limits."""
    cells = _params_of_cells(60)
    (small, _), (_, most), (large, _) = cells[0], cells[30], cells[-1]
    problem = SearchProblem(limits=(Limit(Quantity.of("params"), most),))
    sampler = GuidedSampler(seed=0, problem=problem, settings=QUICK)
    study = optuna.create_study(sampler=sampler)
    for cell, value in ((large, 0.1), (small, 0.9)):
        study.enqueue_trial(dict(PARAMETERS.encode(cell)))
        trial = study.ask()
        assert suggest_cell(trial) == cell
        study.tell(trial, value)
    running = study.ask()
    searcher = sampler._told(study, running._cached_frozen_trial)
    (best,) = searcher.recommend()
    assert best.is_feasible and best.cell == small


def _params_of_cells(count: int) -> list[tuple[Cell, float]]:
    """Some functions with their parameters, the fewest first."""
    space, problem = SearchSpace(), SearchProblem()
    cells = space.functions.cells[:: len(space.functions) // count]
    quantity = Quantity.of("params")
    found = [(c, problem.static_value(quantity, space.function(c).graph)) for c in cells]
    return sorted(found, key=lambda pair: pair[1])


def test_the_trials_of_a_study_have_one_start_which_represents_the_space() -> None:
    study = optuna.create_study(sampler=GuidedSampler(seed=3))
    study.optimize(macs_like, n_trials=5)
    start = [PARAMETERS.decode(trial.params) for trial in study.trials]
    expected = GuidedSearcher(SearchProblem(), seed=3).ask(5)
    assert start == expected
