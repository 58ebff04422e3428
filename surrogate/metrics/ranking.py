"""Scores of an order: rank correlations, and what a search needs of the best keys."""

import numpy as np

from graph_encoding.common.errors import UserError
from surrogate.data.targets import FloatArray
from surrogate.metrics.values import check_pairs, is_constant


def kendall_tau(predicted: FloatArray, measured: FloatArray) -> float:
    """Kendall's tau-b: `(C - D) / sqrt((C + D + P) (C + D + M))`.

    C and D count the pairs that both put in the same and in opposite order, P and M those tied
    in the predicted and in the measured values only.

    Args:
        predicted: (n,) predictions, n >= 2.
        measured: (n,) labels in the same order and direction.

    Returns:
        A value in [-1, 1]; 0 if either is constant, since it then has no order.

    Raises:
        UserError: if the shapes differ or n < 2.

    Source: Kendall, "The treatment of ties in ranking problems", Biometrika 1945.

    >>> import numpy as np
    >>> round(kendall_tau(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])), 3)
    0.333
    """
    return _correlation("kendalltau", predicted, measured)


def spearman_rho(predicted: FloatArray, measured: FloatArray) -> float:
    """Spearman's rho: Pearson's correlation of the ranks, ties sharing their mean rank.

    Arguments, value and errors are those of `kendall_tau`.

    Source: Spearman, American Journal of Psychology 15, 1904.
    """
    return _correlation("spearmanr", predicted, measured)


def _correlation(name: str, predicted: FloatArray, measured: FloatArray) -> float:
    # Late: scipy.stats takes 0.5 s to import, and a forecast does not need it.
    from scipy import stats

    check_pairs("a rank correlation", predicted, measured, least=2)
    if is_constant(predicted) or is_constant(measured):
        return 0.0
    return float(getattr(stats, name)(predicted, measured).statistic)


def precision_at(predicted_cost: FloatArray, measured_cost: FloatArray, k: int) -> float:
    """Fraction of the k keys predicted best that are among the k measured best.

    A key tied at the k-th prediction counts with the probability that a random draw takes it, so
    that a constant prediction scores as chance does. All keys tied at the k-th label are best.

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
    check_pairs("a selection", predicted_cost, measured_cost)
    if not 1 <= k <= len(predicted_cost):
        raise UserError(f"k must be in 1 .. {len(predicted_cost)}, the keys, but got {k}")
    cutoff = np.partition(predicted_cost, k - 1)[k - 1]
    below, tied = predicted_cost < cutoff, predicted_cost == cutoff
    chosen = below + tied * ((k - below.sum()) / tied.sum())
    best = measured_cost <= np.partition(measured_cost, k - 1)[k - 1]
    return float(chosen[best].sum() / k)


def top_regret(predicted_cost: FloatArray, measured_cost: FloatArray) -> float:
    """Label of the key predicted best minus the best label.

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
    check_pairs("a selection", predicted_cost, measured_cost)
    picked = predicted_cost == predicted_cost.min()
    return float(measured_cost[picked].mean() - measured_cost.min())
