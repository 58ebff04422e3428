"""Targets of forecasts: a label with its unit, its direction and its model scale."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from graph_encoding.common.registry import Registry
from train_benchmark.labels import EpochWindow, label_window

Direction = Literal["minimise", "maximise"]

FloatArray = NDArray[np.float64]


def power_of_two(values: FloatArray) -> float:
    """The largest power of two up to the largest of (n,) absolute values; 1 for zeros.

    Squares of values divided by it neither underflow nor overflow, and the division is exact.

    >>> power_of_two(np.array([0.5, -3.0]))
    2.0
    """
    largest = float(np.abs(values).max())
    return math.ldexp(1.0, math.frexp(largest)[1] - 1) if largest else 1.0


def size_of(values: FloatArray) -> float:
    """The scale of (n,) labels, in their unit: their standard deviation.

    For equal labels it is their absolute value, and for zeros 1. Limits and tolerances in the unit
    of a label are multiples of it, so that joules and microjoules give the same results.

    >>> size_of(np.array([1.0, 3.0])), size_of(np.array([4e-9, 4e-9]))
    (1.0, 4e-09)
    """
    unit = power_of_two(values)
    scaled = values / unit
    # Not by the standard deviation: rounding leaves equal values a small one.
    if np.ptp(scaled) > 0:
        return float(scaled.std()) * unit
    return abs(float(values[0])) or 1.0


class Transform(ABC):
    """A rising map from the raw scale of a label to the model scale, and back."""

    @abstractmethod
    def to_model(self, values: FloatArray) -> FloatArray:
        """Map (n,) labels to the model scale."""

    @abstractmethod
    def to_raw(self, values: FloatArray) -> FloatArray:
        """Map (n,) values of the model scale back; infinities give the ends of the range."""

    @abstractmethod
    def raw_slope(self, values: FloatArray) -> FloatArray:
        """Derivative of `to_raw` at (n,) values, by which small standard deviations scale."""

    def interval_to_raw(self, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Map the ends of n intervals back, so that they contain the same labels."""
        return self.to_raw(low), self.to_raw(high)


@dataclass(frozen=True)
class Logit(Transform):
    """`z = log(y / (1 - y))`, with y clipped to `[clip, 1 - clip]` first.

    Error rates of collapsed trainings reach and exceed 1. With the clip these labels become one
    finite value, and rates above 1 - clip are no longer distinguished: all such networks are
    useless.

    Attributes:
        clip: distance from 0 and 1 that labels are moved to, in (0, 0.5).
    """

    clip: float = 0.01

    def __post_init__(self) -> None:
        if not 0 < self.clip < 0.5:
            raise UserError(f"a logit's clip must be in (0, 0.5), but got {self.clip}")

    def to_model(self, values: FloatArray) -> FloatArray:
        """Logit of the clipped labels."""
        y = np.clip(np.asarray(values, dtype=np.float64), self.clip, 1 - self.clip)
        return np.log(y / (1 - y))

    def to_raw(self, values: FloatArray) -> FloatArray:
        """The logistic function, written with tanh so that nothing overflows."""
        return 0.5 * (1 + np.tanh(0.5 * np.asarray(values, dtype=np.float64)))

    def raw_slope(self, values: FloatArray) -> FloatArray:
        """`y (1 - y)` at y = to_raw(values)."""
        y = self.to_raw(values)
        return y * (1 - y)

    def interval_to_raw(self, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
        """As `to_raw`, but an interval that reaches a clip extends to 0 or 1.

        On the model scale all labels beyond a clip are one value: an interval that contains it
        contains them all.
        """
        least, most = self.to_model(np.array([0.0, 1.0]))
        return (
            np.where(low <= least, 0.0, self.to_raw(np.minimum(low, most))),
            np.where(high >= most, 1.0, self.to_raw(np.maximum(high, least))),
        )


@dataclass(frozen=True)
class Identity(Transform):
    """`z = y`: the model scale is the raw scale."""

    def to_model(self, values: FloatArray) -> FloatArray:
        """The labels."""
        return np.asarray(values, dtype=np.float64)

    def to_raw(self, values: FloatArray) -> FloatArray:
        """The values."""
        return np.asarray(values, dtype=np.float64)

    def raw_slope(self, values: FloatArray) -> FloatArray:
        """One everywhere."""
        return np.ones_like(values, dtype=np.float64)


@dataclass(frozen=True)
class LogScale(Transform):
    """`z = log(y)`, for positive quantities with relative errors, such as a latency."""

    def to_model(self, values: FloatArray) -> FloatArray:
        """Natural logarithm.

        Raises:
            UserError: if a label is not > 0.
        """
        y = np.asarray(values, dtype=np.float64)
        if not (y > 0).all():
            raise UserError(
                f"labels on a log scale must be > 0, but the least is {y.min()}; choose the "
                "identity transform, or leave these labels out"
            )
        return np.log(y)

    def to_raw(self, values: FloatArray) -> FloatArray:
        """Exponential; infinite on overflow."""
        with np.errstate(over="ignore"):
            return np.exp(np.asarray(values, dtype=np.float64))

    def raw_slope(self, values: FloatArray) -> FloatArray:
        """`y` at y = to_raw(values)."""
        return self.to_raw(values)


@dataclass(frozen=True)
class Target:
    """One quantity to forecast.

    Attributes:
        name: unique name; also the name of its fields in output.
        label: label of the table, one of `train_benchmark.labels.LABELS`.
        unit: unit of the raw scale.
        direction: which end of the raw scale is better.
        transform: to the model scale, that of fits and predictions.
    """

    name: str
    label: str
    unit: str
    direction: Direction
    transform: Transform

    def __post_init__(self) -> None:
        if self.direction not in get_args(Direction):
            raise UserError(
                f"target {self.name!r}: direction must be one of {get_args(Direction)}, "
                f"but got {self.direction!r}"
            )

    def to_cost(self, raw: FloatArray) -> FloatArray:
        """Raw values with the sign that makes lower better: the only place where a sign flips."""
        return raw if self.direction == "minimise" else -raw


TRANSFORMS: Registry[type[Transform]] = Registry("transform")
for _name, _kind in (("identity", Identity), ("log", LogScale), ("logit", Logit)):
    TRANSFORMS.register(_name, _kind)
del _name, _kind

TARGETS: Registry[Target] = Registry("target")
"""Targets by name."""

PER_UNIT = "phone error rate"

COLLAPSED_PER = 0.9
"""A label above it is that of a collapsed training, whose output was almost only blank; for
`val_per`, over most of the averaged epochs (docs/explanation/recipe.md)."""

VAL_PER = TARGETS.register("val_per", Target("val_per", "val_per", PER_UNIT, "minimise", Logit()))
"""Mean validation PER of the last 60 % of the epochs (`train_benchmark.labels`)."""

VAL_PER_LAST5 = TARGETS.register(
    "val_per_last5", Target("val_per_last5", "val_per_last5", PER_UNIT, "minimise", Logit())
)
"""Mean validation PER of the last five epochs: the earlier definition of `val_per`."""

TEST_PER = TARGETS.register(
    "test_per", Target("test_per", "test_per", PER_UNIT, "minimise", Logit())
)
"""Test PER at the epoch of the best validation PER."""


def label_epochs(targets: Iterable[Target], epochs: int | None) -> dict[str, EpochWindow]:
    """The epochs that the labels of some targets average.

    Args:
        targets: registered targets.
        epochs: length of the trainings; None if their lengths differ.

    Returns:
        Target's name -> window, without targets whose label averages no fixed epochs; empty if the
        lengths of the trainings differ.
    """
    if epochs is None:
        return {}
    windows = {target.name: label_window(target.label, epochs) for target in targets}
    return {name: window for name, window in windows.items() if window is not None}
