"""What a search cares about: whether the best are found, and what the top pick costs."""

import numpy as np

from graph_encoding.common.errors import UserError
from surrogate.data.targets import FloatArray


def precision_at(predicted_cost: FloatArray, measured_cost: FloatArray, k: int) -> float:
    """Share of the k keys predicted best that are among the k measured best.

    Of keys tied at the k-th prediction each counts with the probability that a draw takes it, so
    that a constant prediction scores what chance does; all keys tied at the k-th label are best.

    Args:
        predicted_cost: (n,) predictions, lower is better (`Target.to_cost`).
        measured_cost: (n,) labels in the same order.
        k: size of both sets, 1 .. n.

    Returns:
        A value in [0, 1], higher is better.

    Raises:
        UserError: if the shapes differ or k is out of range.

    >>> precision_at(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0]), 2)
    0.5
    """
    _check_pairs(predicted_cost, measured_cost)
    if not 1 <= k <= len(predicted_cost):
        raise UserError(f"k must be in 1 .. {len(predicted_cost)}, the keys, but got {k}")
    cutoff = np.partition(predicted_cost, k - 1)[k - 1]
    below, tied = predicted_cost < cutoff, predicted_cost == cutoff
    chosen = below + tied * ((k - below.sum()) / tied.sum())
    best = measured_cost <= np.partition(measured_cost, k - 1)[k - 1]
    return float(chosen[best].sum() / k)


def top_regret(predicted_cost: FloatArray, measured_cost: FloatArray) -> float:
    """How much worse than the best label that of the key predicted best is.

    Among keys tied at the best prediction, the mean.

    Args:
        predicted_cost: (n,) predictions, n >= 1, lower is better.
        measured_cost: (n,) labels in the same order.

    Returns:
        A value >= 0 in the unit of the labels, lower is better.

    Raises:
        UserError: if the shapes differ or n = 0.

    >>> top_regret(np.array([1.0, 2.0]), np.array([0.75, 0.5]))
    0.25
    """
    _check_pairs(predicted_cost, measured_cost)
    picked = predicted_cost == predicted_cost.min()
    return float(measured_cost[picked].mean() - measured_cost.min())


def _check_pairs(predicted: FloatArray, measured: FloatArray) -> None:
    if predicted.ndim != 1 or predicted.shape != measured.shape or not len(predicted):
        raise UserError(
            "a selection must have two arrays of one shape (n >= 1,), "
            f"but got {predicted.shape} and {measured.shape}"
        )
