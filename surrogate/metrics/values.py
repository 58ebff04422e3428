"""Distances between predicted and measured values."""

import numpy as np

from graph_encoding.common.errors import UserError
from surrogate.data.targets import FloatArray, power_of_two


def rmse(predicted: FloatArray, measured: FloatArray) -> float:
    """Root of the mean squared error: `sqrt(mean((predicted - measured)^2))`.

    Args:
        predicted: (n,) predictions, n >= 1.
        measured: (n,) labels, same unit.

    Returns:
        A value >= 0 in the unit of the labels.

    Raises:
        UserError: if the shapes differ or n = 0.

    >>> rmse(np.array([1.0, 2.0]), np.array([1.0, 4.0])) == 2**0.5
    True
    """
    if predicted.ndim != 1 or predicted.shape != measured.shape or not len(predicted):
        raise UserError(
            "an error must have two arrays of one shape (n >= 1,), "
            f"but got {predicted.shape} and {measured.shape}"
        )
    error = predicted - measured
    unit = power_of_two(error)
    return float(np.sqrt(np.mean((error / unit) ** 2))) * unit


def r_squared(predicted: FloatArray, measured: FloatArray) -> float:
    """Coefficient of determination: `1 - sum((predicted - measured)^2) / sum((measured - mean)^2)`.

    Args:
        predicted: (n,) predictions, n >= 1.
        measured: (n,) labels, same unit.

    Returns:
        A value <= 1, higher is better; 0 for the mean of the labels, and where all are equal.

    Raises:
        UserError: if the shapes differ or n = 0.

    >>> round(r_squared(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0])) * 14, 9)
    11.0
    """
    error = rmse(predicted, measured)
    # Not by the spread: rounding leaves one to labels that are equal.
    if (measured == measured[0]).all():
        return 0.0
    unit = power_of_two(measured)
    return 1 - (error / (float((measured / unit).std()) * unit)) ** 2
