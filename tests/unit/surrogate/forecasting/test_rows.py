"""Rows of forecasts: one per target and epoch, with the forecast's own numbers."""

from graph_encoding import Cell
from surrogate.fitting.artifact import Artifact
from surrogate.forecasting.forecast import Forecaster
from surrogate.forecasting.rows import EPOCH_COLUMNS, epoch_rows, forecast_rows
from train_benchmark.table.benchmark_table import BenchmarkTable


def test_rows_have_equal_columns_and_the_numbers_of_the_forecast(artifact: Artifact) -> None:
    forecasts = Forecaster(artifact).forecast(["10_100_1000", "51_500_5000"])
    rows = forecast_rows(forecasts)
    living, dead = forecasts
    assert [row["cell"] for row in rows] == [living.cell] * len(living.targets) + [dead.cell]
    assert len({tuple(row) for row in rows}) == 1
    for row, target in zip(rows, living.targets, strict=False):
        assert (row["target"], row["unit"]) == (target.target, "phone error rate")
        assert (row["mean"], row["low"], row["std_seed"]) == (
            target.mean,
            target.low,
            target.std_seed,
        )
        assert target.estimate is not None
        assert row["estimate_mean"] == target.estimate.mean
        assert row["estimate_high"] == target.estimate.high
    assert (rows[-1]["support"], rows[-1]["mean"], rows[-1]["seeds"]) == ("dead", None, 0)


def test_measured_cells_have_the_mean_of_their_seeds(
    artifact: Artifact, table: BenchmarkTable
) -> None:
    record = table.measured[0]
    row = forecast_rows(Forecaster(artifact).forecast([Cell.parse(record.cell)]))[0]
    values = table.labels_of(record.functional_key, row["target"])
    assert row["seeds"] == len(values)
    assert row["measured_mean"] == sum(values.values()) / len(values)


def test_rows_of_epochs_are_those_of_the_curve() -> None:
    forecasts = Forecaster.load("timit-micro").forecast(
        ["10_100_1000"], observed_curve=[0.9, 0.8], latency=False
    )
    rows = epoch_rows(forecasts)
    curve = forecasts[0].curve
    assert curve is not None
    assert tuple(rows[0]) == EPOCH_COLUMNS
    assert [row["epoch"] for row in rows] == list(range(1, len(curve.mean) + 1))
    assert tuple(row["high"] for row in rows) == curve.high
    assert [row["observed"] for row in rows[:3]] == [True, True, False]
