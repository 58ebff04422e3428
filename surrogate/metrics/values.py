"""Distances between predicted and measured values."""

import numpy as np

from graph_encoding.common.errors import UserError
from surrogate.data.targets import FloatArray, power_of_two


def check_pairs(what: str, predicted: FloatArray, measured: FloatArray, *, least: int = 1) -> None:
    """Refuse arrays that are not n pairs.

    Args:
        what: what they are for, such as "an error".
        predicted: the predictions.
        measured: the labels.
        least: smallest n.

    Raises:
        UserError: if the shapes differ or n < `least`.
    """
    if predicted.ndim != 1 or predicted.shape != measured.shape or len(predicted) < least:
        raise UserError(
            f"{what} must have two arrays of one shape (n >= {least},), "
            f"but got {predicted.shape} and {measured.shape}"
        )


def is_constant(values: FloatArray) -> bool:
    """Whether all of (n,) values are equal; their standard deviation may be a rounding error."""
    return bool((values == values[0]).all())


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
    check_pairs("an error", predicted, measured)
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
    if is_constant(measured):
        return 0.0
    unit = power_of_two(measured)
    return 1 - (error / (float((measured / unit).std()) * unit)) ** 2
