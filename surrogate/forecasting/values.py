"""The values of a forecast: targets and a learning curve, made of the predictions of models."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal

import numpy as np

from graph_encoding.common.errors import DeadCellError, UnknownNameError, UserError
from surrogate.calibration import Novelty
from surrogate.calibration.conformal import LevelTooHighError
from surrogate.curves import CurveForecast, LabelForecast, Widening
from surrogate.data.prediction import Prediction
from surrogate.data.targets import COLLAPSED_PER, PER_UNIT, TARGETS, FloatArray
from surrogate.fitting.artifact import TargetModel, TrueMeans
from surrogate.fitting.measured_rows import MeasuredRow
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
class Estimate:
    """The best estimate of a function's true mean: over all training seeds, not of one training.

    It is the number to trust, and to compare functions by. It combines the forecast made without
    the function's own label and its own trainings, each weighted by its precision. Without own
    trainings it is the forecast, corrected by the average effect of the table's seeds. `mean` of
    `TargetForecast` predicts the label as the table has it, mostly of one training with the
    table's main seed, and the measured mean has the noise of its few seeds. A training with a new
    seed has the standard deviation `hypot(std, TargetForecast.std_seed)` around the estimate.

    Attributes:
        mean: posterior mean, on the raw scale of the target; with a non-linear transform, the
            median.
        std: its standard deviation; it shrinks with the number of seeds.
        low: lower end of the interval that has the true mean with the level's probability.
        high: upper end of the interval.
        seeds: own trainings that it uses.

    Source: `surrogate.calibration.true_mean`; measured in docs/results/results.md.
    """

    mean: float
    std: float
    low: float
    high: float
    seeds: int


@dataclass(frozen=True)
class TargetForecast:
    """The forecast of one target; all numbers are on its raw scale.

    The label is that of the table: with several seeds per function, their mean.

    Attributes:
        target: its name.
        unit: its unit.
        mean: expected value; with a non-linear transform, the median.
        std: standard deviation of the label, >= 0: model uncertainty and seed noise together.
        std_model: model uncertainty: standard deviation of the true mean over seeds around the
            forecast. Without an estimate, a fixed share of `std` in support.
        std_seed: seed noise: standard deviation between trainings with different seeds; None if
            the table does not determine it. Where there is an estimate, both are calibrated on
            functions with several seeds; `std` is of labels like those of the table, which share
            a seed, so that it may be less than both together.
        low: lower end of the interval; None if too few labels were held out for its level.
        high: upper end of the interval; None as `low`.
        collapse_probability: probability that the label is above `COLLAPSED_PER`, as in a collapsed
            training; None for targets that are no phone error rates. Collapsed and other trainings
            are one distribution here: on the scale of ranks, on which predictors learn, a collapsed
            training is the worst one and no outlier.
        estimate: the function's true mean, the number to trust; None if the artifact does not
            determine it: it is of an earlier version, or fewer than 50 functions of its table were
            trained with two seeds.
    """

    target: str
    unit: str
    mean: float
    std: float
    std_model: float
    std_seed: float | None
    low: float | None
    high: float | None
    collapse_probability: float | None
    estimate: Estimate | None = None


@dataclass(frozen=True)
class ForecastCurve:
    """Validation PER after each epoch of one training, as fractions; the first is epoch 1.

    Attributes:
        mean: (epochs,) expected rates, medians.
        std: (epochs,) standard deviations, >= 0; 0 at observed epochs.
        std_model: (epochs,) model uncertainty.
        std_seed: (epochs,) seed noise; None if the table does not determine it.
        low: (epochs,) lower ends of the intervals; None if too few curves were held out for their
            level.
        high: (epochs,) upper ends; None as `low`.
        observed_epochs: epochs, from 1, whose rate was given.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    std_model: tuple[float, ...]
    std_seed: tuple[float, ...] | None
    low: tuple[float, ...] | None
    high: tuple[float, ...] | None
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
        level: level of the intervals. What has too few held-out values for it has none.
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

    @property
    def estimate(self) -> Estimate | None:
        """The estimate of the first target, in general `val_per`; see `TargetForecast.estimate`."""
        return self.targets[0].estimate if self.targets else None


@dataclass(frozen=True, eq=False)
class Own:
    """What is known of n functions themselves.

    Attributes:
        keys: (n,) functional keys.
        novelty: (n,) their novelty.
        trainings: (n,) raw labels of their trainings, by seed; empty if never trained.
    """

    keys: Sequence[str]
    novelty: Sequence[Novelty]
    trainings: Sequence[Mapping[int, float]]


def target_numbers(
    model: TargetModel, prediction: Prediction, own: Own, level: float
) -> FloatArray:
    """(n, 7) numbers of `target_of` for n functions, or (n, 12) with estimates.

    Args:
        model: model of the target.
        prediction: predictions of its predictor.
        own: what is known of the functions.
        level: probability with which a label lies in its interval, in (0, 1); with too few
            held-out labels for it the interval is NaN.
    """
    calibrator, transform, novelty = model.calibrator, model.target.transform, own.novelty
    slope = transform.raw_slope(prediction.mean)
    total = calibrator.std(prediction, novelty)
    try:
        interval = calibrator.interval(prediction, level, novelty)
        low, high = transform.interval_to_raw(interval.low, interval.high)
    except LevelTooHighError:
        low = high = np.full(len(prediction), np.nan)
    limit = float(transform.to_model(np.array([COLLAPSED_PER]))[0])
    estimates: list[FloatArray] = []
    if model.true_means is None:
        # Novelty adds to the model uncertainty, not to the seed noise.
        seed = np.sqrt(model.seed_share or 0.0) * calibrator.inside.std(prediction)
        of_model = np.sqrt(total**2 - seed**2)
    else:
        seed = model.true_means.model.noise_std(prediction)
        # Out of support, what noise does not explain of the calibrated uncertainty is the model's.
        beyond_noise = np.sqrt(np.maximum(total**2 - seed**2, 0.0))
        least = np.where([bool(of) for of in novelty], beyond_noise, 0.0)
        of_model = np.maximum(model.true_means.model.model_std(prediction), least)
        estimates = _estimates(model, model.true_means, prediction, own, least, level)
    columns = (
        transform.to_raw(prediction.mean),
        slope * total,
        slope * of_model,
        slope * seed,
        low,
        high,
        calibrator.exceedance(prediction, limit, novelty),
        *estimates,
    )
    return np.array(columns).T


def _estimates(
    model: TargetModel,
    true_means: TrueMeans,
    prediction: Prediction,
    own: Own,
    least_std: FloatArray,
    level: float,
) -> list[FloatArray]:
    """The attributes of `Estimate`, (n,) each."""
    transform = model.target.transform
    labels = [
        dict(zip(of, transform.to_model(np.array(list(of.values()))).tolist(), strict=True))
        for of in own.trainings
    ]
    without_own = true_means.held_out.instead_of(own.keys, prediction)
    found = true_means.model.posterior(without_own, labels, least_std)
    half = NormalDist().inv_cdf((1 + level) / 2) * found.std
    low, high = transform.interval_to_raw(found.mean - half, found.mean + half)
    std = transform.raw_slope(found.mean) * found.std
    seeds = np.array([len(of) for of in labels], dtype=np.float64)
    return [transform.to_raw(found.mean), std, low, high, seeds]


def target_of(model: TargetModel, numbers: Sequence[float]) -> TargetForecast:
    """The forecast of one target for one function, of a row of `target_numbers`."""
    mean, std, std_model, std_seed, low, high, collapse = numbers[:7]
    has_interval = not math.isnan(low)
    known_seed = model.seed_share is not None or model.true_means is not None
    return TargetForecast(
        target=model.target.name,
        unit=model.target.unit,
        mean=mean,
        std=std,
        std_model=std_model,
        std_seed=std_seed if known_seed else None,
        low=low if has_interval else None,
        high=high if has_interval else None,
        collapse_probability=collapse if model.target.unit == PER_UNIT else None,
        estimate=None if model.true_means is None else _estimate_of(*numbers[7:]),
    )


def _estimate_of(mean: float, std: float, low: float, high: float, seeds: float) -> Estimate:
    return Estimate(mean, std, low, high, int(seeds))


def with_observed_label(
    target: TargetForecast, label: LabelForecast, *, with_interval: bool = True
) -> TargetForecast:
    """A forecast with the label of one observed training instead of its own.

    It has no estimate of the mean over seeds, which is of other trainings. The remaining epochs of
    an observed training are normal on the model scale.
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
        low=float(label.low[0]) if with_interval else None,
        high=float(label.high[0]) if with_interval else None,
        estimate=None,
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


def curve_numbers(forecast: CurveForecast, *, with_interval: bool) -> FloatArray:
    """(n, 6 epochs) numbers of `curve_of` for n curves; NaN for what is unknown."""
    unknown = np.full_like(forecast.mean, np.nan)
    ends = (forecast.low, forecast.high) if with_interval else (unknown, unknown)
    seed = unknown if forecast.std_seed is None else forecast.std_seed
    return np.column_stack([forecast.mean, forecast.std, forecast.std_model, seed, *ends])


def curve_of(numbers: Sequence[float], observed_epochs: tuple[int, ...] = ()) -> ForecastCurve:
    """The forecast of one curve.

    Args:
        numbers: (6 epochs,) a row of `curve_numbers`.
        observed_epochs: epochs, from 1, that were given.
    """
    epochs = len(numbers) // 6
    mean, std, std_model, seed, low, high = (
        tuple(numbers[start : start + epochs]) for start in range(0, 6 * epochs, epochs)
    )
    return ForecastCurve(
        mean=mean,
        std=std,
        std_model=std_model,
        std_seed=None if math.isnan(seed[0]) else seed,
        low=None if math.isnan(low[0]) else low,
        high=None if math.isnan(high[0]) else high,
        observed_epochs=observed_epochs,
    )
