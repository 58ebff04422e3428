"""Forecasts: their values, their support, and cells without one."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.cost import params
from graph_encoding.functional_identity import functional_key
from graph_encoding.macro import TIMIT_MICRO_MACRO
from graph_encoding.semantics import Semantics
from graph_encoding.space import CellSpace
from surrogate.calibration import ConformalCalibrator
from surrogate.curves import LabelForecast
from surrogate.data.prediction import Prediction
from surrogate.data.targets import COLLAPSED_PER, PER_UNIT, VAL_PER
from surrogate.fitting.artifact import Artifact
from surrogate.fitting.fit_artifact import fit_artifact
from surrogate.fitting.fit_parts import fit_target
from surrogate.forecasting.forecast import Forecast, Forecaster
from surrogate.forecasting.values import (
    Estimate,
    Own,
    TargetForecast,
    target_numbers,
    target_of,
    with_observed_label,
)
from surrogate.predictors import MeanPredictor
from surrogate.testing.synthetic import synthetic_dataset, synthetic_table

SPACE = CellSpace()


def _one(artifact: Artifact, text: str, level: float = 0.9) -> Forecast:
    return Forecaster(artifact).forecast([Cell.parse(text)], level)[0]


def test_forecast_holds_every_target_with_its_interval(artifact: Artifact) -> None:
    forecast = _one(artifact, "10_100_1000")
    assert [t.target for t in forecast.targets] == ["val_per", "test_per"]
    for target in forecast.targets:
        assert 0 < target.low < target.mean < target.high < 1
        assert target.std > 0


def test_without_estimates_std_is_model_and_seed_together(artifact: Artifact) -> None:
    """As in artifacts of earlier versions."""
    older = replace(artifact, models=tuple(replace(m, true_means=None) for m in artifact.models))
    target = _one(older, "10_100_1000").targets[0]
    assert target.estimate is None
    assert target.std_seed is not None
    assert target.std == pytest.approx(np.hypot(target.std_model, target.std_seed))
    assert 0 < target.std_seed < target.std


def test_novelty_increases_the_model_uncertainty_only(artifact: Artifact) -> None:
    inside, outside = (
        _one(artifact, cell).targets[0] for cell in ("10_100_1000", "conv9:0_100_1000")
    )
    assert inside.std_seed is not None
    assert outside.std_seed is not None
    assert inside.std_model / inside.std_seed < outside.std_model / outside.std_seed


@pytest.mark.parametrize(
    ("mean", "std", "expected"),
    [
        (0.9, 0.02, 0.5),
        # On the scale of the logit a spread of 0.21 / (0.7 * 0.3) = 1, and 0.9 lies 1.35 above 0.7.
        (0.7, 0.21, 0.0885),
        (0.6, 0.01, 0.0),
        (0.99, 1e-4, 1.0),
        (0.99, 0.0, 1.0),
    ],
)
def test_an_observed_training_collapses_as_its_label_says(
    mean: float, std: float, expected: float
) -> None:
    asked = TargetForecast("val_per", PER_UNIT, 0.6, 0.1, 0.1, None, 0.5, 0.7, 0.2)
    one = np.array([mean])
    label = LabelForecast(one, one - std, one + std, np.array([std]), np.array([std]), None)
    assert with_observed_label(asked, label).collapse_probability == pytest.approx(
        expected, abs=1e-4
    )


def test_an_observed_training_has_no_estimate_of_the_mean_over_seeds() -> None:
    """It would lead the output, and know nothing of what was observed."""
    estimate = Estimate(0.6, 0.01, 0.58, 0.62, 3)
    asked = TargetForecast("val_per", PER_UNIT, 0.6, 0.1, 0.1, None, 0.5, 0.7, 0.2, estimate)
    one = np.array([0.9])
    label = LabelForecast(one, one - 0.01, one + 0.01, one / 90, one / 90, None)
    assert with_observed_label(asked, label).estimate is None


def test_only_error_rates_collapse() -> None:
    model = fit_target(synthetic_dataset(20), MeanPredictor, 2, np.random.default_rng(0))
    seconds = replace(model, target=replace(VAL_PER, name="latency", unit="s"))
    answers = model.predictor.predict(synthetic_dataset(2).graphs)
    for of_unit, known in ((model, True), (seconds, False)):
        own = Own(["a", "b"], [{}, {}], [{}, {}])
        rows = target_numbers(of_unit, answers, own, 0.8).tolist()
        found = [target_of(of_unit, row).collapse_probability for row in rows]
        assert [probability is not None for probability in found] == [known] * 2


def test_forecasts_expect_as_many_collapses_as_there_are() -> None:
    """Over many cells whose errors are as skewed as those that the calibrator has seen."""
    rng = np.random.default_rng(0)
    n = 4000
    answers = Prediction(rng.normal(1.0, 0.5, 2 * n), rng.uniform(0.2, 1.0, 2 * n))
    labels = answers.mean + answers.std * (rng.exponential(1.0, 2 * n) - 1.0)
    calibrator = ConformalCalibrator.of(Prediction(answers.mean[:n], answers.std[:n]), labels[:n])
    limit = float(VAL_PER.transform.to_model(np.array([COLLAPSED_PER]))[0])
    new = Prediction(answers.mean[n:], answers.std[n:])
    expected = float(calibrator.exceedance(new, limit).sum())
    collapsed = int((labels[n:] > limit).sum())
    assert expected == pytest.approx(collapsed, abs=4 * np.sqrt(collapsed))
    normal = sum(
        0.5 * math.erfc((limit - m) / (s * math.sqrt(2)))
        for m, s in zip(new.mean.tolist(), calibrator.std(new).tolist(), strict=True)
    )
    assert abs(normal - collapsed) > 2 * abs(expected - collapsed)


def test_seed_part_is_unknown_with_one_seed() -> None:
    artifact = fit_artifact(
        synthetic_table(20, seeds=(1,)),
        (VAL_PER,),
        MeanPredictor,
        name="one",
        seed_policy="mean",
        folds=2,
        seed=0,
        effective_config={},
    )
    target = _one(artifact, "10_100_1000").targets[0]
    assert target.std_seed is None
    assert target.std == target.std_model


def test_measured_cell_shows_its_row(artifact: Artifact) -> None:
    row = synthetic_table(60).records[0]
    forecast = _one(artifact, row.cell)
    assert forecast.measured
    assert forecast.support == "measured"
    assert forecast.measured_row is not None
    assert forecast.measured_row.seeds == (1, 2)
    assert forecast.measured_row.values["test_per"][0] == row.test_per


def test_params_are_those_of_the_tables_macro(artifact: Artifact) -> None:
    cell = Cell.parse("31_210_0101")
    assert _one(artifact, cell.text).params == params(cell, TIMIT_MICRO_MACRO)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("conv9:0_100", "operation conv9"), ("10_100_1000_10000", "4 operations")],
)
def test_what_was_not_trained_on_is_extrapolated(
    artifact: Artifact, text: str, reason: str
) -> None:
    forecast = _one(artifact, text)
    assert forecast.support == "extrapolated"
    assert reason in forecast.note
    assert len(forecast.targets) == 2


def test_large_cell_of_a_small_function_is_as_the_small_one(artifact: Artifact) -> None:
    small, large = (_one(artifact, text) for text in ("10_100", "10_100_5001"))
    assert small.targets == large.targets
    assert small.support == large.support


def test_dead_cell_has_no_number_but_a_reason(artifact: Artifact) -> None:
    forecast = _one(artifact, "51_500_5000")
    assert forecast.support == "dead"
    assert forecast.targets == ()
    assert "does not depend on the input" in forecast.note


def test_only_dead_cells_can_be_asked_for(artifact: Artifact) -> None:
    assert Forecaster(artifact).forecast([Cell.parse("50")])[0].support == "dead"


def test_cells_may_be_texts(artifact: Artifact) -> None:
    forecaster, texts = Forecaster(artifact), ["10_100_1000", "51_500_5000"]
    found = forecaster.forecast([Cell.parse(text) for text in texts])
    assert forecaster.forecast(texts) == found
    assert forecaster.forecast(texts[0]) == found[:1]
    assert forecaster.forecast(Cell.parse(texts[0])) == found[:1]
    with pytest.raises(UserError, match="nope"):
        forecaster.forecast(["nope"])


def test_what_can_be_read_only_once_is_read_once(artifact: Artifact) -> None:
    forecaster, texts = Forecaster(artifact), ["10_100_1000", "51_500_5000", "10_100_1000"]
    found = forecaster.forecast(texts, targets=["val_per"])
    assert len(found) == 3
    assert forecaster.forecast(iter(texts), targets=iter(["val_per"])) == found
    assert forecaster.forecast(Cell.parse(text) for text in texts) == forecaster.forecast(texts)


def test_no_cells_give_no_forecasts(artifact: Artifact) -> None:
    assert Forecaster(artifact).forecast([]) == ()


def test_seven_nodes_are_refused_with_a_reason(artifact: Artifact) -> None:
    text = "_".join("1" + "0" * k for k in range(1, 8))
    with pytest.raises(UserError, match="7 nodes, but forecasts end at 6"):
        _one(artifact, text)


@pytest.mark.parametrize("level", [0.0, 1.0, 90.0])
def test_level_that_is_no_probability_is_refused(artifact: Artifact, level: float) -> None:
    with pytest.raises(UserError, match=r"\(0, 1\)"):
        _one(artifact, "10_100_1000", level)


@settings(max_examples=30)
@given(st.lists(st.integers(0, SPACE.size - 1), min_size=2, max_size=20))
def test_equal_functions_get_equal_forecasts(artifact: Artifact, indices: list[int]) -> None:
    cells = [SPACE.cell(i) for i in indices]
    together = Forecaster(artifact).forecast(cells)
    alone = [Forecaster(artifact).forecast([cell])[0] for cell in cells]
    assert list(together) == alone
    by_key: dict[str, Forecast] = {}
    for cell, forecast in zip(cells, together, strict=True):
        assert forecast.functional_key == functional_key(cell, Semantics.PAPER)
        first = by_key.setdefault(forecast.functional_key, forecast)
        assert replace(forecast, cell="") == replace(first, cell="")


@settings(max_examples=30)
@given(st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_intervals_are_nested_in_level(artifact: Artifact, a: float, b: float) -> None:
    inner, outer = (_one(artifact, "10_100_1000", v).targets[0] for v in sorted((a, b)))
    assert outer.low <= inner.low <= inner.high <= outer.high


def _measured_cells(n: int) -> list[str]:
    return [record.cell for record in synthetic_table(60).records[: 2 * n : 2]]


def test_an_estimate_rests_on_the_forecast_without_the_own_label(artifact: Artifact) -> None:
    """Other numbers of the label would change it through the label alone."""
    text = _measured_cells(1)[0]
    own = _one(artifact, text)
    row = own.measured_row
    assert row is not None
    model = artifact.models[0]
    assert model.true_means is not None
    transform = model.target.transform
    labels = transform.to_model(np.array(row.values["val_per"])).tolist()
    key = own.functional_key
    nothing = Prediction(np.array([np.pi]), np.array([1.0]))
    without = model.true_means.held_out.instead_of([key], nothing)
    assert without.mean[0] != np.pi
    expected = model.true_means.model.posterior(
        without, [dict(zip(row.seeds, labels, strict=True))]
    )
    assert own.estimate is not None
    assert own.estimate.mean == pytest.approx(transform.to_raw(expected.mean)[0])
    assert own.estimate.seeds == 2
    assert own.estimate.low < own.estimate.mean < own.estimate.high


def test_an_estimate_shrinks_with_the_seeds_of_the_function(artifact: Artifact) -> None:
    text = _measured_cells(1)[0]
    key = functional_key(Cell.parse(text), Semantics.PAPER)
    row = artifact.measured[key]
    stds = []
    for count in (0, 1, 2):
        values = {name: of[:count] for name, of in row.values.items()}
        fewer = {**artifact.measured, key: replace(row, seeds=row.seeds[:count], values=values)}
        estimate = _one(replace(artifact, measured=fewer), text).estimate
        assert estimate is not None
        assert estimate.seeds == count
        stds.append(estimate.std)
    assert stds[0] > stds[1] > stds[2] > 0


def test_out_of_support_an_estimate_is_less_certain(artifact: Artifact) -> None:
    inside, outside = (_one(artifact, cell) for cell in ("10_100_1000", "conv9:0_100_1000"))
    assert inside.estimate is not None
    assert outside.estimate is not None
    assert outside.estimate.std > inside.estimate.std
    assert outside.targets[0].std_model > inside.targets[0].std_model


def test_intervals_of_estimates_widen_with_the_level(artifact: Artifact) -> None:
    narrow, wide = (_one(artifact, "10_100_1000", level).estimate for level in (0.5, 0.98))
    assert narrow is not None
    assert wide is not None
    assert wide.low < narrow.low < narrow.mean == wide.mean < narrow.high < wide.high


def test_a_target_is_found_by_its_name(artifact: Artifact) -> None:
    forecast = _one(artifact, "10_100_1000")
    assert forecast.target("test_per") is forecast.targets[1]
    assert forecast.estimate is forecast.target("val_per").estimate
    with pytest.raises(UserError, match="unknown target 'latency'; this forecast has val_per"):
        forecast.target("latency")


def test_saved_estimates_are_the_same(artifact: Artifact, saved_artifact: Path) -> None:
    cells = [*_measured_cells(5), "10_100_1000", "conv9:0_100_1000"]
    assert Forecaster(artifact).forecast(cells) == Forecaster.load(saved_artifact).forecast(cells)
