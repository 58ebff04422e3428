"""Whether intervals hold, and how wide they had to be."""

import numpy as np

from graph_encoding.common.errors import UserError
from surrogate.data.prediction import Interval
from surrogate.data.targets import FloatArray


def coverage(interval: Interval, measured: FloatArray) -> float:
    """Share of labels within their interval: `mean(low <= y <= high)`.

    Args:
        interval: n >= 1 intervals.
        measured: (n,) labels in the same order.

    Returns:
        A value in [0, 1]; near `interval.level` if the intervals are calibrated.

    Raises:
        UserError: if the shapes differ or n = 0.
    """
    if measured.shape != interval.low.shape or not len(measured):
        raise UserError(
            "a coverage must have one label for each interval and at least one, "
            f"but got {measured.shape} labels and {interval.low.shape} intervals"
        )
    return float(np.mean((interval.low <= measured) & (measured <= interval.high)))


def mean_width(interval: Interval) -> float:
    """Mean of `high - low`, in the unit of the bounds; at equal coverage, lower is better."""
    return float(np.mean(interval.high - interval.low))
