"""The learning curve within a forecast: its numbers, and how far they widen outside the table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from surrogate.calibration import Novelty
from surrogate.curves import CurveForecast, Widening
from surrogate.data.prediction import Prediction
from surrogate.fitting.artifact import TargetModel


@dataclass(frozen=True)
class ForecastCurve:
    """Validation PER after each epoch of one training, fractions; the first is epoch 1.

    Attributes:
        mean: (epochs,) rates expected, medians.
        std: (epochs,) standard deviations, >= 0; 0 where the epoch was observed.
        std_model: (epochs,) what of it comes from not knowing the function.
        std_seed: (epochs,) what comes from the seed; None if the table cannot tell.
        low: (epochs,) lower ends of the intervals.
        high: (epochs,) upper ends.
        observed_epochs: epochs, from 1, whose rate was given and not forecast.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    std_model: tuple[float, ...]
    std_seed: tuple[float, ...] | None
    low: tuple[float, ...]
    high: tuple[float, ...]
    observed_epochs: tuple[int, ...]


def widening(
    model: TargetModel, prediction: Prediction, beyond: Sequence[Novelty], level: float
) -> Widening:
    """How much more is doubted of a target outside than inside.

    How wrong curves are outside is not measured apart: each epoch is as much worse as the label.
    """
    calibrator = model.calibrator
    outside = calibrator.interval(prediction, level, beyond)
    inside = calibrator.inside.interval(prediction, level)
    intervals = np.maximum((outside.high - outside.low) / (inside.high - inside.low), 1.0)
    return Widening(
        intervals, calibrator.std(prediction, beyond) / calibrator.inside.std(prediction)
    )


def curves_of(forecast: CurveForecast, observed_epochs: tuple[int, ...]) -> list[ForecastCurve]:
    """One curve a cell.

    Args:
        forecast: n curves.
        observed_epochs: epochs, from 1, that were given.
    """
    names = ("mean", "std", "std_model", "low", "high")
    rows = {name: getattr(forecast, name).tolist() for name in names}
    seeds = None if forecast.std_seed is None else forecast.std_seed.tolist()
    return [
        ForecastCurve(
            **{name: tuple(row[i]) for name, row in rows.items()},
            std_seed=None if seeds is None else tuple(seeds[i]),
            observed_epochs=observed_epochs,
        )
        for i in range(len(forecast))
    ]
