"""Rank correlations between predicted and measured values."""

from graph_encoding.common.errors import UserError
from surrogate.data.targets import FloatArray


def kendall_tau(predicted: FloatArray, measured: FloatArray) -> float:
    """Kendall's tau-b: `(C - D) / sqrt((C + D + P) (C + D + M))`.

    C and D count the pairs that both put in the same and in opposite order, P and M those tied
    in the predicted and in the measured values only.

    Args:
        predicted: (n,) predictions, n >= 2.
        measured: (n,) labels in the same order and direction.

    Returns:
        A value in [-1, 1]; 0 if either is constant, since it then orders nothing.

    Raises:
        UserError: if the shapes differ or n < 2.

    Source: Kendall, "The treatment of ties in ranking problems", Biometrika 1945.

    >>> import numpy as np
    >>> round(kendall_tau(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])), 3)
    0.333
    """
    _check_pairs(predicted, measured)
    if _is_constant(predicted) or _is_constant(measured):
        return 0.0
    # Late: scipy.stats takes 0.5 s to import, and a forecast has no need of it.
    from scipy.stats import kendalltau

    return float(kendalltau(predicted, measured).statistic)


def spearman_rho(predicted: FloatArray, measured: FloatArray) -> float:
    """Spearman's rho: Pearson's correlation of the ranks, ties sharing their mean rank.

    Args:
        predicted: (n,) predictions, n >= 2.
        measured: (n,) labels in the same order and direction.

    Returns:
        A value in [-1, 1]; 0 if either is constant.

    Raises:
        UserError: if the shapes differ or n < 2.

    Source: Spearman, American Journal of Psychology 15, 1904.
    """
    _check_pairs(predicted, measured)
    if _is_constant(predicted) or _is_constant(measured):
        return 0.0
    from scipy.stats import spearmanr

    return float(spearmanr(predicted, measured).statistic)


def _check_pairs(predicted: FloatArray, measured: FloatArray) -> None:
    if predicted.ndim != 1 or predicted.shape != measured.shape or len(predicted) < 2:
        raise UserError(
            "a rank correlation must have two arrays of one shape (n >= 2,), "
            f"but got {predicted.shape} and {measured.shape}"
        )


def _is_constant(values: FloatArray) -> bool:
    return bool((values == values[0]).all())
