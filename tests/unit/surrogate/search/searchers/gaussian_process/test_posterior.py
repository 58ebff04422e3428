"""The process over a whole space is a Gaussian process, with what is pending and what is prior."""

import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.stats import spearmanr

from surrogate.search.searchers.gaussian_process.distances import (
    Columns,
    Distances,
    representatives,
)
from surrogate.search.searchers.gaussian_process.likelihood import (
    Labels,
    ProcessSettings,
    likely_scales,
    negative_log_density,
)
from surrogate.search.searchers.gaussian_process.posterior import (
    Evidence,
    Posterior,
    expected_shortfall,
)
from surrogate.testing.searcher_contract import labels_of
from tests.unit.surrogate.search.helpers import SMALL

FUNCTIONS = SMALL.functions
COSTS = np.array(list(labels_of(SMALL).values()))
ROWS = np.sort(np.random.default_rng(0).permutation(len(FUNCTIONS))[:30])
OTHERS = np.array([row for row in range(len(FUNCTIONS)) if row not in ROWS])
NOISY = COSTS[ROWS] + np.random.default_rng(1).normal(0, 0.01, len(ROWS))
DISTANCES = Distances(Columns.of(FUNCTIONS.inputs))
NONE = np.empty(0, dtype=np.int64)


def fitted(evidence: Evidence | None = None, settings: ProcessSettings | None = None) -> Posterior:
    labels = evidence or Evidence(ROWS, NOISY, np.ones(len(ROWS)), NONE, np.empty(0))
    return Posterior.fit(DISTANCES, labels, settings or ProcessSettings())


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    return fitted()


def test_distances_of_a_row_are_those_among_rows() -> None:
    np.testing.assert_allclose(
        DISTANCES.of_rows(ROWS)[:, :, ROWS], DISTANCES.among(ROWS), rtol=1e-3, atol=1e-3
    )


def test_representatives_are_closer_to_all_than_random_functions_are() -> None:
    chosen = representatives(DISTANCES, 6)
    assert len(set(chosen)) == 6 and chosen[:3] == representatives(DISTANCES, 3)
    everything = np.arange(len(FUNCTIONS))
    weights = DISTANCES.columns.typical_lengths**-2
    between = np.sqrt(np.tensordot(weights, DISTANCES.among(everything), axes=1))
    rng = np.random.default_rng(0)
    of_random = [between[rng.permutation(everything)[:6]].min(axis=0).mean() for _ in range(50)]
    assert between[chosen].min(axis=0).mean() < min(of_random)
    assert sorted(representatives(DISTANCES, 10**6)) == everything.tolist()


def test_the_gradient_of_the_density_is_that_of_its_differences() -> None:
    rng = np.random.default_rng(2)
    by_group = DISTANCES.among(ROWS).astype(np.float64)
    labels = Labels(by_group, rng.normal(size=len(ROWS)), np.ones(len(ROWS)), ROWS % 2 == 0)
    settings = ProcessSettings()
    usual = settings.usual(DISTANCES.columns.typical_lengths)
    at = usual + rng.normal(0, 0.3, len(usual))
    options = (labels, labels.crosses, usual, 0.5)
    error = check_grad(
        lambda x: negative_log_density(x, *options)[0],
        lambda x: negative_log_density(x, *options)[1],
        at,
    )
    assert error < 1e-3
    found = likely_scales(labels, usual, settings)
    assert negative_log_density(found.values, *options)[0] < negative_log_density(at, *options)[0]


def test_functions_that_are_not_known_are_predicted(posterior: Posterior) -> None:
    assert spearmanr(posterior.mean[OTHERS], COSTS[OTHERS])[0] > 0.8
    assert posterior.variance[ROWS].mean() < posterior.variance[OTHERS].mean() / 2


def test_the_mean_is_the_textbook_s() -> None:
    """Without a search for scales all is known: K (K + N)^-1 y."""
    settings = ProcessSettings(steps=0)
    found = fitted(settings=settings)
    lengths = settings.length * DISTANCES.columns.typical_lengths
    r = np.sqrt(3 * np.tensordot(lengths**-2.0, DISTANCES.of_rows(ROWS), axes=1))
    prior = settings.signal * (1 + r) * np.exp(-r)
    scores = found.scale.forward(NOISY)
    noisy = prior[:, ROWS] + np.diag(np.full(len(ROWS), settings.noise))
    mean = scores.mean() + np.linalg.solve(noisy, scores - scores.mean()) @ prior
    np.testing.assert_allclose(found.mean, mean, atol=1e-3)


def test_pending_functions_become_known_and_means_stay(posterior: Posterior) -> None:
    pending = OTHERS[:3]
    given = posterior.given_pending(pending)
    np.testing.assert_array_equal(given.mean, posterior.mean)
    assert (given.variance <= posterior.variance + 1e-12).all()
    noise = posterior.noise_variance
    for row in pending:
        least = posterior.variance[row] * noise / (posterior.variance[row] + noise)
        assert given.variance[row] <= least + 1e-4


def test_the_order_of_pending_functions_does_not_matter(posterior: Posterior) -> None:
    one, other = (posterior.given_pending(rows) for rows in (OTHERS[:4], OTHERS[3::-1]))
    np.testing.assert_allclose(one.variance, other.variance, atol=1e-4)


def test_joint_draws_have_the_posterior_s_moments(posterior: Posterior) -> None:
    rows = np.argsort(-posterior.variance)[:4]
    draws = posterior.draws(rows, 20_000, np.random.default_rng(3))
    covariance = np.stack([posterior.covariance_with(row)[rows] for row in rows])
    np.testing.assert_allclose(np.diag(covariance), posterior.variance[rows], atol=1e-3)
    np.testing.assert_allclose(draws.mean(axis=0), posterior.mean[rows], atol=0.03)
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=0.03)


def test_labels_of_another_recipe_help_and_its_scale_does_not_matter() -> None:
    few, prior = ROWS[:5], OTHERS[:40]
    alone = fitted(Evidence(few, COSTS[few], np.ones(5), NONE, np.empty(0)))
    helped, scaled = (
        fitted(Evidence(few, COSTS[few], np.ones(5), prior, scale * COSTS[prior]))
        for scale in (1.0, 8.0)
    )
    rest = OTHERS[40:]
    agreements = [spearmanr(found.mean[rest], COSTS[rest])[0] for found in (alone, helped)]
    assert agreements[1] > agreements[0]
    np.testing.assert_allclose(helped.mean, scaled.mean, atol=1e-3)


def test_good_functions_alone_are_not_taken_for_all_kinds() -> None:
    """Labels of good functions only are where the other recipe expects them, and spread less."""
    best = ROWS[np.argsort(COSTS[ROWS])[:6]]
    prior = np.setdiff1d(np.arange(len(FUNCTIONS)), best)[::2]
    found = fitted(Evidence(best, COSTS[best], np.ones(len(best)), prior, COSTS[prior]))
    assert found.mean[best].mean() < found.mean.mean() - 0.5
    assert found.mean[best].std() < 0.75 * found.mean.std()
    assert spearmanr(found.mean, COSTS)[0] > 0.96
    # Costs come back on their own scale.
    expected = found.scale.backward(found.mean[best])
    assert expected == pytest.approx(COSTS[best], abs=0.5 * np.ptp(COSTS[best]))


def test_another_recipe_alone_gives_an_order() -> None:
    found = fitted(Evidence(NONE, np.empty(0), np.empty(0), ROWS, COSTS[ROWS]))
    assert spearmanr(found.mean[OTHERS], COSTS[OTHERS])[0] > 0.8


def test_the_expected_shortfall_is_a_mean_of_draws() -> None:
    draws = np.random.default_rng(4).normal(0.3, 1.2, 400_000)
    expected = np.maximum(0.1 - draws, 0).mean()
    found = expected_shortfall(0.1, np.array([0.3]), np.array([1.2]))
    np.testing.assert_allclose(found, expected, rtol=0.01)
