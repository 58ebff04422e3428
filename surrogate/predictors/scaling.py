"""Centre and scale of labels by median and spread, which collapsed trainings cannot move far."""

from dataclasses import dataclass

import numpy as np

from surrogate.targets import FloatArray

_NORMAL_MAD = 0.6745  # median absolute deviation of a standard normal


@dataclass(frozen=True)
class RobustScale:
    """`(y - median) / (median |y - median| / 0.6745)`; the divisor is at least `least_scale`.

    Attributes:
        centre: median of the labels.
        scale: robust standard deviation, > 0.
    """

    centre: float
    scale: float

    @classmethod
    def of(cls, values: FloatArray, least_scale: float = 1e-6) -> "RobustScale":
        """Measure the centre and scale of (n,) labels, n >= 1."""
        centre = float(np.median(values))
        spread = float(np.median(np.abs(values - centre))) / _NORMAL_MAD
        # More than half the labels equal: fall back on the plain standard deviation.
        return cls(centre, max(spread or float(np.std(values)), least_scale))

    def forward(self, values: FloatArray) -> FloatArray:
        """To units of the scale."""
        return (values - self.centre) / self.scale

    def backward(self, values: FloatArray) -> FloatArray:
        """The inverse of `forward`."""
        return values * self.scale + self.centre
