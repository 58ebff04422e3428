"""The learning curve within a forecast: its numbers, and how far they widen outside the table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from surrogate.artifact import TargetModel
from surrogate.calibration.support import Outside
from surrogate.curves import CurveForecast
from surrogate.prediction import Prediction
from surrogate.targets import FloatArray, Transform


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
    model: TargetModel, prediction: Prediction, ways: Sequence[tuple[Outside, ...]], level: float
) -> FloatArray:
    """(n,) factors, >= 1, by which a target's intervals are wider than for graphs of the fit.

    How wrong curves are outside is not measured apart: each epoch is as much worse as the label.
    """
    outside = model.calibrator.interval(prediction, level, ways)
    inside = model.calibrator.interval(prediction, level, [()] * len(ways))
    return np.maximum((outside.high - outside.low) / (inside.high - inside.low), 1.0)


def widened(
    mean: FloatArray, end: FloatArray, factors: FloatArray, transform: Transform
) -> FloatArray:
    """Ends of intervals, (n, ...) raw values, moved away from the mean on the model scale."""
    by = factors.reshape(-1, *[1] * (mean.ndim - 1))
    moved = transform.to_raw(
        transform.to_model(mean) + by * (transform.to_model(end) - transform.to_model(mean))
    )
    return np.where(by == 1.0, end, moved)


def curves_of(
    forecast: CurveForecast,
    factors: FloatArray,
    transform: Transform,
    observed_epochs: tuple[int, ...],
) -> list[ForecastCurve]:
    """One curve a cell.

    Args:
        forecast: n curves.
        factors: (n,) how much wider than for graphs of the fit they are.
        transform: scale on which they are widened.
        observed_epochs: epochs, from 1, that were given; they are not widened.
    """
    forecast_epochs = np.ones(forecast.epochs, dtype=bool)
    forecast_epochs[[epoch - 1 for epoch in observed_epochs]] = False
    by = factors[:, None]
    seed = forecast.std_seed
    std_model = by * forecast.std_model
    columns = {
        "mean": forecast.mean,
        "std": std_model if seed is None else np.hypot(std_model, seed),
        "std_model": std_model,
        "low": widened(forecast.mean, forecast.low, factors, transform),
        "high": widened(forecast.mean, forecast.high, factors, transform),
    }
    for name, known in (("low", forecast.mean), ("high", forecast.mean)):
        columns[name] = np.where(forecast_epochs, columns[name], known)
    rows = {name: column.tolist() for name, column in columns.items()}
    seeds = None if seed is None else seed.tolist()
    return [
        ForecastCurve(
            **{name: tuple(row[i]) for name, row in rows.items()},
            std_seed=None if seeds is None else tuple(seeds[i]),
            observed_epochs=observed_epochs,
        )
        for i in range(len(forecast))
    ]
