"""Values are those of the seed and the source that are stated."""

from dataclasses import replace

import pytest

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.semantics import Semantics
from surrogate.fitting.artifact import Artifact
from surrogate.forecasting.forecast import Forecaster
from surrogate.search import (
    ForecastEvaluator,
    Limit,
    Quantity,
    Request,
    SearchProblem,
    SearchSpace,
    TableEvaluator,
)
from surrogate.testing.synthetic import synthetic_table
from tests.unit.surrogate.search.helpers import SMALL, space_table
from train_benchmark.table.benchmark_table import BenchmarkTable

PROBLEM = SearchProblem()


def request_of(table: BenchmarkTable, key: str, seed: int) -> Request:
    return Request(Cell.parse(table.cell_of(key)), key, seed)


def test_the_table_gives_the_label_of_the_seed_that_is_asked_for(table: BenchmarkTable) -> None:
    evaluator = TableEvaluator(table, PROBLEM, seeds=(1, 2))
    for key in table.keys[:5]:
        labels = table.labels_of(key, "val_per")
        for seed, label in labels.items():
            (outcome,) = evaluator.evaluate([request_of(table, key, seed)])
            assert outcome.values == {"val_per": label}
    assert evaluator.source == "table synthetic"


def test_a_missing_seed_is_an_error_or_a_failure_and_never_another_seed() -> None:
    both, one = synthetic_table(12, seeds=(1, 2)), synthetic_table(12, seeds=(1,))
    records = [r for r in both.records if r.seed == 1 or r.functional_key != both.keys[0]]
    table = BenchmarkTable(both.metadata, records)
    request = request_of(one, table.keys[0], 2)
    with pytest.raises(UserError, match=r"no val_per of cell .* with seed 2"):
        TableEvaluator(table, PROBLEM, seeds=(2,)).evaluate([request])
    (outcome,) = TableEvaluator(table, PROBLEM, seeds=(2,), missing="failed").evaluate([request])
    assert outcome.values == {} and "with seed 2" in outcome.error


def test_a_limit_on_a_latency_that_was_not_measured_rests_on_its_forecast() -> None:
    table = BenchmarkTable.load("timit-micro")
    setting = "paper/cpu-onnx-fp32-t1-b1-1s"
    limited = SearchProblem(limits=(Limit(Quantity.of(setting), 1.0),))
    measured = table.latency.seconds(setting)
    keys = [key for key in PROBLEM.space.functions.keys if key not in measured][:1]
    keys += [key for key in PROBLEM.space.functions.keys if key in measured][:1]
    requests = [request_of(table, key, 1234) for key in keys]
    labels = [{"val_per": table.labels_of(key, "val_per")[1234]} for key in keys]
    outcomes = TableEvaluator(table, limited, seeds=(1234,)).evaluate(requests)
    assert [o.values for o in outcomes] == [labels[0], {**labels[1], setting: measured[keys[1]]}]
    both = replace(limited, objectives=(*PROBLEM.objectives, Quantity.of(setting)))
    with pytest.raises(UserError, match="a setting that is measured for all functions"):
        TableEvaluator(table, both, seeds=(1234,)).evaluate(requests)


def test_a_table_must_have_most_functions_of_the_space() -> None:
    small = SearchProblem(space=SMALL)
    whole = TableEvaluator(space_table(), small, seeds=(1,))
    whole.check_space()
    larger = replace(small, space=SearchSpace(3, SMALL.ops))
    lacking = TableEvaluator(space_table(), larger, seeds=(1, 2), missing="failed")
    with pytest.raises(UserError, match=r"random ones with 3 operations .*--evaluator forecast"):
        lacking.check_space()
    lacking.check_space(lambda cell: larger.space.function(cell).key in SMALL.functions.row_of)


def test_a_table_must_have_most_functions_with_the_first_seed() -> None:
    table = BenchmarkTable.load("timit-micro")
    TableEvaluator(table, PROBLEM, seeds=(1234, 1235), missing="failed").check_space()
    for seeds in ((1235,), (1235, 1234)):
        evaluator = TableEvaluator(table, PROBLEM, seeds=seeds, missing="failed")
        with pytest.raises(UserError, match=r"with seed 1235, .* of \d\d of 200 .* a seed first"):
            evaluator.check_space()


def test_checksums_tell_tables_and_artifacts_of_one_name_apart(artifact: Artifact) -> None:
    one, other = space_table(), space_table(noise=0.01)
    sums = [TableEvaluator(t, PROBLEM, seeds=(1,)).content_sha256 for t in (one, one, other)]
    assert sums[0] == sums[1] != sums[2]
    fit = replace(artifact, metadata=replace(artifact.metadata, fit={"seed": 7}))
    own, fitted_anew = (ForecastEvaluator(Forecaster(a), PROBLEM) for a in (artifact, fit))
    assert own.source == fitted_anew.source
    assert own.content_sha256 != fitted_anew.content_sha256


def test_a_failed_training_is_a_failed_evaluation() -> None:
    table = synthetic_table(6, seeds=(1,), failed=2)
    cells = {r.functional_key: r.cell for r in table.records if r.status == "failed"}
    evaluator = TableEvaluator(table, PROBLEM, seeds=(1,))
    for key, text in cells.items():
        (outcome,) = evaluator.evaluate([Request(Cell.parse(text), key, 1)])
        assert "status 'failed'" in outcome.error
    assert len(cells) == 2


def test_params_are_counted_of_the_problem_s_network(table: BenchmarkTable) -> None:
    params = Quantity.of("params")
    problem = SearchProblem((PROBLEM.objectives[0], params), (Limit(params, 1e6),))
    key = table.keys[0]
    (outcome,) = TableEvaluator(table, problem, seeds=(1,)).evaluate([request_of(table, key, 1)])
    graph = problem.space.function(Cell.parse(table.cell_of(key))).graph
    assert outcome.values["params"] == problem.static_value(params, graph) > 1000


@pytest.mark.parametrize(
    ("problem", "seeds", "message"),
    [
        (PROBLEM, (), "one or more distinct seeds"),
        (PROBLEM, (1, 1), "one or more distinct seeds"),
        (PROBLEM, (1, 7), r"asks for \[7\]"),
        (replace(PROBLEM, space=SearchSpace(semantics=Semantics.RELEASED)), (1,), "read cells as"),
        (SearchProblem((Quantity.of("a/b"),)), (1,), "setting must be one of those"),
        (SearchProblem((Quantity.of("macs"),), macro="paper"), (1,), "the table's macro network"),
    ],
)
def test_what_the_table_does_not_have_is_refused_at_once(
    table: BenchmarkTable, problem: SearchProblem, seeds: tuple[int, ...], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        TableEvaluator(table, problem, seeds=seeds)


def test_forecasts_say_their_source_and_are_those_of_the_forecaster(artifact: Artifact) -> None:
    forecaster = Forecaster(artifact)
    problem = SearchProblem((Quantity.of("val_per"), Quantity.of("macs")))
    evaluator = ForecastEvaluator(forecaster, problem)
    cells = [Cell.parse("10_100_1000"), Cell.parse("01_001_0001")]
    requests = [Request(cell, problem.space.function(cell).key, 0) for cell in cells]
    outcomes = evaluator.evaluate(requests)
    for outcome, forecast in zip(outcomes, forecaster.forecast(cells), strict=True):
        assert outcome.values["val_per"] == pytest.approx(forecast.targets[0].mean, rel=1e-9)
        assert outcome.values["macs"] == forecast.macs
    assert evaluator.source == "forecast of made-up"


def test_forecasts_of_another_network_or_setting_are_refused(artifact: Artifact) -> None:
    forecaster = Forecaster(artifact)
    with pytest.raises(UserError, match="artifact's macro network"):
        ForecastEvaluator(forecaster, SearchProblem((Quantity.of("params"),), macro="paper"))
    with pytest.raises(UserError, match="got a/b"):
        ForecastEvaluator(forecaster, SearchProblem((Quantity.of("a/b"),)))
