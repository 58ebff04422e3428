"""Queries of many cells: equal to single ones, cell by cell."""

import math

import numpy as np
import pytest

from graph_encoding import Cell, UserError
from graph_encoding.functional_identity import is_dead
from graph_encoding.ops import OPERATIONS
from graph_encoding.semantics import Semantics
from graph_encoding.space import CellSpace
from surrogate.data.targets import TEST_PER, VAL_PER
from surrogate.fitting.fit_artifact import fit_artifact
from surrogate.forecasting import batch_query
from surrogate.forecasting.batch_query import Answers, functions_of, standard_cells
from surrogate.forecasting.benchmark_query import Benchmark
from surrogate.forecasting.forecast import Forecaster
from surrogate.predictors import RidgePredictor
from surrogate.testing.synthetic import synthetic_table

DEAD = "51_500_5000"


@pytest.fixture(scope="module")
def benchmark() -> Benchmark:
    artifact = fit_artifact(
        synthetic_table(60),
        (VAL_PER, TEST_PER),
        RidgePredictor,
        name="synthetic",
        seed_policy="mean",
        folds=3,
        seed=0,
        effective_config={},
        make_curve_predictor=RidgePredictor,
    )
    return Benchmark(synthetic_table(60), Forecaster(artifact))


def some_cells(benchmark: Benchmark) -> list[Cell | str]:
    """Measured ones as texts, some twice, and others that were not measured."""
    measured = [record.cell for record in benchmark.table.records[:20]]
    points = [CellSpace().cell(index) for index in range(3_000, 13_000, 997)]
    others = [cell for cell in points if not is_dead(cell, Semantics.PAPER)]
    return [*measured, *others, "conv9:1_100_1000"]


def check_equal(
    benchmark: Benchmark, answers: Answers, cells: list[Cell | str], **how: object
) -> None:
    assert len(answers) == len(cells)
    for i, cell in enumerate(cells):
        one = benchmark.query(cell, **how)  # type: ignore[arg-type]
        assert answers.source[i] == one.source
        if one.forecast is None:
            assert answers.value[i] == one.value
            assert math.isnan(answers.low[i])
            continue
        assert answers.seeds[i] == 0
        many = [answers.value[i], answers.std[i], answers.low[i], answers.high[i]]
        found = one.forecast
        assert many == pytest.approx([found.mean, found.std, found.low, found.high], abs=1e-9)


@pytest.mark.parametrize(
    "how", [{}, {"metric": "test_per"}, {"seed": 2}, {"epoch": 3}, {"epoch": 1, "seed": 1}]
)
def test_many_are_equal_to_single_ones(benchmark: Benchmark, how: dict[str, object]) -> None:
    cells = some_cells(benchmark)
    answers = benchmark.query_many(cells, **how)  # type: ignore[arg-type]
    assert set(answers.source) == {"measured", "forecast"}
    check_equal(benchmark, answers, cells, **how)
    assert set(answers.seeds.tolist()) == {0, 1 if "seed" in how else 2}


@pytest.mark.parametrize("metric", ["val_per", "test_per"])
def test_estimates_are_of_all_living_functions(benchmark: Benchmark, metric: str) -> None:
    cells = [*some_cells(benchmark), DEAD]
    answers = benchmark.query_many(cells, metric, seed="posterior")
    assert answers.source.tolist() == ["estimate"] * (len(cells) - 1) + ["dead"]
    assert set(answers.seeds.tolist()) == {0, 2}
    for i, cell in enumerate(cells[:-1]):
        one = benchmark.query(cell, metric, seed="posterior")
        assert one.source == "estimate"
        assert one.forecast is not None
        found = one.forecast.estimate
        assert found is not None
        assert one.value == found.mean
        many = [answers.value[i], answers.std[i], answers.low[i], answers.high[i]]
        assert many == pytest.approx([found.mean, found.std, found.low, found.high], abs=1e-9)
    wider = benchmark.query_many(cells[:-1], metric, seed="posterior", level=0.98)
    assert (wider.low < answers.low[:-1]).all()
    assert benchmark.arrays(metric, seed="posterior").source.tolist().count("dead") == 697


def test_what_has_no_estimate_is_refused(benchmark: Benchmark) -> None:
    cell = benchmark.table.records[0].cell
    with pytest.raises(UserError, match="omit the epoch 3"):
        benchmark.query(cell, seed="posterior", epoch=3)
    with pytest.raises(UserError, match="val_per, test_per, but got 'seconds'"):
        benchmark.query_many([cell], "seconds", seed="posterior")
    with pytest.raises(UserError, match="dead"):
        benchmark.query(DEAD, seed="posterior")
    with_one_seed = fit_artifact(
        synthetic_table(60, seeds=(1,)),
        (VAL_PER,),
        RidgePredictor,
        name="one",
        seed_policy="mean",
        folds=3,
        seed=0,
        effective_config={},
    )
    one = Benchmark(synthetic_table(60, seeds=(1,)), Forecaster(with_one_seed))
    with pytest.raises(UserError, match="no estimates of true means"):
        one.query(cell, seed="posterior")


def test_cells_without_a_value_have_a_source_and_no_number(benchmark: Benchmark) -> None:
    answers = benchmark.query_many([DEAD, benchmark.table.records[0].cell])
    assert answers.source.tolist() == ["dead", "measured"]
    assert np.isnan([answers.value[0], answers.std[0], answers.low[0], answers.high[0]]).all()
    records = [r for r in benchmark.table.records if r.seed == 1 or r is benchmark.table.records[1]]
    partial = Benchmark(
        type(benchmark.table)(benchmark.table.metadata, records),
        benchmark.forecaster,
    )
    cells = [records[0].cell, records[-1].cell]
    answers = partial.query_many(cells, seed=2)
    assert answers.source.tolist() == ["measured", "missing"]
    assert answers.seeds.tolist() == [1, 0]
    assert math.isnan(answers.value[1])
    with pytest.raises(UserError, match=r"measured with the seeds \[1\]"):
        partial.query(cells[1], seed=2)


def test_no_cells_give_no_rows(benchmark: Benchmark) -> None:
    answers = benchmark.query_many([])
    assert len(answers) == 0
    assert answers.to_arrow().num_rows == 0


def test_arrays_are_of_the_whole_space(benchmark: Benchmark) -> None:
    answers = benchmark.arrays("test_per")
    assert answers.cells == tuple(CellSpace())
    assert np.isnan(answers.value).tolist() == (answers.source == "dead").tolist()
    assert (answers.source == "dead").sum() == 697
    rows = [i for i in range(0, 13_824, 701) if answers.source[i] != "dead"]
    for i in rows:
        one = benchmark.query(answers.cells[i], "test_per")
        assert answers.value[i] == pytest.approx(one.value, abs=1e-9)
        assert answers.source[i] == one.source


def test_the_arrow_table_has_all_columns(benchmark: Benchmark) -> None:
    answers = benchmark.query_many([DEAD, "10_100_1000"])
    table = answers.to_arrow()
    assert table.column_names == ["cell", "value", "source", "seeds", "std", "low", "high"]
    assert table["cell"].to_pylist() == [DEAD, "10_100_1000"]
    assert table["value"].to_pylist()[1] == answers.value[1]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"seed": 7}, r"has the seeds \[1, 2\]: choose one of them or 'mean', but got 7"),
        ({"seed": "all"}, "choose a seed or 'mean'"),
        ({"metric": "wer"}, "wer"),
        ({"epoch": 0}, r"epoch must be in 1 \.\. 6, but got 0"),
        ({"epoch": 7}, r"epoch must be in 1 \.\. 6, but got 7"),
        ({"epoch": 1, "metric": "test_per"}, "'val_per' only"),
        ({"level": 1.0}, "level must be in"),
    ],
)
def test_invalid_requests_are_refused(
    benchmark: Benchmark, how: dict[str, object], message: str
) -> None:
    for cells in ([benchmark.table.records[0].cell], some_cells(benchmark)):
        with pytest.raises(UserError, match=message):
            benchmark.query_many(cells, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "how", [{"seed": 7}, {"metric": "wer"}, {"epoch": 1, "metric": "test_per"}]
)
def test_invalid_requests_of_dead_cells_are_refused_too(
    benchmark: Benchmark, how: dict[str, object]
) -> None:
    with pytest.raises(UserError):
        benchmark.query_many([DEAD], **how)  # type: ignore[arg-type]


def test_a_cache_that_another_thread_empties_loses_no_function(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cells = standard_cells()[:3]
    expected = functions_of(cells, Semantics.PAPER)
    plain = batch_query.key_and_death

    def emptying(cell: Cell, semantics: Semantics) -> tuple[str, bool]:
        known.clear()
        return plain(cell, semantics)

    known = batch_query._known(tuple(OPERATIONS.get(op) for op in OPERATIONS), Semantics.PAPER)
    known.clear()
    monkeypatch.setattr(batch_query, "key_and_death", emptying)
    assert functions_of(cells, Semantics.PAPER) == expected
