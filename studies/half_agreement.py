"""Seed noise within a half of the functions, selected without the compared labels.

Selection by the mean of two seeds biases their agreement downwards: it restricts the range of the
means but not that of the differences between seeds. So the half is selected by a third seed, or by
a forecast that was fitted to other functions.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from surrogate.data.targets import FloatArray
from surrogate.metrics.ranking import kendall_tau

_FEWEST = 4


@dataclass(frozen=True)
class HalfAgreement:
    """Agreement of seeds over some functions.

    Attributes:
        functions: their number.
        kendall_tau: mean over the pairs of seeds.
        pearson_r: mean over the pairs of seeds.
        signal_to_noise: variance between functions over the variance of one training's label
            between seeds; infinite where seeds agree exactly.
    """

    functions: int
    kendall_tau: float
    pearson_r: float
    signal_to_noise: float


def in_half(order: FloatArray, *, better: bool) -> NDArray[np.bool_]:
    """(k,) whether functions are in the better or the worse half.

    Args:
        order: (k,) criterion of the selection, lower is better.
        better: which half; functions at the median belong to the better one.
    """
    chosen: NDArray[np.bool_] = (order <= np.median(order)) == better
    return chosen


def half_agreement(labels: FloatArray, order: FloatArray, *, better: bool) -> HalfAgreement:
    """Compare seeds within a half.

    Args:
        labels: (k, s) one label of k functions with s >= 2 seeds.
        order: (k,) criterion of the selection, lower is better, independent of `labels`.
        better: which half.

    Raises:
        UserError: if there are fewer than four functions in the half or two seeds.

    >>> labels = np.array([[i, i + 0.1] for i in range(8)])
    >>> half_agreement(labels, labels[:, 0], better=True).kendall_tau
    1.0
    """
    chosen = labels[in_half(order, better=better)]
    functions, seeds = chosen.shape
    if functions < _FEWEST or seeds < 2:
        raise UserError(
            f"a half must have at least {_FEWEST} functions with at least "
            f"2 seeds each, but got {functions} functions and {seeds} seeds; collect more"
        )
    pairs = [chosen[:, list(pair)].T for pair in itertools.combinations(range(seeds), 2)]
    noise = float(chosen.var(axis=1, ddof=1).mean())
    signal = float(chosen.mean(axis=1).var(ddof=1)) - noise / seeds
    return HalfAgreement(
        functions=functions,
        kendall_tau=float(np.mean([kendall_tau(one, other) for one, other in pairs])),
        pearson_r=float(np.mean([np.corrcoef(one, other)[0, 1] for one, other in pairs])),
        signal_to_noise=signal / noise if noise > 0 else math.inf,
    )


def halves_by_another_seed(
    labels: FloatArray, chosen_by: FloatArray, *, better: bool
) -> tuple[HalfAgreement, ...]:
    """Compare all seeds but one within the half that this one selects, for each seed in turn.

    Args:
        labels: (k, s) one label of k functions with s >= 3 seeds.
        chosen_by: (k, s) the selecting label of the same trainings; may be the same one.
        better: which half.

    Raises:
        UserError: if there are too few seeds or functions.
    """
    seeds = labels.shape[1]
    return tuple(
        half_agreement(np.delete(labels, seed, axis=1), chosen_by[:, seed], better=better)
        for seed in range(seeds)
    )


def shared_noise(labels: FloatArray, others: FloatArray, keep: float = 1.0) -> tuple[float, float]:
    """Variance of a label between seeds, and its fraction shared with another label.

    If the two are measured on different speech, the shared part is due to the networks, the rest to
    the finite amount of speech.

    Args:
        labels: (k, s) one label of k functions with s >= 2 seeds.
        others: (k, s) the other label of the same trainings.
        keep: fraction of the pairs of trainings that are used, in (0, 1]: those that differ least
            in either label, in units of its standard deviation. This removes trainings that left
            the plateau late, which are outliers.

    Returns:
        The variance, and the shared part as a fraction of it.
    """
    pairs = list(itertools.combinations(range(labels.shape[1]), 2))
    one = np.concatenate([labels[:, a] - labels[:, b] for a, b in pairs])
    other = np.concatenate([others[:, a] - others[:, b] for a, b in pairs])
    far = np.maximum(np.abs(one) / one.std(), np.abs(other) / other.std())
    near = far <= np.quantile(far, keep)
    variance = float((one[near] ** 2).mean()) / 2
    return variance, float((one[near] * other[near]).mean()) / 2 / variance
