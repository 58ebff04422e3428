"""Scores of a whole predictive distribution, for normal ones in closed form."""

import numpy as np

from graph_encoding.common.errors import UserError
from surrogate.data.targets import FloatArray


def gaussian_nll(mean: FloatArray, std: FloatArray, measured: FloatArray) -> float:
    """Mean negative log likelihood: `mean(z^2 / 2 + log(std) + log(2 pi) / 2)`, in nats.

    Args:
        mean: (n,) means, n >= 1.
        std: (n,) standard deviations, > 0.
        measured: (n,) labels on the same scale.

    Returns:
        A value that is least where mean and std are right; lower is better.

    Raises:
        UserError: if the shapes differ, n = 0 or a std is not > 0.
    """
    z = _standardised(mean, std, measured)
    return float(np.mean(z**2 / 2 + np.log(std)) + np.log(2 * np.pi) / 2)


def gaussian_crps(mean: FloatArray, std: FloatArray, measured: FloatArray) -> float:
    """Mean continuous ranked probability score of normal distributions.

    `std (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi))`: the absolute error that a distribution
    is worth, in the unit of the labels.

    Args:
        mean: (n,) means, n >= 1.
        std: (n,) standard deviations, > 0.
        measured: (n,) labels on the same scale.

    Returns:
        A value >= 0, lower is better.

    Raises:
        UserError: if the shapes differ, n = 0 or a std is not > 0.

    Source: Gneiting and Raftery, "Strictly proper scoring rules", JASA 2007, section 4.2.
    """
    from scipy.special import ndtr

    z = _standardised(mean, std, measured)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return float(np.mean(std * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / np.sqrt(np.pi))))


def gaussian_pit(mean: FloatArray, std: FloatArray, measured: FloatArray) -> FloatArray:
    """Probability integral transform: where each label stands in its own distribution.

    Args:
        mean: (n,) means, n >= 1.
        std: (n,) standard deviations, > 0.
        measured: (n,) labels on the same scale.

    Returns:
        (n,) probabilities of a value below the label. They are uniform where the distributions
        are right; a hump in the middle says that the spreads are too wide, a heap at both ends
        that they are too narrow, a slope that the means are off.

    Raises:
        UserError: if the shapes differ, n = 0 or a std is not > 0.

    Source: Dawid, "Statistical theory: the prequential approach", 1984; Gneiting, Balabdaoui and
        Raftery, "Probabilistic forecasts, calibration and sharpness", 2007.
    """
    from scipy.special import ndtr

    below: FloatArray = ndtr(_standardised(mean, std, measured))
    return below


def pit_deviation(mean: FloatArray, std: FloatArray, measured: FloatArray) -> float:
    """Largest distance between the distribution of `gaussian_pit` and the uniform one.

    Returns:
        A value in [0, 1], lower is better; right distributions have some `0.9 / sqrt(n)`.

    Raises:
        UserError: if the shapes differ, n = 0 or a std is not > 0.

    Source: the statistic of Kolmogorov and Smirnov.
    """
    below = np.sort(gaussian_pit(mean, std, measured))
    steps = np.arange(len(below) + 1) / len(below)
    return float(max((steps[1:] - below).max(), (below - steps[:-1]).max()))


def _standardised(mean: FloatArray, std: FloatArray, measured: FloatArray) -> FloatArray:
    if mean.ndim != 1 or not mean.shape == std.shape == measured.shape or not len(mean):
        raise UserError(
            "a distribution score must have means, standard deviations and labels of one shape "
            f"(n >= 1,), but got {mean.shape}, {std.shape} and {measured.shape}"
        )
    if not (std > 0).all():
        raise UserError(f"standard deviations must be > 0, but the least is {std.min()}")
    return (measured - mean) / std
