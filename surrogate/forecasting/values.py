"""The values of a forecast: targets and a learning curve, made of the predictions of models."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from graph_encoding.common.errors import DeadCellError, UnknownNameError, UserError
from surrogate.calibration import Novelty
from surrogate.curves import CurveForecast, LabelForecast, Widening
from surrogate.data.prediction import Prediction
from surrogate.data.targets import COLLAPSED_PER, PER_UNIT, TARGETS
from surrogate.fitting.artifact import MeasuredRow, TargetModel
from surrogate.latency.model import LatencyForecast

Support = Literal["measured", "interpolated", "extrapolated", "dead"]
"""Support of a forecast.

measured: the table has the function. interpolated: it has not, but the operations and the size
occur in the training set. extrapolated: an operation or the size does not. dead: the output does
not depend on the input, so that there is nothing to forecast.
"""

_LEAST_STD = 1e-9
"""Least standard deviation of an observed label; absolute, because rates have no unit."""


@dataclass(frozen=True)
class TargetForecast:
    """The forecast of one target; all numbers are on its raw scale.

    The label is that of the table: with several seeds per function, their mean.

    Attributes:
        target: its name.
        unit: its unit.
        mean: expected value; with a non-linear transform, the median.
        std: standard deviation of the label, >= 0: model uncertainty and seed noise together.
        std_model: model uncertainty.
        std_seed: seed noise; None if the table does not determine it.
        low: lower end of the interval.
        high: upper end of the interval.
        collapse_probability: probability that the label is above `COLLAPSED_PER`, as in a collapsed
            training; None for targets that are no phone error rates. Collapsed and other trainings
            are one distribution here: on the scale of ranks, on which predictors learn, a collapsed
            training is the worst one and no outlier.
    """

    target: str
    unit: str
    mean: float
    std: float
    std_model: float
    std_seed: float | None
    low: float
    high: float
    collapse_probability: float | None


@dataclass(frozen=True)
class ForecastCurve:
    """Validation PER after each epoch of one training, as fractions; the first is epoch 1.

    Attributes:
        mean: (epochs,) expected rates, medians.
        std: (epochs,) standard deviations, >= 0; 0 at observed epochs.
        std_model: (epochs,) model uncertainty.
        std_seed: (epochs,) seed noise; None if the table does not determine it.
        low: (epochs,) lower ends of the intervals.
        high: (epochs,) upper ends.
        observed_epochs: epochs, from 1, whose rate was given.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    std_model: tuple[float, ...]
    std_seed: tuple[float, ...] | None
    low: tuple[float, ...]
    high: tuple[float, ...]
    observed_epochs: tuple[int, ...]


@dataclass(frozen=True)
class Forecast:
    """All that is forecast and known about one cell.

    Attributes:
        cell: the cell as text.
        functional_key: identity of its function.
        params: exact number of trainable parameters in the table's macro network.
        macs: exact multiply-accumulates of that network for one second of speech.
        support: see `Support`.
        note: reason, if `support` is "extrapolated" or "dead"; else empty.
        distance: distance to the nearest training cell, see `Neighbourhood.distance`; None for a
            dead cell.
        level: level of the intervals.
        targets: one forecast per target; none for a dead cell.
        curve: validation PER of a training after each epoch; None for a dead cell, and if the
            artifact has no curves.
        latencies: one forecast per setting of the artifact; none for a dead cell.
        measured_row: the table's labels of this function, if it has them.
    """

    cell: str
    functional_key: str
    params: int
    macs: int
    support: Support
    note: str
    distance: float | None
    level: float
    targets: tuple[TargetForecast, ...]
    curve: ForecastCurve | None
    latencies: tuple[LatencyForecast, ...]
    measured_row: MeasuredRow | None

    @property
    def measured(self) -> bool:
        """Whether the table has this function."""
        return self.measured_row is not None

    def target(self, name: str) -> TargetForecast:
        """The forecast of one target, such as "val_per".

        Raises:
            DeadCellError: if the cell is dead.
            UnknownNameError: if there is no forecast of this target.
        """
        self._check_alive()
        for found in self.targets:
            if found.target == name:
                return found
        known = ", ".join(found.target for found in self.targets)
        raise UnknownNameError(f"unknown target {name!r}; this forecast has {known or 'none'}")

    def latency(self, setting: str, device: str | None = None) -> LatencyForecast:
        """The forecast in one latency setting.

        Args:
            setting: its name, such as "timit-micro/cpu-onnx-fp32-t1-b1-1s".
            device: name of the processor, where several have this setting.

        Raises:
            DeadCellError: if the cell is dead.
            UserError: if there is no such forecast, or several devices have the setting.
        """
        self._check_alive()
        known = ", ".join(f"{one.setting} on {one.device}" for one in self.latencies)
        fitting = [
            one for one in self.latencies if one.setting == setting and device in {None, one.device}
        ]
        if len(fitting) != 1:
            raise UserError(
                f"a latency needs the setting and device of one forecast, but {setting!r} on "
                f"{device or 'any device'} fits {len(fitting)}; known: {known or 'none'}"
            )
        return fitting[0]

    def _check_alive(self) -> None:
        if self.support == "dead":
            raise DeadCellError(f"cell {self.cell!r} has no forecast: {self.note}")


def forecast_target(
    model: TargetModel, prediction: Prediction, novelty: Sequence[Novelty], level: float
) -> list[TargetForecast]:
    """Forecasts of one target for n graphs.

    Args:
        model: model of the target.
        prediction: predictions of its predictor.
        novelty: (n,) novelty of each graph.
        level: probability with which a label lies in its interval, in (0, 1).
    """
    calibrator, transform = model.calibrator, model.target.transform
    interval = calibrator.interval(prediction, level, novelty)
    slope = transform.raw_slope(prediction.mean)
    total = calibrator.std(prediction, novelty)
    # Novelty adds to the model uncertainty, not to the seed noise.
    seed = np.sqrt(model.seed_share or 0.0) * calibrator.inside.std(prediction)
    low, high = transform.interval_to_raw(interval.low, interval.high)
    limit = float(transform.to_model(np.array([COLLAPSED_PER]))[0])
    columns = {
        "mean": transform.to_raw(prediction.mean),
        "std": slope * total,
        "std_model": slope * np.sqrt(total**2 - seed**2),
        "std_seed": slope * seed,
        "low": low,
        "high": high,
        "collapse_probability": calibrator.exceedance(prediction, limit, novelty),
    }
    unknown: dict[str, None] = {} if model.seed_share is not None else {"std_seed": None}
    if model.target.unit != PER_UNIT:
        unknown["collapse_probability"] = None
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [
        TargetForecast(
            model.target.name,
            model.target.unit,
            **{**dict(zip(columns, row, strict=True)), **unknown},
        )
        for row in rows
    ]


def with_observed_label(target: TargetForecast, label: LabelForecast) -> TargetForecast:
    """A forecast with the label of one observed training instead of its own.

    The remaining epochs of an observed training are normal on the model scale.
    """
    transform = TARGETS.get(target.target).transform
    limit, mean = transform.to_model(np.array([COLLAPSED_PER, float(label.mean[0])]))
    slope = float(transform.raw_slope(np.array([mean]))[0])
    std = max(float(label.std[0]), _LEAST_STD) / slope
    return replace(
        target,
        collapse_probability=0.5 * math.erfc((limit - mean) / (std * math.sqrt(2))),
        mean=float(label.mean[0]),
        std=float(label.std[0]),
        std_model=float(label.std_model[0]),
        std_seed=None if label.std_seed is None else float(label.std_seed[0]),
        low=float(label.low[0]),
        high=float(label.high[0]),
    )


def widening_of(
    model: TargetModel, prediction: Prediction, novelty: Sequence[Novelty], level: float
) -> Widening:
    """Extra uncertainty of a target for novel graphs, relative to graphs like those of the fit.

    Errors of curves of novel graphs are not measured separately: all epochs get the factors of the
    label.
    """
    calibrator = model.calibrator
    novel = calibrator.interval(prediction, level, novelty)
    inside = calibrator.inside.interval(prediction, level)
    intervals = np.maximum((novel.high - novel.low) / (inside.high - inside.low), 1.0)
    return Widening(
        intervals, calibrator.std(prediction, novelty) / calibrator.inside.std(prediction)
    )


def curves_of(forecast: CurveForecast, observed_epochs: tuple[int, ...]) -> list[ForecastCurve]:
    """One curve per cell.

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
