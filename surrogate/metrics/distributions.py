"""Scores of predictive distributions and of intervals.

The distributions are normal. Of every function below, `mean` holds (n,) means, n >= 1, `std` (n,)
standard deviations > 0, and `measured` (n,) labels on the same scale. Each raises `UserError` if
the shapes differ, n = 0 or a standard deviation is not > 0.
"""

import numpy as np

from graph_encoding.common.errors import UserError
from surrogate.data.prediction import Interval
from surrogate.data.targets import FloatArray


def gaussian_nll(mean: FloatArray, std: FloatArray, measured: FloatArray) -> float:
    """Mean negative log likelihood, in nats; lower is better."""
    from scipy.stats import norm

    return float(np.mean(-norm.logpdf(_standardised(mean, std, measured)) + np.log(std)))


def gaussian_crps(mean: FloatArray, std: FloatArray, measured: FloatArray) -> float:
    """Mean continuous ranked probability score: the absolute error of a distribution.

    It is `std (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi))`, in the unit of the labels; lower is
    better.

    Source: Gneiting and Raftery, "Strictly proper scoring rules", JASA 2007, section 4.2.
    """
    from scipy.stats import norm

    z = _standardised(mean, std, measured)
    score = z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi)
    return float(np.mean(std * score))


def gaussian_pit(mean: FloatArray, std: FloatArray, measured: FloatArray) -> FloatArray:
    """Probability integral transform: the predicted probability of a value below each label.

    Returns:
        (n,) probabilities, uniform if the distributions are right. A hump in the middle means that
        the standard deviations are too large, heaps at both ends that they are too small, a slope
        that the means are biased.

    Source: Dawid, "Statistical theory: the prequential approach", 1984; Gneiting, Balabdaoui and
        Raftery, "Probabilistic forecasts, calibration and sharpness", 2007.
    """
    from scipy.special import ndtr

    below: FloatArray = ndtr(_standardised(mean, std, measured))
    return below


def pit_deviation(mean: FloatArray, std: FloatArray, measured: FloatArray) -> float:
    """Kolmogorov-Smirnov distance between the distribution of `gaussian_pit` and the uniform one.

    Returns:
        A value in [0, 1], lower is better; right distributions have about `0.9 / sqrt(n)`.
    """
    from scipy.stats import kstest

    # The p-value is not used: "asymp" is the method that spends no time on it.
    return float(kstest(gaussian_pit(mean, std, measured), "uniform", method="asymp").statistic)


def _standardised(mean: FloatArray, std: FloatArray, measured: FloatArray) -> FloatArray:
    if mean.ndim != 1 or not mean.shape == std.shape == measured.shape or not len(mean):
        raise UserError(
            "a distribution score must have means, standard deviations and labels of one shape "
            f"(n >= 1,), but got {mean.shape}, {std.shape} and {measured.shape}"
        )
    if not (std > 0).all():
        raise UserError(f"standard deviations must be > 0, but the least is {std.min()}")
    return (measured - mean) / std


def coverage(interval: Interval, measured: FloatArray) -> float:
    """Fraction of labels within their interval: `mean(low <= y <= high)`.

    Args:
        interval: n >= 1 intervals.
        measured: (n,) labels in the same order.

    Returns:
        A value in [0, 1]; near `interval.level` if the intervals are calibrated.

    Raises:
        UserError: if the shapes differ or n = 0.
    """
    if measured.shape != interval.low.shape or not len(measured):
        raise UserError(
            "a coverage must have one label for each interval and at least one, "
            f"but got {measured.shape} labels and {interval.low.shape} intervals"
        )
    return float(np.mean((interval.low <= measured) & (measured <= interval.high)))


def mean_width(interval: Interval) -> float:
    """Mean of `high - low`, in the unit of the bounds; at equal coverage, lower is better."""
    return float(np.mean(interval.high - interval.low))
