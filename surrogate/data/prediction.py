"""Predictions: means with standard deviations, and intervals."""

from dataclasses import dataclass

import numpy as np

from graph_encoding.common.errors import UserError
from surrogate.data.targets import FloatArray

ONE_SIGMA = 0.6827
"""Probability of a normal distribution within one standard deviation."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Means and standard deviations of n graphs, on the model scale of the target.

    Attributes:
        mean: (n,) expected label, finite.
        std: (n,) uncalibrated standard deviation, finite and >= 0.

    Raises:
        UserError: if the shapes differ or a value is out of range.
    """

    mean: FloatArray
    std: FloatArray

    def __post_init__(self) -> None:
        if self.mean.ndim != 1 or self.mean.shape != self.std.shape:
            raise UserError(
                "a prediction must have a mean and a std of one shape (n,), "
                f"but they have {self.mean.shape} and {self.std.shape}"
            )
        if not (np.isfinite(self.mean).all() and np.isfinite(self.std).all()):
            raise UserError("a prediction must be finite, but holds NaN or infinity")
        if (self.std < 0).any():
            raise UserError(f"a std must be >= 0, but the least is {self.std.min()}")

    def __len__(self) -> int:
        return len(self.mean)


@dataclass(frozen=True, eq=False)
class Interval:
    """Lower and upper bounds for n graphs.

    Attributes:
        low: (n,) lower bounds.
        high: (n,) upper bounds, `low <= high`.
        level: probability that a label is between them, in (0, 1).

    Raises:
        UserError: if the shapes differ, the bounds are out of order or the level out of range.
    """

    low: FloatArray
    high: FloatArray
    level: float

    def __post_init__(self) -> None:
        if self.low.ndim != 1 or self.low.shape != self.high.shape:
            raise UserError(
                "an interval must have bounds of one shape (n,), "
                f"but they have {self.low.shape} and {self.high.shape}"
            )
        if not (self.low <= self.high).all():
            raise UserError("an interval must have low <= high, but one does not")
        check_level(self.level)


def check_level(level: float) -> None:
    """Make sure that a level is a probability.

    Raises:
        UserError: if it is not in (0, 1).
    """
    if not 0 < level < 1:
        raise UserError(f"a level must be in (0, 1), such as 0.9, but got {level}")
