"""Metrics against numbers worked out by hand."""

from collections.abc import Callable

import numpy as np
import pytest

from graph_encoding.common.errors import UserError
from surrogate.data.prediction import Interval
from surrogate.data.targets import FloatArray
from surrogate.metrics import coverage, kendall_tau, mean_width, r_squared, rmse, spearman_rho

Metric = Callable[[FloatArray, FloatArray], float]

ONE_TO_FOUR = np.arange(1.0, 5.0)


@pytest.mark.parametrize("metric", [kendall_tau, spearman_rho])
def test_rank_correlations_at_the_extremes(metric: Metric) -> None:
    assert metric(ONE_TO_FOUR, ONE_TO_FOUR**3) == pytest.approx(1)
    assert metric(ONE_TO_FOUR, -ONE_TO_FOUR) == pytest.approx(-1)
    assert metric(np.ones(4), ONE_TO_FOUR) == 0


def test_kendall_tau_with_a_tie() -> None:
    # Pairs: 5 concordant, 0 discordant, 1 tied in the predictions: 5 / sqrt(5 * 6).
    predicted = np.array([1.0, 1.0, 2.0, 3.0])
    assert kendall_tau(predicted, ONE_TO_FOUR) == pytest.approx(5 / np.sqrt(30))


def test_spearman_rho_of_one_swap() -> None:
    # The closed form: one minus six times the squared rank differences over n (n^2 - 1).
    assert spearman_rho(np.array([1.0, 2.0, 4.0, 3.0]), ONE_TO_FOUR) == pytest.approx(0.8)


def test_rmse_known_answer() -> None:
    assert rmse(np.array([0.0, 0.0]), np.array([3.0, 4.0])) == pytest.approx(np.sqrt(12.5))


def test_coverage_counts_the_bounds_as_inside() -> None:
    interval = Interval(np.zeros(4), np.ones(4), 0.9)
    assert coverage(interval, np.array([0.0, 1.0, 1.1, -0.1])) == 0.5
    assert mean_width(interval) == 1


@pytest.mark.parametrize("metric", [kendall_tau, spearman_rho, rmse])
def test_different_lengths_are_refused(metric: Metric) -> None:
    with pytest.raises(UserError, match="one shape"):
        metric(ONE_TO_FOUR, np.ones(3))


def test_coverage_of_nothing_is_refused() -> None:
    with pytest.raises(UserError, match="at least one"):
        coverage(Interval(np.zeros(0), np.zeros(0), 0.9), np.zeros(0))


def test_r_squared_of_equal_labels_is_zero() -> None:
    assert r_squared(np.full(3, 0.2), np.full(3, 0.1)) == 0.0
