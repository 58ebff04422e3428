"""Limits in a comparison rest on a few measured functions, and controls know nothing."""

import numpy as np
import pytest

from surrogate.fitting.config import FitConfig
from surrogate.search import Quantity, Request, SearchProblem, SearchSpace, TableEvaluator
from surrogate.search.judging.config import CompareConfig
from surrogate.search.judging.judge import Judge
from surrogate.search.judging.limits import limit_models
from surrogate.search.judging.shuffled import ShuffledEvaluator
from surrogate.search.judging.truth import Truth, TruthRow
from tests.unit.surrogate.search.helpers import SMALL, space_table

SETTING = "timit-micro/cpu-onnx-fp32-t1-b1-1s"


def config(most_s: float = 0.27e-3) -> CompareConfig:
    limit = {"setting": SETTING, "most_s": most_s, "measured": 60, "predictor": "ridge"}
    searchers = {"random": {}, "point": {"kind": "random", "limits_by": "point"}}
    return CompareConfig.model_validate({"limits": [limit], "searchers": searchers})


@pytest.fixture(scope="module")
def table() -> object:
    from train_benchmark.table.benchmark_table import BenchmarkTable

    return BenchmarkTable.load("timit-micro")


def test_a_model_knows_the_latencies_of_its_repeat_alone(table: object) -> None:
    (one,), (same,), (other,) = (
        limit_models(config(), table, "random", repeat) for repeat in (0, 0, 1)
    )
    assert one.model.measured == same.model.measured != other.model.measured
    assert len(one.model.measured) == 60
    graphs = SearchSpace().functions.graphs[::20]
    np.testing.assert_array_equal(one.probability(graphs), same.probability(graphs))
    seconds = table.latency.seconds(SETTING)
    holds = np.array([seconds[g.key] <= 0.27e-3 for g in graphs])
    found = one.probability(graphs)
    assert found[holds].mean() > found[~holds].mean() + 0.3
    (point,) = limit_models(config(), table, "point", 0)
    assert set(point.probability(graphs)) <= {0.0, 1.0}
    assert (point.probability(graphs) >= (found > 0.5)).mean() > 0.9


def test_at_a_level_limits_hold_for_the_few_fastest_functions_too(table: object) -> None:
    """Some 1 % of the functions: hardly any of them is among those that are measured."""
    limit = {"setting": SETTING, "most_s": 0.23e-3, "level": 0.9, "measured": 100}
    chosen = CompareConfig.model_validate({"limits": [limit], "searchers": {"random": {}}})
    assert chosen.limits[0].predictor == FitConfig.model_fields["latency_predictor"].default
    functions = SearchSpace().functions
    seconds = table.latency.seconds(SETTING)
    holds = np.array([seconds[key] <= 0.23e-3 for key in functions.keys])
    for repeat in range(3):
        (model,) = limit_models(chosen, table, "random", repeat)
        allowed = model.probability(functions.graphs) >= 0.9
        assert allowed[holds].mean() > 0.3 and holds[allowed].mean() >= 0.9


def test_the_judge_allows_what_is_measured_within_the_limit(table: object) -> None:
    space = SearchSpace()
    rows = [TruthRow(key, i / 1e4, 0.0, 1) for i, key in enumerate(space.functions.keys)]
    truth = Truth(config().of_target, tuple(sorted(rows, key=lambda row: row.key)))
    judge = Judge.of(config(), table, truth)
    seconds = table.latency.seconds(SETTING)
    assert judge.allowed == {key for key in space.functions.keys if seconds[key] <= 0.27e-3}
    assert judge.is_limited and min(judge.regret(key) for key in judge.allowed) == 0


def test_shuffled_labels_are_those_of_other_functions_each_once() -> None:
    problem = SearchProblem(space=SMALL)
    evaluator = TableEvaluator(space_table(), problem, seeds=(1,))
    functions = SMALL.functions
    requests = [Request(c, k, 1) for c, k in zip(functions.cells, functions.keys, strict=True)]
    plain = [o.values["val_per"] for o in evaluator.evaluate(requests)]
    shuffled = ShuffledEvaluator(evaluator, SMALL, 0)
    dealt = [o.values["val_per"] for o in shuffled.evaluate(requests)]
    assert sorted(dealt) == sorted(plain) and dealt != plain
    assert shuffled.seeds == (1,) and shuffled.source.startswith("shuffled")


def test_latencies_are_not_measured_by_the_way(table: object) -> None:
    problem = config().problem
    evaluator = TableEvaluator(table, problem, seeds=(1234,), measures_latency=False)
    cell, key = problem.space.functions.cells[0], problem.space.functions.keys[0]
    (outcome,) = evaluator.evaluate([Request(cell, key, 1234)])
    assert set(outcome.values) == {"val_per"}
    assert Quantity(SETTING, "latency") in problem.quantities
