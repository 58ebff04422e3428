"""Values of a forecast of learning curves."""

from dataclasses import dataclass
from typing import NamedTuple

from surrogate.curves.components.conditioning import Subject
from surrogate.data.targets import FloatArray


class Widening(NamedTuple):
    """Extra uncertainty of n novel graphs, relative to graphs like those of the fit.

    Attributes:
        intervals: (n,) factors, >= 1, on the intervals at the requested level.
        std: (n,) factors, >= 1, on the model's part of the standard deviations.
    """

    intervals: FloatArray
    std: FloatArray


@dataclass(frozen=True, eq=False)
class LabelForecast:
    """Phone error rates as fractions; here the validation label of n trainings or functions.

    The label is the mean over the window of epochs `CurveModel.label_epochs`.

    Attributes:
        mean: (n,) expected rates, medians.
        low: (n,) lower ends of the intervals.
        high: (n,) upper ends.
        std: (n,) standard deviations, >= 0; `std^2 = std_model^2 + std_seed^2`.
        std_model: (n,) model uncertainty.
        std_seed: (n,) seed noise; None if too few functions have two seeds.
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray
    std: FloatArray
    std_model: FloatArray
    std_seed: FloatArray | None


@dataclass(frozen=True, eq=False)
class CurveForecast(LabelForecast):
    """Validation PER after each epoch, of n trainings or functions; the last is the final one.

    The fields of `LabelForecast` have shape (n, epochs). The forecast of an observed epoch of that
    training is the observed rate.

    Attributes:
        of: "training": one training; "function": the mean over all seeds.
        level: probability with which an epoch's error rate lies in its interval.
        model_mean: (n, epochs) means on the model scale (logits).
        model_std: (n, epochs) standard deviations there, before calibration.
        val_per: the label of the same curves.
    """

    of: Subject
    level: float
    model_mean: FloatArray
    model_std: FloatArray
    val_per: LabelForecast

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def epochs(self) -> int:
        """Length of a curve."""
        return int(self.mean.shape[1])
