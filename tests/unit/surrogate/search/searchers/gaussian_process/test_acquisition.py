"""What a batch is chosen by."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from surrogate.predictors.scaling import NormalScoreScale
from surrogate.search.pareto import hypervolume, non_dominated
from surrogate.search.searchers.gaussian_process.acquisition import (
    expected_gain,
    lowest_draws,
    lowest_means,
    most_improvement,
    reference_point,
)
from surrogate.search.searchers.gaussian_process.belief import IndependentBelief

SCALE = NormalScoreScale.of(np.arange(10.0))
MEAN = np.array([0.0, -1.0, -0.9, 2.0, -3.0])
STD = np.array([0.1, 0.1, 2.0, 0.1, 0.1])
BELIEF = IndependentBelief(MEAN, STD, SCALE)


@given(st.integers(0, 1000))
def test_the_expected_gain_of_hypervolume_is_a_mean_of_draws(seed: int) -> None:
    rng = np.random.default_rng(seed)
    front, means, stds = rng.normal(size=(4, 2)), rng.normal(size=(2, 1)), rng.uniform(0.1, 1, 2)
    reference = reference_point(front[non_dominated(front)])
    base = hypervolume(front, reference)
    draws = rng.normal(means[:, 0], stds, size=(1500, 2))
    gains = [hypervolume(np.vstack([front, draw]), reference) - base for draw in draws]
    (found,) = expected_gain(front, list(means), list(stds[:, None]))
    error = np.std(gains) / np.sqrt(len(gains))
    assert abs(found - np.mean(gains)) < 5 * error + 1e-3


def test_improvement_wants_low_means_and_uncertain_ones_within_the_limits() -> None:
    rows, known = np.array([1, 2, 3]), np.array([0])
    even = np.ones(5)
    assert most_improvement([BELIEF], rows, known, even, 3) == [2, 1, 3]
    unlikely = np.array([1, 1, 0.01, 1, 1])
    assert most_improvement([BELIEF], rows, known, unlikely, 1) == [1]
    assert lowest_means(BELIEF, rows, 2) == [1, 2]


def test_draws_are_distinct_and_mostly_of_what_may_be_best() -> None:
    chosen = lowest_draws(BELIEF, np.arange(4), 4, np.random.default_rng(0))
    assert sorted(chosen) == [0, 1, 2, 3]


def test_exact_costs_have_no_uncertainty() -> None:
    belief = IndependentBelief.exact(np.array([1.0, 5.0, 3.0]), np.array([1.0, 5.0]))
    assert belief.std.tolist() == [0, 0, 0]
    assert belief.mean[0] < belief.mean[2] < belief.mean[1]
