"""What is answered about learning curves."""

from dataclasses import dataclass
from typing import NamedTuple

from surrogate.curves.components.conditioning import Subject
from surrogate.data.targets import FloatArray


class Widening(NamedTuple):
    """How much more is doubted of n graphs than was measured on graphs of the fit.

    Attributes:
        intervals: (n,) factors, >= 1, on the intervals at the level that is asked for.
        std: (n,) factors, >= 1, on what of the standard deviations is the model's.
    """

    intervals: FloatArray
    std: FloatArray


@dataclass(frozen=True, eq=False)
class LabelForecast:
    """The validation label, the mean PER of a window of epochs, of n trainings or functions.

    The window is `CurveModel.label_epochs`.

    All numbers are phone error rates as fractions.

    Attributes:
        mean: (n,) label expected, the median.
        low: (n,) lower ends of the intervals.
        high: (n,) upper ends.
        std: (n,) standard deviations, >= 0.
        std_model: (n,) what of it comes from not knowing the function.
        std_seed: (n,) what would remain if the function were known exactly; None if the table
            cannot tell.
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray
    std: FloatArray
    std_model: FloatArray
    std_seed: FloatArray | None


@dataclass(frozen=True, eq=False)
class CurveForecast:
    """Validation PER after each epoch, of n trainings or functions; the last is the final one.

    All numbers but the model's own are phone error rates as fractions. Where an epoch was
    observed, the forecast of that training is what was observed.

    Attributes:
        of: "training": one training; "function": the mean over all seeds.
        level: probability with which an epoch's error rate lies in its interval.
        mean: (n, epochs) rates expected, medians.
        low: (n, epochs) lower ends of the intervals.
        high: (n, epochs) upper ends.
        std: (n, epochs) standard deviations, >= 0; `std^2 = std_model^2 + std_seed^2`.
        std_model: (n, epochs) what of it comes from not knowing the function.
        std_seed: (n, epochs) what would remain if the function were known exactly; None if the
            table has too few functions with two seeds to tell.
        model_mean: (n, epochs) means on the model scale (logits).
        model_std: (n, epochs) standard deviations there, before calibration.
        val_per: the label of the same curves.
    """

    of: Subject
    level: float
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    std: FloatArray
    std_model: FloatArray
    std_seed: FloatArray | None
    model_mean: FloatArray
    model_std: FloatArray
    val_per: LabelForecast

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def epochs(self) -> int:
        """Length of a curve."""
        return int(self.mean.shape[1])
