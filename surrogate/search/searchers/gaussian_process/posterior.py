"""Posterior of the costs of all functions, given the labels of a few."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import ndtr

from surrogate.data.targets import FloatArray
from surrogate.predictors.scaling import NormalScoreScale
from surrogate.search.searchers.gaussian_process.distances import Distances, Rows
from surrogate.search.searchers.gaussian_process.likelihood import (
    JITTER,
    Labels,
    ProcessSettings,
    Scales,
    likely_scales,
)

_DRAW_JITTER = 1e-4


@dataclass(frozen=True, eq=False)
class Evidence:
    """Labels that a posterior rests on.

    Attributes:
        rows: (k,) functions that are known.
        costs: (k,) mean cost of each.
        counts: (k,) trainings that each mean is of; a fraction for less than a training.
        prior_rows: (p,) functions that are known from another recipe.
        prior_costs: (p,) their costs there, on that recipe's own scale.
    """

    rows: Rows
    costs: FloatArray
    counts: FloatArray
    prior_rows: Rows
    prior_costs: FloatArray


@dataclass(frozen=True, eq=False)
class Posterior:
    """What labels of a few functions predict of all, as normal scores, lower is better.

    Attributes:
        mean: (n,) posterior mean of each function's score.
        variance: (n,) variance of the score without the noise of a training, >= 0.
        noise_variance: variance of the noise of one training.
        scale: turns scores into costs.
    """

    mean: FloatArray
    variance: FloatArray
    noise_variance: float
    scale: NormalScoreScale
    _distances: Distances
    _scales: Scales
    _explained: FloatArray
    """(k, n): the covariance of the k observations with all n functions, whitened."""

    @classmethod
    def fit(
        cls, distances: Distances, evidence: Evidence, settings: ProcessSettings
    ) -> "Posterior":
        """Learn from the labels of at least one function, of either recipe.

        Args:
            distances: of all n functions.
            evidence: what is known.
            settings: of the process.
        """
        rows = np.concatenate([evidence.rows, evidence.prior_rows])
        is_prior = np.arange(len(rows)) >= len(evidence.rows)
        # Without a label of its own a recipe takes the scale of the other.
        own = evidence.costs if len(evidence.rows) else evidence.prior_costs
        scale = NormalScoreScale.of(own)
        prior = _centred_scores(evidence.prior_costs)
        if len(prior) and len(evidence.rows):
            usual = Scales(settings.usual(distances.columns.typical_lengths))
            scale = _scale_as_expected(scale, distances, evidence, prior, usual)
        scores = scale.forward(evidence.costs)
        offset = 0.0 if len(prior) else float(scores.mean())
        scores = np.concatenate([scores - offset, prior])
        noise = 1 / np.concatenate([evidence.counts, np.ones(len(evidence.prior_rows))])
        by_group = distances.of_rows(rows)
        labels = Labels(by_group[:, :, rows].astype(np.float64), scores, noise, is_prior)
        scales = likely_scales(labels, settings.usual(distances.columns.typical_lengths), settings)
        shared = scales.covariance(by_group)
        among = shared[:, rows].astype(np.float64)
        among[labels.crosses] *= scales.correlation
        shared[is_prior] *= np.float32(scales.correlation)
        among[np.diag_indices(len(rows))] += scales.noise * noise + JITTER * scales.signal
        factor = np.linalg.cholesky(among)
        explained = solve_triangular(factor, shared, lower=True, check_finite=False)
        mean = offset + solve_triangular(factor, scores, lower=True) @ explained
        variance = np.maximum(scales.signal - np.einsum("kn,kn->n", explained, explained), 0.0)
        return cls(mean, variance, scales.noise, scale, distances, scales, explained)

    @property
    def std(self) -> FloatArray:
        """(n,) standard deviation of each function's score."""
        return np.sqrt(self.variance)

    def covariance_with(self, row: int) -> FloatArray:
        """(n,) posterior covariance of every function with one."""
        prior = self._scales.covariance(self._distances.of_row(row))
        found: FloatArray = prior - self._explained[:, row] @ self._explained
        return found

    def given_pending(self, rows: Rows) -> "Posterior":
        """The posterior once trainings of some functions gave exactly what is expected of them.

        Means stay as they are, variances fall near these functions.

        Source: Desautels et al., "Parallelizing exploration-exploitation tradeoffs in Gaussian
        process bandit optimization", JMLR 2014.
        """
        found = self
        for row in rows.tolist():
            column = found.covariance_with(row)
            told = column / np.sqrt(max(float(column[row]), 0.0) + found.noise_variance)
            found = replace(
                found,
                variance=np.maximum(found.variance - told**2, 0.0),
                _explained=np.vstack([found._explained, told]),
            )
        return found

    def draws(self, rows: Rows, count: int, rng: np.random.Generator) -> FloatArray:
        """(count, k) joint draws of the scores of k functions."""
        some = self._explained[:, rows]
        covariance = self._scales.covariance(self._distances.among(rows)) - some.T @ some
        covariance = (covariance + covariance.T) / 2
        covariance[np.diag_indices(len(rows))] += _DRAW_JITTER * self._scales.signal
        root = np.linalg.cholesky(covariance)
        draws: FloatArray = self.mean[rows] + rng.normal(size=(count, len(rows))) @ root.T
        return draws


def _centred_scores(costs: FloatArray) -> FloatArray:
    """(k,) normal scores of costs with mean 0; of none, none."""
    if not len(costs):
        return costs
    scores = NormalScoreScale.of(costs).forward(costs)
    found: FloatArray = scores - scores.mean()
    return found


def _scale_as_expected(
    scale: NormalScoreScale,
    distances: Distances,
    evidence: Evidence,
    prior: FloatArray,
    usual: Scales,
) -> NormalScoreScale:
    """The scale of own costs, moved to where the other recipe expects these functions.

    A search trains mostly good functions: their normal scores alone would spread like those of
    random ones, which the other recipe's scores are of.

    Args:
        scale: of the own costs alone.
        distances: of all functions.
        evidence: at least one function known from either recipe.
        prior: (p,) scores of the other recipe.
        usual: scales of the process.
    """
    shared = usual.covariance(distances.of_rows(evidence.prior_rows))
    among = shared[:, evidence.prior_rows].astype(np.float64)
    among[np.diag_indices(len(prior))] += usual.noise
    factor = np.linalg.cholesky(among)
    explained = usual.correlation * solve_triangular(
        factor, shared[:, evidence.rows], lower=True, check_finite=False
    )
    expected = solve_triangular(factor, prior, lower=True) @ explained
    left = usual.covariance(distances.among(evidence.rows)) - explained.T @ explained
    left[np.diag_indices(len(left))] += usual.noise
    variance = float(expected.var() + np.diag(left).mean() - left.mean())
    scores = scale.forward(evidence.costs)
    width = float(scores.std())
    stretch = np.sqrt(max(variance, 0.0)) / width if width > 0 else 1.0
    return replace(scale, scores=expected.mean() + stretch * (scale.scores - scores.mean()))


def expected_shortfall(level: FloatArray | float, mean: FloatArray, std: FloatArray) -> FloatArray:
    """Expectation of max(level - a normal number, 0), for arrays that broadcast.

    With the best known mean as the level it is the expected improvement.

    Source: Jones et al., "Efficient global optimization of expensive black-box functions", 1998.
    """
    std = np.maximum(std, 1e-12)
    z = (level - mean) / std
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    found: FloatArray = std * (z * ndtr(z) + density)
    return found


def probability_below(level: float, mean: float, std: float) -> float:
    """Probability that a normal number is below a level."""
    return float(ndtr((level - mean) / max(std, 1e-12)))
