"""Intervals for graphs unlike those of a fit."""

import numpy as np
import pytest

from graph_encoding import Cell, cell_graph
from surrogate.calibration import (
    ConformalCalibrator,
    SupportCalibrator,
    TrainedOn,
    calibrate_support,
)
from surrogate.metrics import coverage
from surrogate.prediction import Prediction
from surrogate.predictors import RidgePredictor
from surrogate.testing.synthetic import synthetic_dataset

ONE = Prediction(np.zeros(3), np.ones(3))
INSIDE = ConformalCalibrator(np.arange(1.0, 10.0), floor=0.1)
WIDE = ConformalCalibrator(np.arange(11.0, 20.0), floor=0.1)
NARROW = ConformalCalibrator(np.arange(0.1, 1.0, 0.1), floor=0.1)


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("10_100_1000", ()),
        ("conv9:0", ("new_operation",)),
        ("10_100_1000_10000", ("larger",)),
        ("10_100_1000_conv9:0000", ("new_operation", "larger")),
        # A fourth node that does not reach the output is none.
        ("10_100_1000_50000", ()),
    ],
)
def test_ways_of_being_unlike(text: str, ways: tuple[str, ...]) -> None:
    trained = TrainedOn(("conv5", "conv5d2", "conv7", "conv7d2", "linear"), 3)
    assert trained.outside(cell_graph(Cell.parse(text))) == ways


def test_only_the_unlike_are_widened() -> None:
    both = SupportCalibrator(INSIDE, {"larger": WIDE})
    interval = both.interval(ONE, 0.5, [(), ("larger",), ("new_operation",)])
    half = np.hypot(1, 0.1)
    np.testing.assert_allclose(interval.high, [5 * half, 15 * half, 5 * half])


def test_being_unlike_never_narrows() -> None:
    both = SupportCalibrator(INSIDE, {"larger": NARROW, "new_operation": WIDE})
    ways = [("larger",), ("new_operation", "larger"), ()]
    plain = INSIDE.std(ONE)
    assert (both.std(ONE, ways) >= plain).all()
    assert both.std(ONE, ways)[0] == plain[0]
    assert both.std(ONE, ways)[1] > plain[1]


def test_a_level_that_few_scores_cannot_bound_takes_the_largest() -> None:
    both = SupportCalibrator(INSIDE, {"larger": ConformalCalibrator(np.array([30.0]), 0.1)})
    interval = both.interval(ONE, 0.9, [("larger",)] * 3)
    np.testing.assert_allclose(interval.high, 30 * np.hypot(1, 0.1))


def test_operations_left_out_are_covered() -> None:
    data = synthetic_dataset(400)
    has = np.array(["conv7d2" in key for key in data.keys])
    rest, unseen = data.subset(np.flatnonzero(~has)), data.subset(np.flatnonzero(has))
    rng = np.random.default_rng(0)
    predictor, calibrator, _ = calibrate_support(rest, RidgePredictor, 5, rng)
    assert "new_operation" in calibrator.outside
    prediction = predictor.predict(unseen.graphs)
    ways = [TrainedOn.of(rest.graphs).outside(graph) for graph in unseen.graphs]
    interval = calibrator.interval(prediction, 0.9, ways)
    assert coverage(interval, unseen.model_values) >= 0.85
    inside = calibrator.inside.interval(prediction, 0.9)
    assert (interval.high - interval.low > inside.high - inside.low).all()
