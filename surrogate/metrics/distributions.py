"""Scores of a whole predictive distribution, for normal ones in closed form."""

import numpy as np

from graph_encoding.errors import UserError
from surrogate.targets import FloatArray


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


def _standardised(mean: FloatArray, std: FloatArray, measured: FloatArray) -> FloatArray:
    if mean.ndim != 1 or not mean.shape == std.shape == measured.shape or not len(mean):
        raise UserError(
            "a distribution score must have means, standard deviations and labels of one shape "
            f"(n >= 1,), but got {mean.shape}, {std.shape} and {measured.shape}"
        )
    if not (std > 0).all():
        raise UserError(f"standard deviations must be > 0, but the least is {std.min()}")
    return (measured - mean) / std
