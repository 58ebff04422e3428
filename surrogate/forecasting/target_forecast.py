"""The forecast of one target: its value, how sure that is, and its interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from surrogate.calibration import Novelty
from surrogate.curves import LabelForecast
from surrogate.data.prediction import Prediction
from surrogate.data.targets import COLLAPSED_PER, PER_UNIT, TARGETS, FloatArray
from surrogate.fitting.artifact import TargetModel

_LEAST_STD = 1e-9
"""Least standard deviation of a label that was observed, a fraction of phones: rates have no unit,
so that it may be absolute."""


@dataclass(frozen=True)
class TargetForecast:
    """The forecast of one target; all numbers on its raw scale.

    The label that is forecast is made as the table's labels are: with several seeds a function,
    it is the mean over as many.

    Attributes:
        target: its name.
        unit: its unit.
        mean: the value expected; for a non-linear transform, the median.
        std: standard deviation of the label around it, >= 0: model and seed together.
        std_model: the part that comes from not knowing the function's true value.
        std_seed: the part that comes from the seeds; None if the table cannot tell.
        low: lower end of the interval.
        high: upper end of the interval.
        collapse_probability: probability that a training collapses, that its label is above
            `COLLAPSED_PER`. Collapsed and living trainings are one distribution here: on the
            scale of ranks, on which predictors learn, a collapsed training is the worst of its
            kind and no outlier. None for what is no target that is a phone error rate.
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


def of_label(target: TargetForecast, label: LabelForecast) -> TargetForecast:
    """A forecast with the label of the one training that was observed in place of its own.

    What is left to come of a training that was seen is normal on the model scale.
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


def forecast_target(
    model: TargetModel,
    prediction: Prediction,
    beyond: Sequence[Novelty],
    level: float,
) -> list[TargetForecast]:
    """What a fitted model's answers for n graphs come to.

    Args:
        model: of one target.
        prediction: its predictor's answers.
        beyond: (n,) how each graph is unlike those of the fit.
        level: probability with which a label lies in its interval, in (0, 1).
    """
    interval = model.calibrator.interval(prediction, level, beyond)
    transform = model.target.transform
    slope = transform.raw_slope(prediction.mean)
    total = model.calibrator.std(prediction, beyond)
    # What a graph unlike those of the fit is doubted more is the model's, not the seed's.
    seed = np.sqrt(model.seed_share or 0.0) * model.calibrator.inside.std(prediction)
    std_model = np.sqrt(total**2 - seed**2)
    columns = (
        transform.to_raw(prediction.mean),
        slope * total,
        slope * std_model,
        slope * seed,
        *transform.interval_to_raw(interval.low, interval.high),
        _collapse(model, prediction, beyond),
    )
    return [
        TargetForecast(
            model.target.name,
            model.target.unit,
            mean=mean,
            std=std,
            std_model=std_model_i,
            std_seed=None if model.seed_share is None else std_seed,
            low=low,
            high=high,
            collapse_probability=collapse if model.target.unit == PER_UNIT else None,
        )
        for mean, std, std_model_i, std_seed, low, high, collapse in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


def _collapse(model: TargetModel, prediction: Prediction, beyond: Sequence[Novelty]) -> FloatArray:
    limit = float(model.target.transform.to_model(np.array([COLLAPSED_PER]))[0])
    return model.calibrator.exceedance(prediction, limit, beyond)
