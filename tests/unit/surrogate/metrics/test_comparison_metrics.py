"""Metrics of selection, of distributions and of confidence, against known answers."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm

from graph_encoding import UserError
from surrogate.data.targets import FloatArray
from surrogate.metrics import (
    bootstrap_interval,
    gaussian_crps,
    gaussian_nll,
    gaussian_pit,
    pit_deviation,
    precision_at,
    r_squared,
    t_interval,
    top_regret,
)

Score = Callable[[FloatArray, FloatArray, FloatArray], float]

COSTS = arrays(np.float64, 8, elements=st.integers(0, 4).map(float))


@given(COSTS, st.integers(1, 8))
def test_perfect_predictions_select_perfectly_also_with_ties(costs: FloatArray, k: int) -> None:
    assert precision_at(costs, costs, k) == pytest.approx(1)
    assert top_regret(costs, costs) == 0


@given(COSTS, COSTS, st.permutations(range(8)), st.integers(1, 8))
def test_selection_does_not_depend_on_the_order_of_keys(
    predicted: FloatArray, measured: FloatArray, order: list[int], k: int
) -> None:
    again = precision_at(predicted[order], measured[order], k)
    assert again == pytest.approx(precision_at(predicted, measured, k))
    assert top_regret(predicted[order], measured[order]) == pytest.approx(
        top_regret(predicted, measured)
    )


def test_constant_predictions_score_as_chance_does() -> None:
    measured = np.arange(10.0)
    assert precision_at(np.zeros(10), measured, 3) == pytest.approx(0.3)
    assert top_regret(np.zeros(10), measured) == pytest.approx(4.5)


def test_the_worst_order_selects_nothing() -> None:
    measured = np.arange(10.0)
    assert precision_at(-measured, measured, 5) == 0
    assert top_regret(-measured, measured) == 9


@pytest.mark.parametrize("k", [0, 5])
def test_k_out_of_range_is_refused(k: int) -> None:
    with pytest.raises(UserError, match=r"1 \.\. 4"):
        precision_at(np.zeros(4), np.zeros(4), k)


def test_r_squared_is_zero_for_the_mean_and_one_for_the_labels() -> None:
    measured = np.array([1.0, 2.0, 6.0])
    assert r_squared(measured, measured) == 1
    assert r_squared(np.full(3, 3.0), measured) == pytest.approx(0)
    assert r_squared(np.zeros(3), np.ones(3)) == 0


def test_nll_of_the_standard_normal_at_its_mean() -> None:
    one = np.ones(1)
    assert gaussian_nll(one, one, one) == pytest.approx(0.918938533)


def test_crps_known_values() -> None:
    # At the mean: 2 phi(0) - 1 / sqrt(pi). Far away: the absolute error minus 1 / sqrt(pi).
    one = np.ones(1)
    assert gaussian_crps(one, one, one) == pytest.approx(0.2336949773)
    assert gaussian_crps(one, one, 101 * one) == pytest.approx(100 - 0.5641895835)


@settings(max_examples=20)
@given(st.floats(-3, 3), st.floats(0.2, 3))
def test_crps_is_the_integral_of_the_squared_distance(measured: float, std: float) -> None:
    x = np.linspace(-25, 25, 200_001)
    squared = (norm.cdf(x, scale=std) - (x >= measured)) ** 2
    closed = gaussian_crps(np.zeros(1), np.array([std]), np.array([measured]))
    assert closed == pytest.approx(float(np.trapezoid(squared, x)), abs=1e-3)


@pytest.mark.parametrize("score", [gaussian_nll, gaussian_crps, pit_deviation])
def test_scores_are_proper(score: Score) -> None:
    """On average, the distribution that the labels come from scores best."""
    labels = np.random.default_rng(0).normal(1, 2, 4000)
    forecasts = [(1, 2), (1, 1), (1, 4), (0, 2), (2, 2)]
    found = [
        score(np.full(4000, mean), np.full(4000, std), labels)
        for mean, std in ((float(m), float(s)) for m, s in forecasts)
    ]
    assert min(found) == found[0]


def test_pit_is_the_share_below_the_label() -> None:
    one = np.ones(3)
    at = np.array([1.0, 1 + 1.6448536, 1 - 2 * 1.6448536])
    assert gaussian_pit(one, np.array([1.0, 1.0, 2.0]), at) == pytest.approx([0.5, 0.95, 0.05])


def test_pit_deviation_known_values() -> None:
    zero, one = np.zeros(4), np.ones(4)
    # Four labels in the middle of their quarter: a step rises by 1/8 above and below the line.
    quarters = norm.ppf(np.array([1, 3, 5, 7]) / 8)
    assert pit_deviation(zero, one, quarters) == pytest.approx(1 / 8)
    assert pit_deviation(zero, one, 100 * one) == pytest.approx(1)


def test_pit_deviation_of_right_forecasts_shrinks_with_the_root_of_their_number() -> None:
    rng = np.random.default_rng(0)
    mean, std = rng.normal(size=10_000), rng.uniform(0.5, 2, 10_000)
    right = pit_deviation(mean, std, rng.normal(mean, std))
    assert right < 2 / np.sqrt(10_000)
    assert pit_deviation(mean, 2 * std, rng.normal(mean, std)) > 10 * right


@pytest.mark.parametrize("score", [gaussian_nll, gaussian_crps, pit_deviation])
def test_a_standard_deviation_of_zero_is_refused(score: Score) -> None:
    with pytest.raises(UserError, match="> 0"):
        score(np.zeros(2), np.array([1.0, 0.0]), np.zeros(2))


def test_t_interval_known_answer() -> None:
    # t(0.975, 1) = 12.7062; the standard error of (0, 2) is 1.
    assert t_interval(np.array([0.0, 2.0])) == pytest.approx((1 - 12.7062047, 1 + 12.7062047))


def test_one_repeat_has_no_t_interval() -> None:
    with pytest.raises(UserError, match="at least 2"):
        t_interval(np.ones(1))


def test_bootstrap_of_a_mean_has_the_theoretical_width() -> None:
    values = np.random.default_rng(1).normal(0, 1, 400)
    low, high = bootstrap_interval(
        lambda rows: float(values[rows].mean()), len(values), np.random.default_rng(2)
    )
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.25)


def test_bootstrap_of_no_keys_is_refused() -> None:
    with pytest.raises(UserError, match="at least 1 key"):
        bootstrap_interval(lambda _: 0.0, 0, np.random.default_rng(0))


@pytest.mark.slow
def test_t_intervals_cover_the_mean_at_their_level() -> None:
    draws = np.random.default_rng(3).normal(0, 1, (2000, 5))
    inside = [low < 0 < high for low, high in (t_interval(row, 0.9) for row in draws)]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.02)
