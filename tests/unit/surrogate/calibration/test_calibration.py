"""Conformal intervals: known quantiles, nesting and, on made-up data, coverage."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding.common.errors import UserError
from surrogate.calibration import ConformalCalibrator, calibrate, seed_share
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.prediction import Prediction
from surrogate.data.splits import random_split
from surrogate.data.targets import Identity
from surrogate.metrics import coverage
from surrogate.predictors import MeanPredictor
from surrogate.testing.synthetic import synthetic_dataset

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
    fitted = calibrate(dataset, MeanPredictor, 5, np.random.default_rng(0))
    assert len(fitted.calibrator.inside.scores) == len(dataset) == len(fitted.held_out)


def test_intervals_cover_new_keys() -> None:
    data = synthetic_dataset(400)
    held = []
    for start in range(30):
        rng = np.random.default_rng(start)
        split = random_split(data, (0.25, 0, 0.75), rng)
        fitted = calibrate(split.train, MeanPredictor, 5, rng, novel=False)
        prediction = fitted.predictor.predict(split.test.graphs)
        interval = fitted.calibrator.inside.interval(prediction, 0.9)
        held.append(coverage(interval, split.test.model_values))
    # One split's coverage scatters by 0.03, the mean of 30 by less than 0.01.
    assert np.mean(held) == pytest.approx(0.9, abs=0.02)


@cache
def many_graphs() -> SurrogateDataset:
    return synthetic_dataset(2000)


def with_share(
    share: float, counts: list[int], spread: float = 1.0, seed: int = 0
) -> tuple[SurrogateDataset, Prediction]:
    """Labels around forecasts, with as much of a training's variance between seeds as is said.

    Args:
        share: the seeds' part of the variance of one training, which is 1.
        counts: trainings of the keys, in turn.
        spread: what the forecast says its standard deviation to be.
        seed: of the draws.
    """
    like = many_graphs()
    rng = np.random.default_rng(seed)
    seed_counts = np.resize(counts, 2000)
    trainings = rng.normal(0, np.sqrt(share), (2000, max(counts)))
    trainings[np.arange(max(counts)) >= seed_counts[:, None]] = np.nan
    centre = rng.normal(0, np.sqrt(max(1 - share, 0)), 2000)
    means = np.nanmean(trainings, axis=1)
    squares = np.nansum((trainings - means[:, None]) ** 2, axis=1)
    variances = np.where(seed_counts > 1, squares / np.maximum(seed_counts - 1, 1), np.nan)
    target = replace(like.target, transform=Identity())
    data = SurrogateDataset(target, like.graphs, centre + means, seed_counts, variances)
    return data, Prediction(np.zeros(2000), np.full(2000, spread))


def some(data: SurrogateDataset, told: Prediction, n: int) -> tuple[SurrogateDataset, Prediction]:
    """The first n."""
    return data.subset(np.arange(n)), Prediction(told.mean[:n], told.std[:n])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("counts", [[1, 1, 2], [1, 1, 3], [1, 1, 1, 2, 3]])
@pytest.mark.parametrize("spread", [1.0, 0.7, 2.0])
def test_seed_share_finds_what_was_put_in(share: float, counts: list[int], spread: float) -> None:
    """However wide the forecasts are: errors and seeds are measured on one scale."""
    assert seed_share(*with_share(share, counts, spread)) == pytest.approx(share, abs=0.07)


def test_of_means_over_seeds_a_smaller_share_is_theirs() -> None:
    found = seed_share(*with_share(0.6, [3, 3, 2]))
    assert found == pytest.approx(0.2 / (0.2 + 0.4), abs=0.07)


def test_a_doubt_remains_where_the_seeds_explain_it_all() -> None:
    data, told = with_share(1.0, [1, 1, 2])
    many, few = seed_share(data, told), seed_share(*some(data, told, 40))
    assert few is not None
    assert many is not None
    assert 0.5 < few < many < 1


@pytest.mark.parametrize("n", [2, 3, 5])
def test_few_keys_leave_the_seed_share_open(n: int) -> None:
    found = seed_share(*some(*with_share(0.5, [2, 1]), n))
    assert found is not None
    assert 0.05 < found < 0.95


def test_seed_share_is_unknown_with_one_seed() -> None:
    assert seed_share(*with_share(0.5, [1])) is None


def test_one_collapsed_training_does_not_move_the_seed_share() -> None:
    data, told = with_share(0.5, [2, 1])
    spoilt = SurrogateDataset(
        data.target,
        data.graphs,
        np.concatenate([[10.0], data.values[1:]]),
        data.seed_counts,
        np.concatenate([[100.0], data.seed_variances[1:]]),
    )
    assert seed_share(spoilt, told) == pytest.approx(seed_share(data, told), abs=0.02)


def test_exceedance_counts_errors_with_the_new_key_among_them() -> None:
    skewed = ConformalCalibrator(np.array([-2.0, -1.0, 0.5, 1.0]), floor=1.0)
    asked = Prediction(np.zeros(4), np.zeros(4))
    told = [float(skewed.exceedance(asked, limit)[0]) for limit in (-3.0, 0.0, 1.0, 1.5)]
    assert told == pytest.approx([5 / 5, 3 / 5, 2 / 5, 1 / 5])


@given(st.floats(-5, 5), st.floats(0, 5), st.floats(0, 3))
def test_exceedance_falls_as_the_limit_rises(limit: float, more: float, std: float) -> None:
    asked = Prediction(np.zeros(1), np.array([std]))
    assert NINE.exceedance(asked, limit) >= NINE.exceedance(asked, limit + more)
