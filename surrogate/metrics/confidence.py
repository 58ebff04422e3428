"""How sure a reported number is: intervals over repeats, or over the keys of a single test set."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from surrogate.data.prediction import check_level
from surrogate.data.targets import FloatArray

RESAMPLES = 200
"""Bootstrap draws: the ends of a 95 % interval then rest on five draws each."""


def t_interval(values: FloatArray, level: float = 0.95) -> tuple[float, float]:
    """Student's interval of the mean of r repeats: `mean -+ t s / sqrt(r)`.

    Repeats are taken as independent. Splits of one dataset share keys, so that the interval
    speaks of other splits of this dataset, not of other datasets.

    Args:
        values: (r,) one number a repeat, r >= 2.
        level: probability with which the interval holds the mean, in (0, 1).

    Raises:
        UserError: if there are fewer than two values or the level is out of range.

    Source: Student, "The probable error of a mean", Biometrika 1908.
    """
    from scipy.stats import t

    check_level(level)
    if values.ndim != 1 or len(values) < 2:
        raise UserError(
            f"an interval over repeats must have at least 2 of them, but got {values.shape}; "
            "ask for more repeats"
        )
    half = float(t.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)
    return float(values.mean()) - half, float(values.mean()) + half


def bootstrap_interval(
    score: Callable[[NDArray[np.int64]], float],
    keys: int,
    rng: np.random.Generator,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of a score over keys drawn again with replacement.

    Args:
        score: the score of the keys at some indices, which may repeat.
        keys: n >= 1; indices run below it.
        rng: source of the draws.
        level: share of the draws between the ends, in (0, 1).

    Raises:
        UserError: if there is no key or the level is out of range.

    Source: Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 13.
    """
    check_level(level)
    if keys < 1:
        raise UserError(f"a bootstrap must have at least 1 key to draw from, but got {keys}")
    draws = [score(rng.integers(keys, size=keys)) for _ in range(RESAMPLES)]
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2]).tolist()
    return low, high
