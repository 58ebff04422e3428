"""Calibration for novel graphs: it rests on graphs that a fit has left out."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from graph_encoding import CellGraph
from surrogate.calibration import Novelty, TrainedOn, calibrate, calibration_steps
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.prediction import Prediction
from surrogate.metrics import coverage
from surrogate.predictors import MeanPredictor, RidgePredictor, XgbPredictor, XgbSettings
from surrogate.testing.synthetic import synthetic_dataset


class _Stand(MeanPredictor):
    """Predicts the mean of all labels; remembers the support of its fit."""

    name = "stand"

    def _fit(self, dataset: SurrogateDataset, rng: np.random.Generator) -> None:
        super()._fit(dataset, rng)
        self.seen = TrainedOn.of(dataset.graphs)


class _Overconfident(_Stand):
    """Claims a millionth of the standard deviation when it knows fewer operations."""

    name = "overconfident"

    def _predict(self, graphs: Sequence[CellGraph]) -> Prediction:
        found = super()._predict(graphs)
        return Prediction(found.mean, found.std if len(self.seen.ops) == 5 else 1e-6 * found.std)


def test_outside_errors_do_not_pass_through_the_spread_inside() -> None:
    data = synthetic_dataset(300)
    fitted = calibrate(data, _Overconfident, 5, np.random.default_rng(0))
    novelty: list[Novelty] = [{"new_operation": 1}] * len(data)
    std = fitted.calibrator.std(fitted.predictor.predict(data.graphs), novelty)
    assert (std < 3 * data.model_values.std()).all()


class _Growing(_Stand):
    """Errs by `nodes ** power` on graphs with that many nodes of unseen operations."""

    power: float

    def _predict(self, graphs: Sequence[CellGraph]) -> Prediction:
        mean, std = (getattr(super(_Growing, self)._predict(graphs), c) for c in ("mean", "std"))
        nodes = np.array([self.seen.novelty(graph).get("new_operation", 0) for graph in graphs])
        error = np.random.default_rng(len(graphs)).normal(size=len(graphs))
        return Prediction(mean + error * (0.01 + nodes**self.power), 0 * std)


class _Linear(_Growing):
    name, power = "linear", 1.0


class _Root(_Growing):
    name, power = "root", 0.5


@pytest.mark.parametrize("kind", [_Linear, _Root])
def test_growth_is_found(kind: type[_Growing]) -> None:
    data = synthetic_dataset(400)
    flat = replace(data, values=np.full(len(data), 0.3))
    fitted = calibrate(flat, kind, 5, np.random.default_rng(5))
    assert fitted.calibrator.growth == kind.power


def test_operations_left_out_are_covered() -> None:
    data = synthetic_dataset(400)
    has = np.array(["conv7d2" in key for key in data.keys])
    rest, unseen = data.subset(np.flatnonzero(~has)), data.subset(np.flatnonzero(has))
    rng = np.random.default_rng(0)
    fitted = calibrate(rest, RidgePredictor, 5, rng)
    calibrator = fitted.calibrator
    assert "new_operation" in calibrator.outside
    prediction = fitted.predictor.predict(unseen.graphs)
    interval = calibrator.interval(prediction, 0.9, fitted.novelty(unseen.graphs))
    assert coverage(interval, unseen.model_values) >= 0.85
    inside = calibrator.inside.interval(prediction, 0.9)
    assert (interval.high - interval.low > inside.high - inside.low).all()


def test_without_novel_graphs_nothing_else_changes() -> None:
    """Fits that leave graphs out come last and change neither predictor nor calibration."""
    data = synthetic_dataset(120)
    make = partial(XgbPredictor, XgbSettings(members=2, rounds=20))
    whole, part = (
        calibrate(data, make, 3, np.random.default_rng(1), novel=novel) for novel in (True, False)
    )
    assert whole.calibrator.outside
    assert not part.calibrator.outside
    np.testing.assert_array_equal(whole.calibrator.inside.errors, part.calibrator.inside.errors)
    for name in ("mean", "std"):
        one, other = (getattr(f.predictor.predict(data.graphs), name) for f in (whole, part))
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(getattr(whole.held_out, name), getattr(part.held_out, name))


def test_every_step_is_reported() -> None:
    data = synthetic_dataset(60)
    steps: list[int] = []
    calibrate(data, MeanPredictor, 3, np.random.default_rng(0), on_step=lambda: steps.append(1))
    assert len(steps) == calibration_steps(data.graphs) == 7
