"""The curve model: laws of its fit, its forecasts and its intervals."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_encoding.common.errors import UserError
from graph_encoding.graph import CellGraph
from surrogate.curves import (
    CurveModel,
    CurveSet,
    Subject,
    Widening,
)
from surrogate.predictors import RidgePredictor
from surrogate.testing.synthetic_curves import synthetic_curve_table
from tests.unit.surrogate.curves.conftest import GRAPHS, PREFIX, SCALE, numbers
from train_benchmark.table.benchmark_table import BenchmarkTable


def test_parts_of_the_variance_add_up(model: CurveModel) -> None:
    for found in (model.forecast(GRAPHS), model.forecast_given(GRAPHS[1], PREFIX)):
        for part in (found, found.val_per):
            assert part.std_seed is not None
            np.testing.assert_allclose(
                part.std**2, part.std_model**2 + part.std_seed**2, atol=1e-12
            )


def test_seed_noise_is_unknown_without_second_seeds() -> None:
    single = CurveModel.fit(
        synthetic_curve_table(40, seeds=(1,)), RidgePredictor, np.random.default_rng(0)
    )
    found = single.forecast_given(GRAPHS[0], PREFIX)
    assert found.std_seed is None
    assert found.val_per.std_seed is None
    assert np.array_equal(found.std, found.std_model)


def test_intervals_are_nested_in_level_and_hold_the_mean(model: CurveModel) -> None:
    for observed in ({}, PREFIX):
        wide, narrow = (model.forecast_given(GRAPHS[0], observed, level) for level in (0.95, 0.6))
        assert (wide.low <= narrow.low).all()
        assert (narrow.low <= narrow.mean).all()
        assert (narrow.mean <= narrow.high).all()
        assert (narrow.high <= wide.high).all()


def test_forecasts_fall_where_the_table_falls(model: CurveModel) -> None:
    falling = model.curves.falling
    assert falling.tolist() == [True] * 5 + [False] * 4
    assert (np.diff(model.forecast(GRAPHS).mean, axis=1)[:, falling] <= 1e-12).all()
    # A rise that was seen is kept; what follows falls.
    found = model.forecast_given(GRAPHS[0], {1: 0.8, 2: 0.9})
    assert found.mean[0, 1] == 0.9
    assert (np.diff(found.mean[0, 2:6]) <= 1e-12).all()


def test_equal_keys_get_equal_forecasts_in_any_order(model: CurveModel) -> None:
    order = [2, 0, 1, 0]
    one, other = model.forecast(GRAPHS), model.forecast([GRAPHS[i] for i in order])
    np.testing.assert_allclose(other.mean, one.mean[order], rtol=1e-12)
    assert np.array_equal(other.mean[1], other.mean[3])


def test_order_of_rows_does_not_matter(model: CurveModel, curve_table: BenchmarkTable) -> None:
    shuffled = BenchmarkTable(curve_table.metadata, curve_table.records[::-1])
    again = CurveModel.fit(shuffled, RidgePredictor, np.random.default_rng(0))
    assert numbers(again.forecast(GRAPHS)) == numbers(model.forecast(GRAPHS))


def test_levels_and_subjects_out_of_range_are_refused(model: CurveModel) -> None:
    for level in (0.0, 1.0, 1.5):
        with pytest.raises(UserError, match=r"in \(0, 1\)"):
            model.forecast(GRAPHS, level)
    with pytest.raises(UserError, match="can bound a level"):
        model.forecast(GRAPHS, 0.9999)
    with pytest.raises(UserError, match="'training', 'function'"):
        model.forecast(GRAPHS, of="seed")  # type: ignore[arg-type]


def test_collapsed_trainings_hardly_move_other_forecasts(
    model: CurveModel, curve_table: BenchmarkTable
) -> None:
    """Three trainings that never learned hardly move the forecasts of other cells."""
    records = list(curve_table.records)
    for i in (10, 50, 90):
        records[i] = replace(records[i], val_per_curve=(1.0,) * model.epochs)
    collapsed = BenchmarkTable(curve_table.metadata, tuple(records))
    other = CurveModel.fit(collapsed, RidgePredictor, np.random.default_rng(0))
    one, two = (m.forecast(GRAPHS[:2]).val_per for m in (model, other))
    assert np.abs(one.mean - two.mean).max() < 0.03


def test_observed_epochs_help_where_the_graph_cannot_know() -> None:
    """In the made-up law, how early a curve falls is the function's own and shows in epoch 3."""
    curves = CurveSet.from_table(synthetic_curve_table(80, start=7), SCALE)
    train = curves.subset(range(60))
    model = CurveModel.fit_curves(train, SCALE, RidgePredictor, np.random.default_rng(0))
    errors = []
    for prefix in (0, 3):
        wrong = []
        for row in np.flatnonzero(curves.owners >= 60):
            truth = SCALE.to_raw(curves.values[row])
            graph = curves.graphs[curves.owners[row]]
            found = model.forecast_given(graph, truth[:prefix]).mean[0]
            wrong.append(np.abs(found - truth)[3:6].mean())
        errors.append(np.mean(wrong))
    assert errors[1] < 0.6 * errors[0]


@pytest.mark.slow
@pytest.mark.parametrize("prefix", [0, 3, 7])
def test_nine_in_ten_new_functions_lie_in_their_intervals(prefix: int) -> None:
    """Pooled over eight tables: 320 unseen functions with 2 trainings each."""
    held = []
    for start in range(8):
        curves = CurveSet.from_table(synthetic_curve_table(140, start=start), SCALE)
        model = CurveModel.fit_curves(
            curves.subset(range(100)), SCALE, RidgePredictor, np.random.default_rng(start)
        )
        for row in np.flatnonzero(curves.owners >= 100):
            truth = SCALE.to_raw(curves.values[row])
            found = model.forecast_given(curves.graphs[curves.owners[row]], truth[:prefix])
            held.append(((found.low <= truth) & (truth <= found.high))[0, prefix:])
    # 640 trainings, two of a function: a standard error of about 0.014.
    assert np.mean(held) == pytest.approx(0.9, abs=0.03)
    assert np.mean(held, axis=0) == pytest.approx(0.9, abs=0.06)


@settings(deadline=None)
@given(st.floats(1, 30), st.sampled_from(GRAPHS), st.sampled_from(["training", "function"]))
def test_widening_never_narrows_and_keeps_the_mean(
    model: CurveModel, factor: float, graph: CellGraph, of: Subject
) -> None:
    plain = model.forecast([graph], 0.8, of=of)
    wide = model.forecast([graph], 0.8, of=of, widening=Widening(*[np.array([factor])] * 2))
    assert (wide.mean == plain.mean).all()
    assert (wide.low <= plain.low).all()
    assert (wide.high >= plain.high).all()
    assert (wide.low <= wide.mean).all()
    assert (wide.mean <= wide.high).all()
    assert (wide.std_model >= plain.std_model).all()


def test_intervals_cover_error_rates_of_one_as_often_as_others() -> None:
    """Early in training most error rates are those of a network without output."""
    table = synthetic_curve_table(80, start=3)
    blank = tuple(
        replace(r, val_per_curve=(1.0 if i % 3 else 0.985, *r.val_per_curve[1:]))
        for i, r in enumerate(table.records)
    )
    changed = BenchmarkTable(table.metadata, blank)
    model = CurveModel.fit(changed, RidgePredictor, np.random.default_rng(0))
    curves = CurveSet.from_table(changed, SCALE)
    found = model.forecast(curves.graphs, 0.9)
    assert (found.high[:, 0] == 1.0).mean() > 0.9
    assert (found.low[:, 0] < found.mean[:, 0]).all()
