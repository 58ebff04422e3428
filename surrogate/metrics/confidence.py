"""Confidence intervals of reported numbers, over repeats or over the keys of one test set."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from surrogate.data.prediction import check_level
from surrogate.data.targets import FloatArray

RESAMPLES = 200
"""Bootstrap draws: each end of a 95 % interval then rests on five draws."""


def t_interval(values: FloatArray, level: float = 0.95) -> tuple[float, float]:
    """Student's interval of the mean of r repeats: `mean -+ t s / sqrt(r)`.

    Repeats are taken as independent. Splits of one dataset share keys, so that the interval
    describes other splits of this dataset, not other datasets.

    Args:
        values: (r,) one number per repeat, r >= 2.
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
            "choose more repeats"
        )
    half = float(t.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)
    return float(values.mean()) - half, float(values.mean()) + half


def bootstrap_interval(
    score: Callable[[NDArray[np.int64]], float],
    keys: int,
    rng: np.random.Generator,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of a score over keys resampled with replacement.

    Args:
        score: the score of the keys at some indices, which may repeat.
        keys: n >= 1; indices run below it.
        rng: source of the draws.
        level: fraction of the draws between the ends, in (0, 1).

    Raises:
        UserError: if there is no key or the level is out of range.

    Source: Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 13.
    """
    from scipy.stats import bootstrap

    check_level(level)
    if keys < 1:
        raise UserError(f"a bootstrap must have at least 1 key to draw from, but got {keys}")
    rows = np.arange(keys)
    if keys == 1:  # scipy refuses it
        return score(rows), score(rows)
    found = bootstrap(
        (rows,),
        score,
        n_resamples=RESAMPLES,
        vectorized=False,
        confidence_level=level,
        method="percentile",
        rng=rng,
    ).confidence_interval
    return float(found.low), float(found.high)
