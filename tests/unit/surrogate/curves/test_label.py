"""The validation label of a forecast curve: its window, its mean and its uncertainty."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_encoding.common.errors import UserError
from surrogate.curves import (
    CurveModel,
)
from tests.unit.surrogate.curves.conftest import GRAPHS
from train_benchmark.labels import EpochWindow, label_of, label_window
from train_benchmark.table.benchmark_table import BenchmarkTable


def test_the_label_of_a_finished_training_is_exact(model: CurveModel) -> None:
    curve = np.linspace(0.9, 0.6, model.epochs)
    label = model.forecast_given(GRAPHS[0], curve).val_per
    assert label.mean[0] == pytest.approx(curve[-6:].mean())
    assert label.std[0] == label.high[0] - label.low[0] == 0


@pytest.mark.parametrize("per", [0.0, 0.004, 0.995, 1.0, 1.2])
def test_an_observed_label_is_not_moved_to_the_clip(model: CurveModel, per: float) -> None:
    seen = dict.fromkeys(range(model.epochs - 5, model.epochs + 1), per)
    label = model.forecast_given(GRAPHS[0], seen).val_per
    assert label.mean == label.low == label.high == pytest.approx(per)
    assert label.std[0] == 0
    of_all_seeds = model.forecast_given(GRAPHS[0], seen, of="function").val_per
    assert of_all_seeds.low[0] < of_all_seeds.high[0]
    del seen[model.epochs]
    still_open = model.forecast_given(GRAPHS[0], seen).val_per
    assert still_open.low[0] < still_open.high[0]


def test_label_is_the_mean_of_the_epochs_that_the_tables_label_averages(
    model: CurveModel, curve_table: BenchmarkTable
) -> None:
    assert model.label_epochs == label_window("val_per", model.epochs) == EpochWindow(5, 10)
    found = model.forecast(GRAPHS)
    np.testing.assert_allclose(found.val_per.mean, found.mean[:, 4:].mean(axis=1), rtol=1e-9)
    record = curve_table.records[3]
    label = model.forecast_given(GRAPHS[0], record.val_per_curve).val_per.mean[0]
    assert label == pytest.approx(label_of(record, "val_per"))


def test_a_label_narrows_with_every_epoch_of_its_window(model: CurveModel) -> None:
    """Up to the first of them it can be no surer than its own epochs; then each counts."""
    curve = np.linspace(0.9, 0.6, model.epochs)
    stds = [
        model.forecast_given(GRAPHS[0], curve[:seen]).val_per.std_seed
        for seen in range(model.label_epochs.first - 1, model.epochs + 1)
    ]
    values = [float(std[0]) for std in stds if std is not None]
    assert len(values) == len(model.label_epochs) + 1
    assert values == sorted(values, reverse=True)
    assert values[-1] == 0 < values[-2]


@settings(max_examples=20)
@given(first=st.integers(1, 10))
def test_the_label_averages_any_chosen_window(model: CurveModel, first: int) -> None:
    other = replace(model, label_epochs=EpochWindow(first, model.epochs))
    found = other.forecast(GRAPHS)
    np.testing.assert_allclose(found.val_per.mean, found.mean[:, first - 1 :].mean(axis=1))
    np.testing.assert_array_equal(found.mean, model.forecast(GRAPHS).mean)


def test_a_window_beyond_the_last_epoch_is_refused(model: CurveModel) -> None:
    with pytest.raises(UserError, match="its 10 epochs, but averages epochs 9 to 11"):
        replace(model, label_epochs=EpochWindow(9, 11))
