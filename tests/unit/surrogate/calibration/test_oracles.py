"""Calibration against the same numbers by hand: widths, floors, levels, seed noise, support."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import truncnorm

from graph_encoding.cell import Cell
from graph_encoding.graph import cell_graph
from surrogate.calibration.conformal import ConformalCalibrator, most_level
from surrogate.calibration.novelty import Neighbourhood, TrainedOn
from surrogate.calibration.seed_noise import seed_share
from surrogate.calibration.support import SupportCalibrator
from surrogate.data.prediction import Prediction
from surrogate.data.targets import FloatArray
from surrogate.testing.synthetic import synthetic_dataset

FLOOR_SHARES = (0.1, 0.2, 0.5, 1.0, 1.5, 3.0)
"""Floors to choose from, in units of the median error."""


def test_exceedance_measures_the_distance_to_the_limit_in_widths() -> None:
    calibrator = ConformalCalibrator(np.linspace(-4, 4, 9), floor=3.0)
    prediction = Prediction(np.array([7.0, -1.0]), np.array([4.0, 0.0]))
    assert calibrator.width(prediction).tolist() == [5.0, 3.0]
    # Errors of 2, 3 and 4 widths and the new key, of nine and the new key.
    assert calibrator.exceedance(prediction, 7.0 + 1.5 * 5.0)[0] == pytest.approx(0.4)
    assert calibrator.exceedance(prediction, -1.0 + 1.5 * 3.0)[1] == pytest.approx(0.4)


def best_floor(error: FloatArray, std: FloatArray) -> float:
    """The floor under which scaled normal distributions are most likely to give these errors."""

    def log_likelihood(floor: float) -> float:
        width = np.sqrt(std**2 + floor**2)
        scale = math.sqrt(np.mean((error / width) ** 2))
        deviations = scale * width
        return float(np.sum(-np.log(deviations) - (error / deviations) ** 2 / 2))

    floors = [share * float(np.median(np.abs(error))) for share in FLOOR_SHARES]
    return max(floors, key=log_likelihood)


@pytest.mark.parametrize("noise", [0.0, 0.3, 0.6, 1.0, 1.5, 2.5, 20.0])
def test_the_floor_is_the_likeliest(noise: float) -> None:
    """From errors that follow the predicted deviations to errors that do not depend on them."""
    rng = np.random.default_rng(4)
    std = np.exp(rng.normal(0, 1, 400))
    labels = 5 + np.hypot(std, noise) * rng.normal(size=400)
    found = ConformalCalibrator.of(Prediction(np.full(400, 5.0), std), labels)
    assert found.floor == pytest.approx(best_floor(labels - 5, std))
    np.testing.assert_allclose(found.errors, np.sort((labels - 5) / np.hypot(std, found.floor)))


def test_noises_lead_to_every_floor() -> None:
    """Else the law above would say nothing of those that are never the likeliest."""
    rng = np.random.default_rng(4)
    std = np.exp(rng.normal(0, 1, 400))
    shares = set()
    for noise in np.geomspace(0.01, 30, 60):
        error = np.hypot(std, noise) * rng.normal(size=400)
        shares.add(round(best_floor(error, std) / float(np.median(np.abs(error))), 6))
    assert shares == set(FLOOR_SHARES)


@pytest.mark.parametrize(
    ("count", "level", "most"),
    [(9, 0.95, "0.9000"), (19_999, 0.99996, "0.99995"), (2, 0.9, "0.6666")],
)
def test_the_greatest_level_has_as_many_digits_as_the_level_asked_for(
    count: int, level: float, most: str
) -> None:
    assert str(most_level(count, level)) == most


def test_outside_the_support_exceedance_measures_from_the_mean_too() -> None:
    inside = ConformalCalibrator(np.linspace(-4, 4, 9), floor=3.0)
    wide = ConformalCalibrator(np.linspace(-8, 8, 9), floor=3.0)
    prediction = Prediction(np.array([7.0, 7.0]), np.array([4.0, 4.0]))
    calibrator = SupportCalibrator(inside, {"larger": wide}, growth=1.0)
    chances = calibrator.exceedance(prediction, 7.0 + 2.5 * 5.0, [{}, {"larger": 1}])
    # Two errors of `inside` are larger than 2.5 widths, and three of `wide`.
    assert chances.tolist() == pytest.approx([0.3, 0.4])


def test_one_function_leaves_the_share_of_seed_noise_open() -> None:
    """The share is the mean of a normal distribution around the estimate, cut to 0 .. 1.

    Of a single function the error of the estimate is 1, by definition.
    """
    first = synthetic_dataset(10).subset([0])
    std, miss, variance = 0.5, 0.4, 0.08
    data = replace(first, seed_counts=np.array([2]), seed_variances=np.array([variance]))
    prediction = Prediction(data.model_values - miss, np.array([std]))
    # Both medians are those of one degree of freedom, and the label is a mean of two trainings.
    estimate = variance / 2 / miss**2
    expected = truncnorm.mean(-estimate, 1 - estimate, loc=estimate, scale=1)
    assert seed_share(data, prediction) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("text", ["conv9:1_100_1000", "10_conv9:10_1000", "10_100_conv9:100"])
def test_the_operation_of_every_node_is_seen(text: str) -> None:
    """In the fit as in the graph that is asked about."""
    graph, plain = cell_graph(Cell.parse(text)), cell_graph(Cell.parse("10_100_1000"))
    assert TrainedOn.of([plain]).novelty(graph) == {"new_operation": 1}
    assert TrainedOn.of([graph]).ops == ("conv5", "conv9")
    assert TrainedOn.of([graph]).novelty(graph) == {}


def test_a_graph_of_the_fit_is_at_distance_zero() -> None:
    graphs = synthetic_dataset(20).graphs
    assert Neighbourhood.of(graphs).distance(graphs).tolist() == [0.0] * 20
