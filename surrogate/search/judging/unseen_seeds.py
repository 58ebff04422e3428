"""What trainings with seeds that no search saw say of the true means of functions."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from surrogate.data.targets import FloatArray

_NORMAL_MEDIAN = 0.4549364
"""Median of a squared standard normal number: variances are taken from medians, since a training
that collapsed would rule a mean."""

_MEDIAN_ERROR = 2.33
"""Relative standard error of such a variance, times the root of the number of values."""

_MEDIAN_EFFICIENCY = 1.2533
"""Standard error of a median by that of a mean, of normal numbers."""

_LEAST_VARIANCE = 1e-12
_ROUNDS = 50
_CONVERGED = 1e-7


@dataclass(frozen=True, eq=False)
class SeedModel:
    """How labels of s seeds and forecasts scatter around the true means of functions.

    A label is the true mean of its function, the effect of its seed, and noise. Trainings with one
    seed share the draws of their first weights and the order of the speech, so that a seed is good
    or bad for all functions. Without its effect, functions trained with other seeds than the rest
    would be judged by their seeds.

    Attributes:
        effects: (s,) what each seed adds to all labels, relative to the forecasts.
        seed_variance: variance of the noise of a training, > 0.
        forecast_variance: variance of forecasts around true means, > 0.

    Source: additive effects by medians, as in Tukey, "Exploratory Data Analysis", 1977, chapter
    11; their shrinkage: Efron and Morris, "Data analysis using Stein's estimator", 1975.
    """

    effects: FloatArray
    seed_variance: float
    forecast_variance: float

    @classmethod
    def fit(cls, forecast: FloatArray, labels: FloatArray) -> Self:
        """Estimate effects and variances.

        Args:
            forecast: (n,) forecasts made without a function's own labels.
            labels: (n, s) labels of each seed, NaN where a function was not trained with it.
        """
        trained = np.isfinite(labels).any(axis=1)
        forecast, labels = forecast[trained], labels[trained]
        if not trained.any():
            return cls(np.zeros(labels.shape[1]), *_variances(forecast, labels))
        # From forecasts alone first: where all seeds differ from them alike, labels of other seeds
        # would confirm each other.
        start = np.nanmedian(labels - forecast[:, None], axis=0)
        found = cls(start, *_variances(forecast, labels - start))
        for _ in range(_ROUNDS):
            effects = found._effects(forecast, labels)
            change = np.abs(effects - found.effects).max()
            found = cls(effects, *_variances(forecast, labels - effects))
            if change < _CONVERGED:
                break
        return found

    def posterior(self, forecast: FloatArray, labels: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of n true means, given forecasts and own labels.

        Args:
            forecast: (n,) as in `fit`.
            labels: (n, s) as in `fit`.
        """
        corrected = labels - self.effects
        counts = np.isfinite(labels).sum(axis=1)
        precision = 1 / self.forecast_variance + counts / self.seed_variance
        weighted = forecast / self.forecast_variance
        weighted = weighted + np.nansum(corrected, axis=1) / self.seed_variance
        return weighted / precision, 1 / np.sqrt(precision)

    def _effects(self, forecast: FloatArray, labels: FloatArray) -> FloatArray:
        """(s,) effects, each seed by what forecasts and the other seeds leave of its labels."""
        medians, errors = np.zeros(labels.shape[1]), np.full(labels.shape[1], np.inf)
        for seed in range(labels.shape[1]):
            rows = np.isfinite(labels[:, seed])
            others = labels[rows].copy()
            others[:, seed] = np.nan
            expected, _ = self.posterior(forecast[rows], others)
            left = labels[rows, seed] - expected
            medians[seed] = np.median(left)
            spread = np.median((left - medians[seed]) ** 2) / _NORMAL_MEDIAN
            errors[seed] = _MEDIAN_EFFICIENCY**2 * spread / rows.sum()
        # Effects that their own errors explain are none.
        between = max(float(np.mean(medians**2 - errors)), 0.0)
        return medians * between / np.maximum(between + errors, _LEAST_VARIANCE)


def _variances(forecast: FloatArray, labels: FloatArray) -> tuple[float, float]:
    """Variance between seeds of a function, and of forecasts around the function's mean."""
    of_function = [row[np.isfinite(row)] for row in labels]
    pairs = np.array([row[0] - row[1] for row in of_function if len(row) > 1])
    if not len(pairs):
        # Nothing to weigh: every label of another seed counts as much as a forecast.
        return 1.0, 1.0
    errors = np.array([row[0] for row in of_function]) - forecast
    of_seed = max(float(np.median(pairs**2)) / 2 / _NORMAL_MEDIAN, _LEAST_VARIANCE)
    of_both = float(np.median(errors**2)) / _NORMAL_MEDIAN
    # The difference of two estimates may come out as nothing by chance: forecasts would count as
    # exact. Their own standard error is added.
    error = _MEDIAN_ERROR * np.hypot(of_seed / np.sqrt(len(pairs)), of_both / np.sqrt(len(errors)))
    return of_seed, max(of_both - of_seed, 0.0) + float(error) + _LEAST_VARIANCE
