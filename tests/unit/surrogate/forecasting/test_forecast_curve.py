"""Learning curves of forecasts: from the graph, and with observed epochs."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graph_encoding import Cell, CellGraph, UserError, cell_graph
from surrogate.calibration import ConformalCalibrator, SupportCalibrator
from surrogate.curves.components.curve_intervals import MOST_SCORES, HorizonCalibration
from surrogate.data.prediction import Prediction
from surrogate.data.targets import TEST_PER, VAL_PER, Target
from surrogate.fitting.artifact import Artifact, load_artifact
from surrogate.fitting.fit_artifact import fit_artifact
from surrogate.forecasting.benchmark_query import Benchmark
from surrogate.forecasting.forecast import Forecast, Forecaster
from surrogate.predictors import RidgePredictor
from surrogate.testing.synthetic import synthetic_table
from train_benchmark.table.benchmark_table import BenchmarkTable

EPOCHS = 6
CELLS = [Cell.parse(text) for text in ("10_100_1000", "01_111_2111", "00_510_1010", "10_510_0010")]
OUTSIDE = [Cell.parse(text) for text in ("conv9:1_100_1000", "10_100_1000_10000")]
OBSERVED = [0.99, 0.66, 0.65]


def fitted(functions: int, *targets: Target, folds: int = 2, **options: Any) -> Artifact:
    """A surrogate of some targets and of learning curves."""
    return fit_artifact(
        synthetic_table(functions),
        targets,
        RidgePredictor,
        name="synthetic",
        seed_policy="mean",
        folds=folds,
        seed=0,
        effective_config={},
        make_curve_predictor=RidgePredictor,
        **options,
    )


@pytest.fixture(scope="module")
def with_curves() -> Artifact:
    return fitted(60, VAL_PER, TEST_PER, folds=3)


def one(artifact: Artifact, observed: object = None, level: float = 0.8) -> Forecast:
    forecaster = Forecaster(artifact)
    return forecaster.forecast(CELLS[:1], level, observed_curve=observed)[0]  # type: ignore[arg-type]


def test_every_living_cell_has_a_curve(with_curves: Artifact) -> None:
    for forecast in Forecaster(with_curves).forecast([*CELLS, *OUTSIDE], 0.8):
        curve = forecast.curve
        assert curve is not None
        columns = (curve.low, curve.mean, curve.high, curve.std, curve.std_model)
        assert {len(column) for column in columns} == {EPOCHS}
        assert np.all(np.array(curve.low) <= curve.mean)
        assert np.all(np.array(curve.mean) <= curve.high)
        assert curve.std_seed is not None
        assert curve.std == pytest.approx(np.hypot(curve.std_model, curve.std_seed))
        assert curve.observed_epochs == ()


def test_dead_cells_have_no_curve(with_curves: Artifact) -> None:
    dead, living = Forecaster(with_curves).forecast([Cell.parse("51_500_5000"), CELLS[0]], 0.8)
    assert dead.curve is None
    assert living.curve is not None


def test_equal_functions_have_equal_curves_together_and_alone(with_curves: Artifact) -> None:
    together = Forecaster(with_curves).forecast(CELLS, 0.8)
    assert together[2].curve == together[3].curve
    assert together[0].curve != together[1].curve
    for cell, forecast in zip(CELLS, together, strict=True):
        (alone,) = Forecaster(with_curves).forecast([cell], 0.8)
        assert alone.curve is not None
        assert forecast.curve is not None
        assert alone.curve.mean == pytest.approx(forecast.curve.mean, rel=1e-12)


def test_saved_curves_forecast_the_same_to_the_bit(with_curves: Artifact, tmp_path: Path) -> None:
    with_curves.save(tmp_path / "saved")
    loaded = load_artifact(tmp_path / "saved")
    assert Forecaster(loaded).forecast(CELLS, 0.8) == Forecaster(with_curves).forecast(CELLS, 0.8)
    assert one(loaded, OBSERVED) == one(with_curves, OBSERVED)


def test_a_damaged_curve_is_named(with_curves: Artifact, tmp_path: Path) -> None:
    with_curves.save(tmp_path / "saved")
    file = tmp_path / "saved/curve/curves.npz"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"curve/curves\.npz is corrupt"):
        load_artifact(tmp_path / "saved")


@pytest.mark.parametrize("nothing", [{}, [], np.zeros(0)])
def test_nothing_observed_changes_nothing(with_curves: Artifact, nothing: object) -> None:
    assert one(with_curves, nothing) == one(with_curves)


def test_observed_epochs_are_forecast_as_observed(with_curves: Artifact) -> None:
    by_order, by_epoch = one(with_curves, OBSERVED), one(with_curves, {1: 0.99, 3: 0.65, 2: 0.66})
    assert by_order == by_epoch
    curve = by_order.curve
    assert curve is not None
    assert curve.observed_epochs == (1, 2, 3)
    for column in (curve.mean, curve.low, curve.high):
        assert column[:3] == tuple(OBSERVED)
    assert curve.std[:3] == (0.0, 0.0, 0.0)


def test_observed_epochs_move_the_rest_and_the_label_only(with_curves: Artifact) -> None:
    before = one(with_curves)
    worse, better = (one(with_curves, [0.99, per, per]) for per in (0.75, 0.5))
    (val, test), (low_val, _), (high_val, _) = before.targets, better.targets, worse.targets
    assert low_val.mean < val.mean < high_val.mean
    assert better.targets[1] == worse.targets[1] == test
    assert better.curve is not None
    assert worse.curve is not None
    assert better.curve.mean[-1] < worse.curve.mean[-1]


def test_curves_of_novel_cells_widen_like_the_label(with_curves: Artifact) -> None:
    """Here by a factor of three, on the model scale."""
    assert with_curves.curves is not None
    (val_per, *others) = with_curves.models
    inside = val_per.calibrator.inside
    wide = ConformalCalibrator(3 * inside.errors, inside.floor)
    calibrator = SupportCalibrator(inside, {"new_operation": wide, "larger": wide})
    unsure = replace(with_curves, models=(replace(val_per, calibrator=calibrator), *others))
    to_model = with_curves.curves.transform.to_model
    own = with_curves.curves.forecast([cell_graph(cell) for cell in OUTSIDE], 0.8)
    for i, forecast in enumerate(Forecaster(unsure).forecast(OUTSIDE, 0.8)):
        assert forecast.support == "extrapolated"
        assert forecast.curve is not None
        assert forecast.curve.mean == pytest.approx(own.mean[i].tolist())
        mean = to_model(own.mean[i])
        found = own.high[i] < 0.9  # what comes near the clip stands at the end of the scale
        assert found.sum() >= EPOCHS - 2
        plain = (to_model(own.high[i]) - mean)[found]
        further = (to_model(np.array(forecast.curve.high)) - mean)[found]
        assert further == pytest.approx(3 * plain, rel=1e-4)
        assert forecast.curve.std_model == pytest.approx((3 * own.std_model[i]).tolist())


def test_a_novel_cell_is_predicted_once(
    with_curves: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor, asked = with_curves.models[0].predictor, []
    predict = predictor.predict

    def counted(graphs: Sequence[CellGraph]) -> Prediction:
        asked.append(len(graphs))
        return predict(graphs)

    monkeypatch.setattr(predictor, "predict", counted)
    forecaster = Forecaster(with_curves)
    (whole,) = forecaster.forecast(OUTSIDE[:1], 0.8)
    assert asked == [1]
    (curve_alone,) = forecaster.forecast(OUTSIDE[:1], 0.8, targets=())
    assert curve_alone.curve == whole.curve


@pytest.mark.parametrize("observed", [None, OBSERVED])
def test_uncertainty_does_not_depend_on_the_level(
    with_curves: Artifact, observed: list[float] | None
) -> None:
    """Not for novel cells either, whose intervals widen by another factor at each level."""
    (val_per, *others) = with_curves.models
    inside = val_per.calibrator.inside
    skewed = ConformalCalibrator(3 * inside.errors * np.abs(inside.errors), inside.floor)
    calibrator = SupportCalibrator(inside, {"new_operation": skewed})
    unsure = Forecaster(
        replace(with_curves, models=(replace(val_per, calibrator=calibrator), *others))
    )
    by_level = [
        unsure.forecast(OUTSIDE[:1], level, observed_curve=observed)[0]
        for level in (0.5, 0.8, 0.95)
    ]
    curves = [forecast.curve for forecast in by_level if forecast.curve is not None]
    assert curves[0].high[-1] < curves[1].high[-1] < curves[2].high[-1]
    for name in ("std", "std_model", "std_seed"):
        assert len({getattr(curve, name) for curve in curves}) == 1
    for name in ("std", "std_model", "std_seed", "collapse_probability"):
        assert len({getattr(forecast.targets[0], name) for forecast in by_level}) == 1


@pytest.mark.parametrize(
    ("observed", "rule"),
    [
        ([0.9] * (EPOCHS + 1), "in 1 .. 6"),
        ({0: 0.9}, "in 1 .. 6"),
        ([87.0], "divide percents by 100"),
        ([math.nan], "fraction"),
        ("0.9", "mapping from epoch"),
    ],
)
def test_invalid_observations_are_refused(
    with_curves: Artifact, observed: object, rule: str
) -> None:
    with pytest.raises(UserError, match=rule):
        one(with_curves, observed)


def test_an_observed_curve_belongs_to_one_living_cell(
    with_curves: Artifact, artifact: Artifact
) -> None:
    forecaster = Forecaster(with_curves)
    with pytest.raises(UserError, match="2 cells; forecast them one by one"):
        forecaster.forecast(CELLS[:2], observed_curve=OBSERVED)
    with pytest.raises(UserError, match="is dead"):
        forecaster.forecast([Cell.parse("51_500_5000")], observed_curve=OBSERVED)
    with pytest.raises(UserError, match="has no learning curves"):
        one(artifact, OBSERVED)
    assert one(artifact).curve is None


def test_a_partial_forecast_equals_part_of_the_whole(with_curves: Artifact) -> None:
    forecaster = Forecaster(with_curves)
    cells = [*CELLS[:3], Cell.parse("conv9:1_100_1000")]
    whole = forecaster.forecast(cells)
    for target in forecaster.targets:
        part = forecaster.forecast(cells, targets=[target], curve=False)
        assert [f.targets for f in part] == [
            tuple(t for t in f.targets if t.target == target) for f in whole
        ]
        assert all(forecast.curve is None for forecast in part)
    curves = forecaster.forecast(cells, targets=())
    assert [f.curve for f in curves] == [f.curve for f in whole]
    assert not any(f.targets for f in curves)
    (all_of_one,) = forecaster.forecast(CELLS[:1], observed_curve=OBSERVED)
    (asked,) = forecaster.forecast(
        CELLS[:1], targets="test_per", curve=False, observed_curve=OBSERVED
    )
    assert asked.curve == all_of_one.curve
    assert asked.targets == all_of_one.targets[1:]
    with pytest.raises(UserError, match=r"targets val_per, test_per, but got wer"):
        forecaster.forecast(cells, targets=["wer", "val_per"])


def test_a_query_of_a_measured_cell_makes_no_forecast(
    with_curves: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = synthetic_table(60)
    forecaster = Forecaster(with_curves)
    benchmark = Benchmark(table, forecaster)
    row = table.records[0]
    monkeypatch.setattr(forecaster, "forecast", None)
    assert benchmark.query(row.cell, "test_per", seed=row.seed).value == row.test_per
    with pytest.raises(UserError, match=r"seeds \[1, 2\]: choose one of them or 'mean', but got 7"):
        benchmark.query(row.cell, seed=7)
    with pytest.raises(UserError, match="dead"):
        benchmark.query("51_500_5000")
    with pytest.raises(UserError, match="must be one of val_per, test_per"):
        benchmark.query("conv9:1_100_1000", "wer")


def test_a_query_of_an_epoch_uses_the_table_or_the_curve(with_curves: Artifact) -> None:
    table = synthetic_table(60)
    benchmark = Benchmark(table, Forecaster(with_curves))
    row = table.records[0]
    measured = benchmark.query(row.cell, epoch=1, seed=row.seed)
    assert (measured.value, measured.source) == (row.val_per_curve[0], "measured")
    unmeasured = "conv9:1_100_1000"
    forecast = benchmark.query(unmeasured, epoch=EPOCHS)
    (found,) = Forecaster(with_curves).forecast([Cell.parse(unmeasured)])
    assert found.curve is not None
    assert forecast.source == "forecast"
    assert forecast.value == found.curve.mean[-1]
    assert forecast.forecast is not None
    assert forecast.forecast.low < forecast.value < forecast.forecast.high
    for epoch in (0, EPOCHS + 1):
        with pytest.raises(UserError, match=r"1 \.\. 6"):
            benchmark.query(unmeasured, epoch=epoch)
    with pytest.raises(UserError, match="'val_per' only"):
        benchmark.query(unmeasured, "test_per", epoch=1)


@pytest.mark.parametrize("cell", [synthetic_table(60).records[0].cell, "conv9:1_100_1000"])
def test_invalid_seeds_and_epochs_are_refused_for_unmeasured_cells_too(
    with_curves: Artifact, cell: str
) -> None:
    benchmark = Benchmark(synthetic_table(60), Forecaster(with_curves))
    for seed in ("banana", None, 1.5, True):
        with pytest.raises(UserError, match="seed must be a whole number, 'mean' or 'posterior'"):
            benchmark.query(cell, seed=seed)  # type: ignore[arg-type]
    for epoch in ("3", 2.5, True):
        with pytest.raises(UserError, match=r"epoch must be a whole number.*, but got"):
            benchmark.query(cell, epoch=epoch)  # type: ignore[arg-type]


def test_progress_is_reported_from_zero_to_all() -> None:
    found: list[tuple[int, int]] = []
    fitted(30, VAL_PER, on_progress=lambda done, total: found.append((done, total)))
    total = found[0][1]
    assert found == [(done, total) for done in range(total + 1)]


def test_curves_need_the_target_val_per() -> None:
    with pytest.raises(UserError, match=r"curves need the target 'val_per'.*test_per"):
        fitted(20, TEST_PER)


def test_a_table_of_another_corpus_is_refused(with_curves: Artifact) -> None:
    table = synthetic_table(10)
    metadata = replace(table.metadata, corpus_fingerprint="another")
    records = tuple(replace(r, corpus_fingerprint="another") for r in table.records)
    other = BenchmarkTable(metadata, records)
    with pytest.raises(UserError, match="corpus_fingerprint of the table is another"):
        Benchmark(other, Forecaster(with_curves))


def test_levels_too_high_for_curves_are_refused(with_curves: Artifact) -> None:
    curves = with_curves.curves
    assert curves is not None
    many = np.repeat(curves.calibration.scores, 10, axis=2)[:, :, :MOST_SCORES]
    enough = replace(curves, calibration=HorizonCalibration(many))
    with pytest.raises(UserError, match=r"reach a level of 0\.9950, but got 0.999; .*no curve"):
        enough.forecast([cell_graph(CELLS[0])], 0.999)
