"""Scales of the process: those that are most likely, given labels and what is usual."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky
from scipy.optimize import minimize

from graph_encoding.common.errors import UserError
from surrogate.data.targets import FloatArray
from surrogate.search.searchers.gaussian_process.distances import Single

JITTER = 1e-6

_USUAL_CORRELATION = 0.83
"""Correlation between the scores of two recipes before any label is known."""


@dataclass(frozen=True)
class ProcessSettings:
    """Settings of the process; scales have log-normal priors.

    Attributes:
        length: usual length scale of a group of columns, in units of the root of their number, > 0.
        signal: usual variance of the scores, > 0.
        noise: usual variance of the noise of one training, > 0.
        uncertainty: standard deviation of the logarithm of each scale, > 0. With few labels a
            likelihood without a prior takes most columns for irrelevant.
        steps: most steps of the search for the scales, >= 0.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field

    length: float = 2.7
    signal: float = 1.6
    noise: float = 0.15
    uncertainty: float = 0.5
    steps: int = 15

    def __post_init__(self) -> None:
        for name in ("length", "signal", "noise", "uncertainty"):
            if not getattr(self, name) > 0:
                raise UserError(f"{name} must be > 0, but got {getattr(self, name)}")
        if self.steps < 0:
            raise UserError(f"steps must be >= 0, but got {self.steps}")

    def usual(self, typical_lengths: FloatArray) -> FloatArray:
        """(g + 3,) centre of the prior: see `Scales`."""
        lengths = np.log(self.length * typical_lengths)
        correlation = float(np.arctanh(_USUAL_CORRELATION))
        return np.array([np.log(self.signal), np.log(self.noise), correlation, *lengths])


@dataclass(frozen=True, eq=False)
class Scales:
    """Scales of the process.

    Attributes:
        values: (g + 3,) logarithms of the variances of signal and noise, the inverse hyperbolic
            tangent of the correlation between recipes, and the logarithm of each group's length.
    """

    values: FloatArray

    @property
    def signal(self) -> float:
        """Variance of the scores."""
        return float(np.exp(self.values[0]))

    @property
    def noise(self) -> float:
        """Variance of the noise of one training."""
        return float(np.exp(self.values[1]))

    @property
    def correlation(self) -> float:
        """Correlation between the scores of two recipes."""
        return float(np.tanh(self.values[2]))

    def covariance(self, by_group: Single) -> Single:
        """Prior covariances, from squared distances within each group: Matern 3/2."""
        weights = (3 * np.exp(-2 * self.values[3:])).astype(np.float32)
        r = np.sqrt(np.tensordot(weights, by_group, axes=1))
        found: Single = np.float32(self.signal) * (1 + r) * np.exp(-r)
        return found


@dataclass(frozen=True, eq=False)
class Labels:
    """k labels whose likelihood is taken.

    Attributes:
        by_group: (g, k, k) squared distances of their functions.
        scores: (k,) centred scores.
        noise: (k,) noise of each in units of that of one training.
        is_prior: (k,) whether it is of another recipe.
    """

    by_group: NDArray[np.float64]
    scores: FloatArray
    noise: FloatArray
    is_prior: NDArray[np.bool_]

    @property
    def crosses(self) -> NDArray[np.bool_]:
        """(k, k) whether two labels are of two recipes."""
        return np.asarray(self.is_prior[:, None] != self.is_prior[None])


def likely_scales(labels: Labels, usual: FloatArray, settings: ProcessSettings) -> Scales:
    """Scales of the greatest posterior density."""
    if not settings.steps:
        return Scales(usual)
    found = minimize(
        negative_log_density,
        usual,
        (labels, labels.crosses, usual, settings.uncertainty),
        jac=True,
        method="L-BFGS-B",
        bounds=[(centre - 5.0, centre + 5.0) for centre in usual],
        options={"maxiter": settings.steps},
    )
    return Scales(np.asarray(found.x, dtype=np.float64))


def negative_log_density(
    values: FloatArray,
    labels: Labels,
    crosses: NDArray[np.bool_],
    usual: FloatArray,
    uncertainty: float,
) -> tuple[float, FloatArray]:
    """Negative logarithm of marginal likelihood times prior, and its gradient.

    Source: Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, eq. 5.8 and
    5.9; two recipes share one process as in Bonilla et al., "Multi-task Gaussian process
    prediction", NeurIPS 2007.
    """
    signal, noise = np.exp(values[:2]).tolist()
    correlation = float(np.tanh(values[2]))
    shares = np.exp(-2 * values[3:])
    r = np.sqrt(3 * np.tensordot(shares, labels.by_group, axes=1))
    between = np.where(crosses, correlation, 1.0)
    decay = signal * np.exp(-r)
    same_recipe = (1 + r) * decay
    shared = same_recipe * between
    covariance = shared.copy()
    covariance[np.diag_indices(len(r))] += noise * labels.noise + JITTER * signal
    factor = cholesky(covariance, lower=True, check_finite=False)
    inverse = cho_solve((factor, True), np.eye(len(r)), check_finite=False)
    alpha = inverse @ labels.scores
    # d value / d theta = -0.5 sum((alpha alpha' - inverse) * dK / d theta)
    outer = np.outer(alpha, alpha) - inverse
    of_lengths = 3 * shares * np.tensordot(labels.by_group, outer * between * decay, axes=2)
    of_noise = float((np.diag(outer) * (noise * labels.noise)).sum())
    of_jitter = JITTER * signal * float(np.trace(outer))
    of_correlation = float((outer * same_recipe)[crosses].sum()) * (1 - correlation**2)
    gradient = [float((outer * shared).sum()) + of_jitter, of_noise, of_correlation, *of_lengths]
    away = (values - usual) / uncertainty
    value = 0.5 * float(labels.scores @ alpha) + float(np.log(np.diag(factor)).sum())
    return value + 0.5 * float(away @ away), -0.5 * np.array(gradient) + away / uncertainty
