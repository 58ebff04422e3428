"""Conformal intervals: known quantiles, nesting and, on made-up data, coverage."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding.errors import UserError
from surrogate.calibration import ConformalCalibrator, cross_conformal, seed_variance
from surrogate.dataset import SurrogateDataset
from surrogate.metrics import coverage
from surrogate.prediction import Prediction
from surrogate.predictors import MeanPredictor
from surrogate.splits import random_split
from surrogate.targets import VAL_PER
from surrogate.testing.synthetic import synthetic_dataset, synthetic_table

NINE = ConformalCalibrator(np.arange(1.0, 10.0), floor=0.5)
LEVELS = st.floats(0.01, 0.9)


@pytest.mark.parametrize(("level", "score"), [(0.5, 5.0), (0.9, 9.0), (0.81, 9.0), (0.05, 1.0)])
def test_quantile_is_the_ceil_of_n_plus_one_times_level(level: float, score: float) -> None:
    assert NINE.quantile(level) == score


def test_level_beyond_the_scores_says_what_can_be_had() -> None:
    with pytest.raises(UserError, match=r"at most 0\.9000"):
        NINE.quantile(0.91)


def test_interval_known_answer() -> None:
    interval = NINE.interval(Prediction(np.array([1.0]), np.array([1.2])), 0.5)
    width = math.hypot(1.2, 0.5)
    assert (interval.low[0], interval.high[0]) == (1 - 5 * width, 1 + 5 * width)


@given(LEVELS, LEVELS, st.floats(-3, 3), st.floats(0, 3))
def test_intervals_are_nested_in_level(a: float, b: float, mean: float, std: float) -> None:
    prediction = Prediction(np.array([mean]), np.array([std]))
    inner, outer = (NINE.interval(prediction, level) for level in sorted((a, b)))
    assert outer.low[0] <= inner.low[0]
    assert inner.high[0] <= outer.high[0]


@given(st.floats(0, 3), st.floats(0, 3))
def test_std_rises_with_the_predictors_doubt(a: float, b: float) -> None:
    low, high = NINE.std(Prediction(np.zeros(2), np.array(sorted((a, b)))))
    assert low <= high


@pytest.mark.parametrize(
    ("scores", "floor", "message"),
    [
        ([], 1.0, "n >= 1"),
        ([2.0, 1.0], 1.0, "rising"),
        ([1.0, np.inf], 1.0, "finite"),
        ([1.0], 0.0, "> 0"),
    ],
)
def test_bad_calibrator_is_refused(scores: list[float], floor: float, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ConformalCalibrator(np.array(scores), floor)


def test_every_key_is_scored_once(dataset: SurrogateDataset) -> None:
    calibrator = cross_conformal(dataset, MeanPredictor, 5, np.random.default_rng(0))
    assert len(calibrator.scores) == len(dataset)


def test_intervals_cover_new_keys() -> None:
    data = synthetic_dataset(400)
    held = []
    for start in range(30):
        rng = np.random.default_rng(start)
        split = random_split(data, (0.25, 0, 0.75), rng)
        calibrator = cross_conformal(split.train, MeanPredictor, 5, rng)
        prediction = MeanPredictor().fit(split.train, rng).predict(split.test.graphs)
        held.append(coverage(calibrator.interval(prediction, 0.9), split.test.model_values))
    # One split's coverage scatters by 0.03, the mean of 30 by less than 0.01.
    assert np.mean(held) == pytest.approx(0.9, abs=0.02)


def test_seed_variance_finds_the_noise_put_in() -> None:
    data = SurrogateDataset.from_table(synthetic_table(500, noise=0.01), VAL_PER, "mean")
    slope = np.median(1 / (data.values * (1 - data.values)))
    found = seed_variance(data)
    assert found is not None
    assert math.sqrt(found * 2) == pytest.approx(0.01 * slope, rel=0.15)


def test_seed_variance_is_unknown_with_one_seed() -> None:
    data = SurrogateDataset.from_table(synthetic_table(20, seeds=(1,)), VAL_PER, "mean")
    assert seed_variance(data) is None


def test_one_collapsed_training_does_not_move_the_seed_variance(dataset: SurrogateDataset) -> None:
    spoilt = SurrogateDataset(
        dataset.target,
        dataset.graphs,
        dataset.values,
        dataset.seed_counts,
        np.concatenate([[100.0], dataset.seed_variances[1:]]),
    )
    a, b = seed_variance(dataset), seed_variance(spoilt)
    assert a is not None
    assert b == pytest.approx(a, rel=0.3)
