"""Intervals for graphs unlike those of a fit."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from graph_encoding import Cell, CellGraph, cell_graph
from surrogate.calibration import (
    ConformalCalibrator,
    SupportCalibrator,
    TrainedOn,
    calibrate_support,
)
from surrogate.calibration.support import Beyond, Outside
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.prediction import Prediction
from surrogate.metrics import coverage
from surrogate.predictors import MeanPredictor, RidgePredictor
from surrogate.testing.synthetic import synthetic_dataset

ONE = Prediction(np.zeros(3), np.ones(3))
INSIDE = ConformalCalibrator(np.arange(1.0, 10.0), floor=0.1)
WIDE = ConformalCalibrator(np.arange(11.0, 20.0), floor=0.1)
NARROW = ConformalCalibrator(np.arange(0.1, 1.0, 0.1), floor=0.1)


def one_beyond(count: int, way: Outside = "larger") -> list[Beyond]:
    return [{way: 1} for _ in range(count)]


@pytest.mark.parametrize(
    ("text", "beyond"),
    [
        ("10_100_1000", {}),
        ("conv9:0", {"new_operation": 1}),
        ("conv9:0_conv5:10_conv11:110", {"new_operation": 2}),
        ("10_100_1000_10000", {"larger": 1}),
        ("10_100_1000_10000_100000", {"larger": 2}),
        ("10_100_1000_conv9:0000", {"new_operation": 1, "larger": 1}),
        # A fourth node that does not reach the output is none.
        ("10_100_1000_50000", {}),
    ],
)
def test_how_far_a_graph_lies_beyond(text: str, beyond: Beyond) -> None:
    trained = TrainedOn(("conv5", "conv5d2", "conv7", "conv7d2", "linear"), 3)
    assert trained.beyond(cell_graph(Cell.parse(text))) == beyond


def test_only_the_unlike_are_widened() -> None:
    both = SupportCalibrator(INSIDE, {"larger": WIDE})
    interval = both.interval(ONE, 0.5, [{}, {"larger": 1}, {"new_operation": 1}])
    half = np.hypot(1, 0.1)
    np.testing.assert_allclose(interval.high, [5 * half, 15 * half, 5 * half])


@pytest.mark.parametrize(("growth", "times"), [(0.5, 2.0), (1.0, 4.0)])
def test_doubt_grows_with_the_nodes_beyond(growth: float, times: float) -> None:
    both = SupportCalibrator(INSIDE, {"larger": WIDE}, growth)
    beyond: list[Beyond] = [{}, {"larger": 1}, {"larger": 4}]
    for found in (both.interval(ONE, 0.5, beyond).high, both.std(ONE, beyond)):
        np.testing.assert_allclose(found[2] / found[1], times)
    chances = both.exceedance(ONE, 18.0, beyond)
    assert chances[0] < chances[1] < chances[2]


def test_being_unlike_never_narrows() -> None:
    both = SupportCalibrator(INSIDE, {"larger": NARROW, "new_operation": WIDE})
    beyond: list[Beyond] = [{"larger": 1}, {"new_operation": 1, "larger": 1}, {}]
    plain = INSIDE.std(ONE)
    assert (both.std(ONE, beyond) >= plain).all()
    assert both.std(ONE, beyond)[0] == plain[0]
    assert both.std(ONE, beyond)[1] > plain[1]


def test_a_level_that_few_scores_cannot_bound_takes_the_largest() -> None:
    both = SupportCalibrator(INSIDE, {"larger": ConformalCalibrator(np.array([30.0]), 0.1)})
    interval = both.interval(ONE, 0.9, one_beyond(3))
    np.testing.assert_allclose(interval.high, 30 * np.hypot(1, 0.1))


def test_plain_form_gives_the_same_calibrator_back() -> None:
    far = ConformalCalibrator(np.arange(2.0, 40.0), floor=0.7)
    both = SupportCalibrator(INSIDE, {"larger": far}, growth=1.0)
    again = SupportCalibrator.from_plain(json.loads(json.dumps(both.to_plain())))
    beyond: list[Beyond] = [{}, {"larger": 2}, {"larger": 1}]
    assert (again.std(ONE, beyond) == both.std(ONE, beyond)).all()
    assert again.growth == both.growth


class _Stand(MeanPredictor):
    """Answers the mean of all labels; keeps what it was fitted on."""

    name = "stand"

    def _fit(self, dataset: SurrogateDataset, rng: np.random.Generator) -> None:
        super()._fit(dataset, rng)
        self.seen = TrainedOn.of(dataset.graphs)


class _Overconfident(_Stand):
    """A million times surer of itself when it knows fewer operations."""

    name = "overconfident"

    def _predict(self, graphs: Sequence[CellGraph]) -> Prediction:
        told = super()._predict(graphs)
        return Prediction(told.mean, told.std if len(self.seen.ops) == 5 else 1e-6 * told.std)


def test_outside_errors_do_not_pass_through_the_spread_inside() -> None:
    data = synthetic_dataset(300)
    rng = np.random.default_rng(0)
    predictor, calibrator, _ = calibrate_support(data, _Overconfident, 5, rng)
    told = predictor.predict(data.graphs)
    std = calibrator.std(told, one_beyond(len(data), "new_operation"))
    assert (std < 3 * data.model_values.std()).all()


class _Growing(_Stand):
    """Errs by `nodes ** power` on graphs with so many nodes of unseen operations."""

    power: float

    def _predict(self, graphs: Sequence[CellGraph]) -> Prediction:
        mean, std = (getattr(super(_Growing, self)._predict(graphs), c) for c in ("mean", "std"))
        far = np.array([self.seen.beyond(graph).get("new_operation", 0) for graph in graphs])
        error = np.random.default_rng(len(graphs)).normal(size=len(graphs))
        return Prediction(mean + error * (0.01 + far**self.power), 0 * std)


class _Linear(_Growing):
    name, power = "linear", 1.0


class _Root(_Growing):
    name, power = "root", 0.5


@pytest.mark.parametrize("kind", [_Linear, _Root])
def test_growth_is_found(kind: type[_Growing]) -> None:
    data = synthetic_dataset(400)
    flat = replace(data, values=np.full(len(data), 0.3))
    _, calibrator, _ = calibrate_support(flat, kind, 5, np.random.default_rng(5))
    assert calibrator.growth == kind.power


def test_operations_left_out_are_covered() -> None:
    data = synthetic_dataset(400)
    has = np.array(["conv7d2" in key for key in data.keys])
    rest, unseen = data.subset(np.flatnonzero(~has)), data.subset(np.flatnonzero(has))
    rng = np.random.default_rng(0)
    predictor, calibrator, _ = calibrate_support(rest, RidgePredictor, 5, rng)
    assert "new_operation" in calibrator.outside
    prediction = predictor.predict(unseen.graphs)
    beyond = [TrainedOn.of(rest.graphs).beyond(graph) for graph in unseen.graphs]
    interval = calibrator.interval(prediction, 0.9, beyond)
    assert coverage(interval, unseen.model_values) >= 0.85
    inside = calibrator.inside.interval(prediction, 0.9)
    assert (interval.high - interval.low > inside.high - inside.low).all()
