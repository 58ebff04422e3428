"""Epochs over which measured curves fall, and forecasts projected to fall there too."""

import numpy as np
from numpy.typing import NDArray

from surrogate.data.targets import FloatArray

LEAST_SHARE = 0.75
"""A step counts as falling if at least this fraction of the curves does not rise."""


def falling_steps(curves: FloatArray, least_share: float = LEAST_SHARE) -> NDArray[np.bool_]:
    """The falling steps between consecutive epochs.

    Args:
        curves: (n, epochs) measured curves.
        least_share: fraction of them that must not rise over the step.

    Returns:
        (epochs - 1,) whether step t, from epoch t + 1 to epoch t + 2 counted from 1, falls.
    """
    shares: FloatArray = np.mean(np.diff(curves, axis=1) <= 0, axis=0)
    return shares >= least_share


def project_falling(
    means: FloatArray, falling: NDArray[np.bool_], free: NDArray[np.bool_]
) -> FloatArray:
    """The nearest curves that do not rise over falling steps.

    The projection never moves a forecast away from a curve that falls there.

    Args:
        means: (n, epochs) forecasts on the model scale.
        falling: (epochs - 1,) steps that must fall.
        free: (epochs,) epochs that may change; steps from or to the others are not constrained.

    Returns:
        (n, epochs) projected forecasts.

    Source: Robertson, Wright and Dykstra, "Order Restricted Statistical Inference", 1988, for
    the max-min formula of isotonic regression.
    """
    bound = falling & free[1:] & free[:-1]
    projected = means.copy()
    # Each run of constrained steps is projected separately.
    edges = np.flatnonzero(np.diff(np.concatenate([[0], bound.astype(np.int8), [0]])))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        stretch = means[:, first : last + 1]
        rising = (np.diff(stretch, axis=1) > 0).any(axis=1)
        if rising.any():
            projected[rising, first : last + 1] = _falling_fit(stretch[rising])
    return projected


def _falling_fit(y: FloatArray) -> FloatArray:
    """Least-squares fit of (n, w) rows that falls: `max over u >= t of min over s <= t`.

    The extremes are of the means of y from s to u.
    """
    n, width = y.shape
    sums = np.concatenate([np.zeros((n, 1)), np.cumsum(y, axis=1)], axis=1)
    fit = np.empty_like(y)
    for t in range(width):
        starts, ends = np.arange(t + 1), np.arange(t + 1, width + 1)
        lengths = ends[:, None] - starts
        block = (sums[:, ends, None] - sums[:, None, starts]) / lengths
        fit[:, t] = block.min(axis=2).max(axis=1)
    return fit
