"""The process over a whole space is the predictor `gp`, with covariances."""

import numpy as np
import pytest

from surrogate.data.dataset import SurrogateDataset
from surrogate.data.targets import Identity, Target
from surrogate.predictors import GpPredictor, GpSettings
from surrogate.search.searchers.posterior import Posterior
from surrogate.testing.searcher_contract import labels_of
from tests.unit.surrogate.search.helpers import SMALL

FUNCTIONS = SMALL.functions
COSTS = np.array(list(labels_of(SMALL).values()))
ROWS = np.sort(np.random.default_rng(0).permutation(len(FUNCTIONS))[:40])
SETTINGS = GpSettings(directions=40)


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    noisy = COSTS[ROWS] + np.random.default_rng(1).normal(0, 0.01, len(ROWS))
    return Posterior.fit(
        FUNCTIONS.inputs, ROWS, noisy, np.ones(len(ROWS)), np.random.default_rng(2), SETTINGS
    )


def test_it_is_the_predictor_gp(posterior: Posterior) -> None:
    noisy = COSTS[ROWS] + np.random.default_rng(1).normal(0, 0.01, len(ROWS))
    # The predictor sorts its rows by key, and scales are learned in that order.
    order = np.argsort([FUNCTIONS.keys[row] for row in ROWS])
    dataset = SurrogateDataset(
        Target("cost", "cost", "", "minimise", Identity()),
        tuple(FUNCTIONS.graphs[row] for row in ROWS[order]),
        noisy[order],
        np.ones(len(ROWS), dtype=np.int64),
        np.full(len(ROWS), np.nan),
    )
    answer = GpPredictor(SETTINGS).fit(dataset, np.random.default_rng(2)).predict(FUNCTIONS.graphs)
    np.testing.assert_allclose(posterior.scale.backward(posterior.mean), answer.mean, atol=2e-4)


def test_pending_functions_become_known_and_means_stay(posterior: Posterior) -> None:
    pending = [row for row in range(len(FUNCTIONS)) if row not in ROWS][:3]
    given = posterior.given_pending(pending)
    np.testing.assert_array_equal(given.mean, posterior.mean)
    assert (given.variance <= posterior.variance + 1e-12).all()
    noise = posterior.noise_variance
    for row in pending:
        least = posterior.variance[row] * noise / (posterior.variance[row] + noise)
        assert given.variance[row] <= least + 1e-9


def test_the_order_of_pending_functions_does_not_matter(posterior: Posterior) -> None:
    pending = [row for row in range(len(FUNCTIONS)) if row not in ROWS][:4]
    one, other = (posterior.given_pending(rows) for rows in (pending, pending[::-1]))
    np.testing.assert_allclose(one.variance, other.variance, atol=1e-9)


def test_variances_are_the_diagonal_of_the_covariance(posterior: Posterior) -> None:
    rows = np.arange(len(FUNCTIONS))
    given = posterior.given_pending([3, 5])
    for one in (posterior, given):
        np.testing.assert_allclose(np.diag(one.covariance(rows, rows)), one.variance, atol=1e-6)


def test_joint_draws_have_the_posterior_s_moments(posterior: Posterior) -> None:
    rows = np.argsort(-posterior.variance)[:4]
    draws = posterior.draws(rows, 20_000, np.random.default_rng(3))
    np.testing.assert_allclose(draws.mean(axis=0), posterior.mean[rows], atol=0.03)
    np.testing.assert_allclose(np.cov(draws.T), posterior.covariance(rows, rows), atol=0.03)
