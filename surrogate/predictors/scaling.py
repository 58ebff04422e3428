"""The scale that predictors learn on: normal scores, which no collapsed training can stretch."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogate.data.prediction import Prediction
from surrogate.data.targets import FloatArray, size_of

_MOST_KNOTS = 257
_FAR = 100.0  # scores beyond the last knots up to which the map goes on
_NO_SPREAD = 1e-9  # relative width that stands for the spread of equal labels


@dataclass(frozen=True, eq=False)
class NormalScoreScale:
    """Maps labels to the normal quantiles of their ranks, and back, by straight lines.

    The best and the worst of n labels stand at plus and minus some three standard deviations
    however far off they lie: a squared error on this scale is ruled by no few rows, and
    treats all ranks alike. Beyond the labels seen, the map goes on as steeply as it rises, on
    average, over the last standard deviation.

    Attributes:
        values: (k,) rising labels, k >= 2; the first and the last lie far outside of those seen.
        scores: (k,) their normal scores, rising.

    Source: van der Waerden's normal scores, 1952.
    """

    values: FloatArray
    scores: FloatArray

    @classmethod
    def of(cls, values: FloatArray) -> "NormalScoreScale":
        """Learn the scale of (n,) labels, n >= 1."""
        distinct, counts = np.unique(values, return_counts=True)
        if len(distinct) == 1:
            width = _NO_SPREAD * size_of(distinct)
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
        """From (n,) means and spreads of scores to those of labels.

        A spread becomes half the distance between the labels one spread below and above the
        mean: the map is too uneven for its slope at a point to stand for it.
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
    """Labels for each score over the knots of an end, of which there may be one only."""
    chosen = near_end if near_end.sum() > 1 else np.ones_like(near_end)
    return float(np.ptp(values[chosen]) / np.ptp(scores[chosen]))
