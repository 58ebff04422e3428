"""The library's Gaussian process over a whole space: joint draws, and what is pending."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from surrogate.data.targets import FloatArray
from surrogate.predictors.features import GraphInputs
from surrogate.predictors.gaussian.gp import GaussianProcess, GpSettings
from surrogate.predictors.gaussian.known_points import KnownPoints
from surrogate.predictors.scaling import NormalScoreScale

_JITTER = 1e-6

Rows = NDArray[np.int64]


@dataclass(eq=False)
class Posterior:
    """What costs of a few functions say of the costs of all, as normal scores, lower is better.

    The process is the predictor `gp`: its scales, its points, its mean. Beside that it knows the
    covariance between any two functions, and can be conditioned on functions that are pending.

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
    _points: KnownPoints
    _features: NDArray[np.float32]
    _log_scales: FloatArray
    _explained: FloatArray
    """(k, n): the covariance of the k observations with all n functions, whitened."""

    @classmethod
    def fit(
        cls,
        inputs: GraphInputs,
        rows: Rows,
        costs: FloatArray,
        counts: FloatArray,
        rng: np.random.Generator,
        settings: GpSettings,
    ) -> "Posterior":
        """Learn from k >= 2 functions.

        Args:
            inputs: all n functions.
            rows: (k,) which of them are known.
            costs: (k,) mean cost of each.
            counts: (k,) trainings that each mean is of.
            rng: chooses the functions that scales are learned from, of many.
            settings: of the process.
        """
        scale = NormalScoreScale.of(costs)
        scores = scale.forward(costs)
        weights = 2 * counts / (counts + 1.0)  # as `SurrogateDataset.weights`
        process = GaussianProcess(settings)
        process.fit(inputs.subset(rows), scores, weights, rng)
        arrays = process.arrays()
        points, log_scales = KnownPoints.from_arrays(arrays), arrays["gp_log_scales"]
        signal, noise_variance = np.exp(log_scales[:2]).tolist()
        shared = signal * _matern(points.distances(inputs.features), log_scales)
        covariance = shared[rows] + np.diag(noise_variance / weights + _JITTER * signal)
        factor = np.linalg.cholesky(covariance)
        explained = solve_triangular(factor, shared.T, lower=True)
        offset = float(scores.mean())
        mean = offset + solve_triangular(factor, scores - offset, lower=True) @ explained
        variance = np.maximum(signal - (explained**2).sum(axis=0), 0.0)
        return cls(
            mean,
            variance,
            noise_variance,
            scale,
            points,
            inputs.features,
            log_scales,
            explained,
        )

    @property
    def std(self) -> FloatArray:
        """(n,) standard deviation of each function's score."""
        return np.sqrt(self.variance)

    def covariance(self, rows: Rows, others: Rows) -> FloatArray:
        """(k, m) posterior covariances between two sets of functions."""
        points = self._points_at(others)
        prior = np.exp(self._log_scales[0]) * _matern(
            points.distances(self._features[rows]), self._log_scales
        )
        covariance: FloatArray = prior - self._explained[:, rows].T @ self._explained[:, others]
        return covariance

    def given_pending(self, rows: Sequence[int]) -> "Posterior":
        """The posterior once trainings of some functions gave exactly what is expected of them.

        Means stay as they are, variances fall near these functions.

        Source: Desautels et al., "Parallelizing exploration-exploitation tradeoffs in Gaussian
        process bandit optimization", JMLR 2014.
        """
        if not len(rows):
            return self
        every, pending = np.arange(len(self.mean)), np.asarray(rows, dtype=np.int64)
        columns = self.covariance(every, pending)
        variance, explained = self.variance, list(self._explained)
        for place, row in enumerate(pending):
            column = columns[:, place]
            observed = max(float(column[row]), 0.0) + self.noise_variance
            told = column / np.sqrt(observed)
            variance = np.maximum(variance - told**2, 0.0)
            columns = columns - np.outer(told, told[pending])
            explained.append(told)
        return replace(self, variance=variance, _explained=np.array(explained))

    def draws(self, rows: Rows, count: int, rng: np.random.Generator) -> FloatArray:
        """(count, k) joint draws of the scores of k functions."""
        covariance = self.covariance(rows, rows)
        covariance = (covariance + covariance.T) / 2
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        draws: FloatArray = self.mean[rows] + rng.normal(size=(count, len(rows))) @ root.T
        return draws

    def _points_at(self, rows: Rows) -> KnownPoints:
        points = self._points
        raw = self._features[rows][:, points.used]
        standardised = ((raw - points.centre) / points.scale).astype(np.float32)
        return KnownPoints(
            points.used, points.starts, points.centre, points.scale, standardised.astype(np.float64)
        )


def _matern(by_group: NDArray[np.float64], log_scales: FloatArray) -> NDArray[np.float64]:
    """Matern 3/2 correlations, from squared distances within each group of features."""
    squared = np.tensordot(np.exp(-2 * log_scales[2:]), by_group, axes=1)
    r = np.sqrt(3 * squared)
    correlation: NDArray[np.float64] = (1 + r) * np.exp(-r)
    return correlation
