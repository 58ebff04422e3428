"""Means and covariances of curves that are robust to a few collapsed trainings."""

import numpy as np

from surrogate.data.targets import FloatArray

_FREEDOM = 4.0  # of Student's distribution: heavy tails, finite variance
_STEPS = 100
_CONVERGED = 1e-6
_LEAST_VARIANCE = 1e-6
"""An error rate is a count over some thousand phones: a thousandth of a logit is rounding."""


def robust_mean_and_covariance(
    rows: FloatArray, count: int | None = None
) -> tuple[FloatArray, FloatArray]:
    """Centre and covariance of (n, d) rows, n >= 2, by a fit of Student's distribution.

    A row of squared distance D from the centre has the weight `(4 + d) / (4 + D)`. Correlations
    are shrunk towards zero by the fraction of them that chance explains. The scale makes the
    median distance that of a normal distribution.

    Args:
        rows: the rows.
        count: number of independent rows; by default all.

    Returns:
        The centre (d,) and a positive definite covariance (d, d).

    Source: Lange, Little and Taylor, "Robust statistical modeling using the t distribution",
    JASA 1989 (weights); Schaefer and Strimmer, "A shrinkage approach to large-scale covariance
    matrix estimation", 2005 (shrinkage); Wilson and Hilferty 1931 (median of a chi-square).
    """
    n, d = rows.shape
    independent = n if count is None else count
    centre: FloatArray = np.median(rows, axis=0)
    covariance = _positive(np.diag(np.mean((rows - centre) ** 2, axis=0)), independent)
    for _ in range(_STEPS):
        weights = (_FREEDOM + d) / (_FREEDOM + squared_distances(rows - centre, covariance))
        old = covariance
        centre = weights @ rows / weights.sum()
        scatter = (rows - centre).T * weights @ (rows - centre) / n
        covariance = _positive(scatter, independent)
        if np.abs(covariance - old).max() <= _CONVERGED * np.abs(old).max():
            break
    median = float(np.median(squared_distances(rows - centre, covariance)))
    expected = d * (1 - 2 / (9 * d)) ** 3
    return centre, covariance * max(median / expected, _LEAST_VARIANCE)


def robust_covariance(residuals: FloatArray) -> FloatArray:
    """Covariance (d, d) of (n, d) rows around zero; as `robust_mean_and_covariance`."""
    # Rows together with their mirror images are centred at zero for any weights.
    mirrored = np.concatenate([residuals, -residuals])
    return robust_mean_and_covariance(mirrored, count=len(residuals))[1]


def squared_distances(residuals: FloatArray, covariance: FloatArray) -> FloatArray:
    """(n,) squared Mahalanobis distances of (n, d) rows from zero."""
    distances: FloatArray = np.einsum(
        "nd,dn->n", residuals, np.linalg.solve(covariance, residuals.T)
    )
    return distances


def part_within(part: FloatArray, whole: FloatArray) -> FloatArray:
    """The covariance nearest to `part` for which `whole - part` is still a covariance.

    Args:
        part: (d, d) covariance that was estimated separately.
        whole: (d, d) positive definite covariance that contains it.

    Returns:
        (d, d): in directions in which `part` exceeds `whole` it is cut down to `whole`.
    """
    root = np.linalg.cholesky(whole)
    inner = np.linalg.solve(root, np.linalg.solve(root, part).T)
    shares, directions = np.linalg.eigh((inner + inner.T) / 2)
    side = root @ directions
    within: FloatArray = side * np.clip(shares, 0, 1) @ side.T
    return within


def _positive(covariance: FloatArray, n: int) -> FloatArray:
    """Shrink correlations by the fraction of their squares that chance explains."""
    d = len(covariance)
    covariance = covariance + _LEAST_VARIANCE * np.eye(d)
    std = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(std, std)
    apart = ~np.eye(d, dtype=bool)
    squares = correlation[apart] ** 2
    chance = np.sum((1 - squares) ** 2) / max(n - 1, 1)
    share = min(1.0, chance / max(float(squares.sum()), 1e-12))
    return np.where(apart, (1 - share) * covariance, covariance)
