"""The unit of labels is of no consequence: joules and nanojoules give the same results."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_encoding.graph import CellGraph
from surrogate.calibration import ConformalCalibrator
from surrogate.comparison.plugin import Contender, contender
from surrogate.comparison.protocol import PlannedSplit
from surrogate.comparison.scored_fit import fit_and_ask
from surrogate.comparison.scores import metrics_of
from surrogate.comparison.summary import SummaryRow, interval_texts
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.labelled_graphs import Source
from surrogate.data.prediction import Prediction
from surrogate.data.targets import FloatArray, Identity, Target, power_of_two, size_of
from surrogate.metrics import r_squared, rmse
from surrogate.predictors import Predictor
from surrogate.predictors.scaling import NormalScoreScale
from surrogate.testing.synthetic import synthetic_dataset, true_per

SIZES = st.integers(-12, 12)
BASE = replace(
    synthetic_dataset(60), target=Target("energy", "energy", "J", "minimise", Identity())
).sorted_by_key()


@dataclass(frozen=True)
class Truth:
    """Labels by key."""

    labels: Mapping[str, float]


class KnowsTheTruth(Predictor):
    """Errs on no key: its predictions are the labels, which it looks up."""

    name = "knows-the-truth"
    settings_type = Truth
    settings: Truth

    def _fit(self, dataset: SurrogateDataset, rng: np.random.Generator) -> None:
        pass

    def _predict(self, graphs: Sequence[CellGraph]) -> Prediction:
        return Prediction(
            np.array([self.settings.labels[g.key] for g in graphs]), np.zeros(len(graphs))
        )

    def _learned(self) -> dict[str, FloatArray]:
        return {}

    def _restore(self, arrays: object, documents: object) -> None:
        pass


def numbers(name: str, values: FloatArray) -> dict[str, float]:
    """All metrics of a fit on 40 keys, tested on 20."""
    dataset = replace(BASE, values=values)
    source = Source("made up", dataset, np.zeros(60, dtype=bool), None)
    rows = np.random.default_rng(3).permutation(60)
    split = PlannedSplit("random", "", 40, 0, np.sort(rows[:40]), np.sort(rows[40:]))
    chosen = (
        Contender(name, KnowsTheTruth, Truth(dict(zip(dataset.keys, values, strict=True))))
        if name == "knows-the-truth"
        else contender(name, {"members": 2, "rounds": 20} if name == "xgb" else {})
    )
    fit = fit_and_ask(source, split, chosen, levels=(0.5, 0.8), folds=4, seed=0)
    metrics = metrics_of(dataset.target, fit.levels)
    return {m.name: m.of(fit) for m in metrics if m.of_keys}


def require_same_but_for_the_unit(
    one: dict[str, float], other: dict[str, float], factor: float
) -> None:
    of_unit = {"rmse", "regret", "crps", "width_50", "width_80"}
    for name, value in one.items():
        expected = value * factor if name in of_unit else value
        if name == "nll":
            expected += math.log(factor)
        absolute = 1e-12 * factor if name in of_unit else 1e-6
        assert other[name] == pytest.approx(expected, rel=1e-6, abs=absolute), (name, factor)


LABELS = np.array([1 + true_per(graph) for graph in BASE.graphs]) + np.random.default_rng(0).normal(
    0, 0.01, 60
)


@pytest.mark.parametrize(
    "name", ["mean", "ridge", "params", "additive", "gp", "xgb", "knows-the-truth"]
)
@settings(max_examples=5)
@given(exponent=SIZES)
def test_labels_in_another_unit_score_alike(name: str, exponent: int) -> None:
    factor = 10.0**exponent
    one, other = numbers(name, LABELS), numbers(name, LABELS * factor)
    require_same_but_for_the_unit(one, other, factor)


@pytest.mark.parametrize("name", ["mean", "ridge", "knows-the-truth"])
@settings(max_examples=5)
@given(exponent=SIZES)
def test_equal_labels_in_another_unit_score_alike(name: str, exponent: int) -> None:
    """They have no standard deviation: their size stands for it."""
    factor = 2.0 ** (3 * exponent)
    one, other = numbers(name, np.full(60, 0.75)), numbers(name, np.full(60, 0.75 * factor))
    require_same_but_for_the_unit(one, other, factor)


@given(exponent=st.integers(-300, 290))
def test_errors_and_their_share_of_the_variance_reach_the_ends_of_floats(exponent: int) -> None:
    """Squares of labels of 1e-200 are 0, those of labels of 1e200 infinite."""
    factor = 10.0**exponent
    predicted, measured = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0])
    error = rmse(predicted * factor, measured * factor)
    assert error == pytest.approx(factor / 3**0.5, rel=1e-9)
    share = r_squared(predicted * factor, measured * factor)
    assert share == pytest.approx(11 / 14, rel=1e-9)


@given(
    st.lists(st.floats(-1e3, 1e3).map(lambda x: round(x, 3)), min_size=1, max_size=20),
    st.integers(-900, 900),
)
def test_the_size_of_labels_has_their_unit(values: list[float], exponent: int) -> None:
    labels, factor = np.array(values), 2.0**exponent
    size = size_of(labels)
    assert size > 0
    assert size_of(labels * factor) == (size * factor if labels.any() else 1.0)
    assert power_of_two(labels) <= (np.abs(labels).max() or 1.0) < 2 * power_of_two(labels)


@given(exponent=st.integers(-40, 40))
def test_a_calibrator_of_a_perfect_predictor_has_a_floor_in_the_labels_unit(exponent: int) -> None:
    labels, factor = np.linspace(1, 2, 30), 2.0**exponent

    def floor(unit: float) -> float:
        return ConformalCalibrator.of(Prediction(labels * unit, np.zeros(30)), labels * unit).floor

    assert floor(factor) == floor(1.0) * factor


@given(exponent=st.integers(-300, 300), value=st.sampled_from([1.0, -7.5]))
def test_equal_labels_have_a_scale_in_their_unit(exponent: int, value: float) -> None:
    label = value * 10.0**exponent
    scale = NormalScoreScale.of(np.full(5, label))
    width = np.ptp(scale.values)
    assert 0 < width <= 1e-8 * abs(label)
    assert scale.backward(np.zeros(1))[0] == pytest.approx(label, rel=1e-8)


@pytest.mark.parametrize(
    ("mean", "low", "high", "shown"),
    [
        (1.68e-11, 1.45e-11, 1.91e-11, "1.68e-11 (1.45e-11 to 1.91e-11)"),
        (2.5e9, 2.4e9, 2.6e9, "2.50e+09 (2.40e+09 to 2.60e+09)"),
        (0.1 + 0.2, 0.3, 0.1 + 0.2, "0.300 (0.300 to 0.300)"),
        (-1e-9, -0.25, 0.25, "0.000 (-0.250 to 0.250)"),
        (0.0, 0.0, 0.0, "0.00 (0.00 to 0.00)"),
        (1234.5, 999.0, 1e5, "1,234 (999 to 100,000)"),
        (1.5, None, None, "1.50"),
    ],
)
def test_the_table_shows_intervals_of_any_unit(
    mean: float, low: float | None, high: float | None, shown: str
) -> None:
    row: dict[str, Any] = dict.fromkeys(SummaryRow.__dataclass_fields__)
    assert SummaryRow(**{**row, "mean": mean, "low": low, "high": high}).text == shown


@given(
    st.lists(st.floats(-1, 1).map(lambda x: round(x, 6)), min_size=1, max_size=3),
    st.integers(-30, 30),
)
def test_shown_numbers_are_right_to_a_hundredth_of_the_largest(
    values: list[float], exponent: int
) -> None:
    numbers = [value * 10.0**exponent for value in values]
    shown = [float(text.replace(",", "")) for text in interval_texts(numbers)]
    np.testing.assert_allclose(shown, numbers, rtol=0, atol=0.0051 * max(map(abs, numbers)))
