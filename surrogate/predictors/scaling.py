"""Normal scores, the scale of the fits: collapsed trainings are no outliers on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogate.data.prediction import Prediction
from surrogate.data.targets import FloatArray, size_of

_MOST_KNOTS = 257
_FAR = 100.0  # scores beyond the last knots up to which the map is continued
_EQUAL_WIDTH = 1e-9  # relative width of the scale of equal labels


@dataclass(frozen=True, eq=False)
class NormalScoreScale:
    """Maps labels to the normal quantiles of their ranks, and back, piecewise linearly.

    The best and the worst of n labels lie at about plus and minus three standard deviations,
    however extreme they are. So no small group of rows dominates a squared loss on this scale, and
    all ranks count equally. Beyond the labels of the fit, the map continues with its mean slope
    over the last standard deviation.

    Attributes:
        values: (k,) rising labels, k >= 2; the first and the last lie far beyond those of the fit.
        scores: (k,) their normal scores, rising.

    Source: van der Waerden's normal scores, 1952.
    """

    values: FloatArray
    scores: FloatArray

    @classmethod
    def of(cls, values: FloatArray) -> "NormalScoreScale":
        """The scale of (n,) labels, n >= 1."""
        distinct, counts = np.unique(values, return_counts=True)
        if len(distinct) == 1:
            width = _EQUAL_WIDTH * size_of(distinct)
            return cls(distinct[0] + np.array([-width, width]), np.array([-1.0, 1.0]))
        middle_ranks = np.cumsum(counts) - counts / 2
        if len(distinct) > _MOST_KNOTS:
            kept = np.unique(np.linspace(0, len(distinct) - 1, _MOST_KNOTS).round().astype(int))
            distinct, middle_ranks = distinct[kept], middle_ranks[kept]
        normal = NormalDist()
        scores = np.array([normal.inv_cdf(rank / len(values)) for rank in middle_ranks])
        below = _mean_slope(distinct, scores, scores <= scores[0] + 1)
        above = _mean_slope(distinct, scores, scores >= scores[-1] - 1)
        return cls(
            np.concatenate([[distinct[0] - _FAR * below], distinct, [distinct[-1] + _FAR * above]]),
            np.concatenate([[scores[0] - _FAR], scores, [scores[-1] + _FAR]]),
        )

    def forward(self, values: FloatArray) -> FloatArray:
        """From labels to scores."""
        return np.interp(values, self.values, self.scores)

    def backward(self, scores: FloatArray) -> FloatArray:
        """The inverse of `forward`."""
        return np.interp(scores, self.scores, self.values)

    def prediction(self, mean: FloatArray, std: FloatArray) -> Prediction:
        """From (n,) means and standard deviations of scores to those of labels.

        A standard deviation becomes half the distance between the labels one standard deviation
        below and above the mean: the slope at a single point would be too uneven.
        """
        half = (self.backward(mean + std) - self.backward(mean - std)) / 2
        return Prediction(self.backward(mean), np.maximum(half, 0.0))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `from_arrays` reads."""
        return {"scale_values": self.values, "scale_scores": self.scores}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "NormalScoreScale":
        """The inverse of `arrays`."""
        return cls(arrays["scale_values"], arrays["scale_scores"])


def _mean_slope(values: FloatArray, scores: FloatArray, near_end: NDArray[np.bool_]) -> float:
    """Mean slope, labels per score, over the knots of one end, or over all if it has one only."""
    chosen = near_end if near_end.sum() > 1 else np.ones_like(near_end)
    return float(np.ptp(values[chosen]) / np.ptp(scores[chosen]))
