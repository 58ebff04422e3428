"""The true mean of a function over training seeds, from its forecast and its own trainings.

All on the model scale of the target. The residuals of the trainings of a function with seeds s,
around a forecast that was made without any of them, are modelled as

    y_s - forecast = offset_s(forecast) + loading_s u + e_s,
    u ~ N(0, model variance),  e_s ~ N(0, noise variance),

where u is the error of the forecast as a prediction of the mean over all seeds. Both variances
depend on the forecast. The posterior of u is the precision-weighted mean of its prior, zero, and
the residuals: trainings count more where the forecast is uncertain or seeds agree.

Seeds are not exchangeable where most functions were trained with one of them, the main seed: what
its trainings share, such as the order of the data, is a part of the labels that the forecast has
learned. The offset of the other seeds shows it, and so does the loading of the main seed: its own
training says less of the error of the forecast than one with any other seed.
"""

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import NormalDist
from typing import Any, NamedTuple, Self

import numpy as np

from surrogate.data.prediction import Prediction
from surrogate.data.targets import FloatArray

FEWEST_WITH_SEEDS = 50
"""Fewest functions with two trainings that separate model uncertainty from seed noise."""

_MAIN_SHARE = 0.5
_TAILS = 5.0  # degrees of freedom: a few functions collapse with one seed and not with another
_LEVEL = 0.9
_MOST_SIGMA = 3.0  # a residual counts as at most so many: a collapse is one seed's
_LEAST_STD = 1e-6
_MODEL_FACTORS = np.geomspace(0.1, 10.0, 81)
_FACTOR_STD = 0.7
"""Standard deviation of the prior of the logarithm of the factor on the model variance."""
_SLOPE_STD = 0.5
"""Standard deviation of the prior of the slopes of both log variances. The inputs of a forecast are
correlated: where noise hides the model's error, large slopes of opposite signs fit by chance."""
_OUTER = 0.005  # share of the forecasts at each end beyond which variances are constant

Trainings = Mapping[int, float]
"""Labels of one function by seed, on the model scale."""


class Posterior(NamedTuple):
    """Posterior of the true means of n functions, on the model scale.

    Attributes:
        mean: (n,) means.
        std: (n,) standard deviations, > 0.
    """

    mean: FloatArray
    std: FloatArray


@dataclass(frozen=True)
class TrueMeanModel:
    """How forecasts and trainings scatter around the true mean.

    The inputs of a forecast are 1, the logarithm of its standard deviation, and its mean; the last
    two are clipped to the range of the fit and standardised.

    Attributes:
        offsets: seed -> mean residual of its trainings.
        slopes: (2,) change of all offsets with the inputs of the forecast.
        noise: (3,) logarithm of the noise variance of a training, by input.
        model: (3,) logarithm of the model variance of a forecast, by input.
        main_seed: seed of most functions, if one is the only one of more than half of them.
        main_loading: its loading, in [0, 1]; that of other seeds is 1.
        main_noise: factor on the noise variance of its trainings.
        lowest: (2,) least inputs of the fit.
        highest: (2,) greatest inputs.
        centre: (2,) means of the inputs.
        scale: (2,) their standard deviations, > 0.
    """

    offsets: Mapping[int, float]
    slopes: tuple[float, ...]
    noise: tuple[float, ...]
    model: tuple[float, ...]
    main_seed: int | None
    main_loading: float
    main_noise: float
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def fit(
        cls, held_out: Prediction, trainings: Sequence[Trainings], main: int | None = None
    ) -> Self | None:
        """Fit to n functions by maximum a posteriori, then calibrate both variances.

        The likelihood is that of Student's t, so that collapsed trainings do not dominate. With a
        main seed and only one other, three moments of labels do not determine the four parameters
        of their spread: priors decide what they leave open. Then
        the noise is scaled so that 90 % of the differences between two seeds lie in their
        intervals, and the model variance so that 90 % of the means over new seeds do.

        Args:
            held_out: forecasts of the functions made without their labels.
            trainings: (n,) their labels.
            main: seed whose labels alone the forecasts have learned; by default `main_seed`.

        Returns:
            The model; None if fewer than `FEWEST_WITH_SEEDS` functions have two trainings.
        """
        several = np.array([len(of) > 1 for of in trainings], dtype=bool)
        if several.sum() < FEWEST_WITH_SEEDS:
            return None
        seeds = sorted({seed for of in trainings if len(of) > 1 for seed in of})
        main = main_seed(trainings) if main is None else main
        if main not in seeds:  # nothing says what its trainings share
            main = None
        raw = _raw_inputs(held_out)
        lowest, highest = np.quantile(raw, [_OUTER, 1 - _OUTER], axis=0)
        inside = np.clip(raw, lowest, highest)
        start = cls(
            offsets=dict.fromkeys(seeds, 0.0),
            slopes=(0.0, 0.0),
            noise=(0.0, 0.0, 0.0),
            model=(0.0, 0.0, 0.0),
            main_seed=main,
            main_loading=1.0,
            main_noise=1.0,
            lowest=tuple(lowest.tolist()),
            highest=tuple(highest.tolist()),
            centre=tuple(inside.mean(axis=0).tolist()),
            scale=tuple(np.maximum(inside.std(axis=0), 1e-9).tolist()),
        )
        rows = np.flatnonzero(several)
        chosen = Prediction(held_out.mean[rows], held_out.std[rows])
        residuals = _residuals(chosen, [trainings[i] for i in rows.tolist()], seeds)
        return start._maximised(start._inputs(chosen), residuals)._calibrated(chosen, residuals)  # noqa: SLF001

    def noise_std(self, forecast: Prediction) -> FloatArray:
        """(n,) standard deviations between trainings of one function with different seeds."""
        return np.sqrt(self._noise_variance(self._inputs(forecast)))

    def _noise_variance(self, inputs: FloatArray) -> FloatArray:
        """(n,) variances of the noise of a training, > 0 also where all seeds agree exactly."""
        return np.maximum(np.exp(_linear(self.noise, inputs)), _LEAST_STD**2)

    def model_std(self, forecast: Prediction) -> FloatArray:
        """(n,) standard deviations of the true means around forecasts without own trainings."""
        return np.exp(_linear(self.model, self._inputs(forecast)) / 2)

    def posterior(
        self,
        forecast: Prediction,
        trainings: Sequence[Trainings],
        least_std: FloatArray | float = 0.0,
    ) -> Posterior:
        """The true means of n functions.

        Args:
            forecast: n forecasts made without the functions' labels.
            trainings: (n,) own labels; empty for a function that was never trained.
            least_std: (n,) least model uncertainty, which is known of functions out of support.
        """
        new = sorted({seed for of in trainings for seed in of} - set(self.offsets))
        # A seed that the fit does not know is an average one.
        typical = sum(self.offsets.values()) / len(self.offsets)
        model = replace(self, offsets={**self.offsets, **dict.fromkeys(new, typical)})
        residuals = _residuals(forecast, trainings, list(model.offsets))
        return model._posterior(forecast, residuals, np.asarray(least_std) ** 2)  # noqa: SLF001

    def to_plain(self) -> dict[str, Any]:
        """A form for JSON, which `from_plain` reads."""
        return {**asdict(self), "offsets": [[s, of] for s, of in self.offsets.items()]}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The inverse of `to_plain`."""
        values: dict[str, Any] = {
            name: tuple(of) if isinstance(of, list) else of for name, of in plain.items()
        }
        return cls(**{**values, "offsets": {int(seed): of for seed, of in plain["offsets"]}})

    def _inputs(self, forecast: Prediction) -> FloatArray:
        """(n, 3) inputs."""
        inside = np.clip(_raw_inputs(forecast), self.lowest, self.highest)
        return np.column_stack([np.ones(len(forecast)), (inside - self.centre) / self.scale])

    def _of_seeds(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """(s,) offsets, loadings, and factors on the noise variance."""
        is_main = np.array([seed == self.main_seed for seed in self.offsets], dtype=bool)
        return (
            np.array(list(self.offsets.values())),
            np.where(is_main, self.main_loading, 1.0),
            np.where(is_main, self.main_noise, 1.0),
        )

    def _posterior(
        self, forecast: Prediction, residuals: FloatArray, least_variance: FloatArray | float
    ) -> Posterior:
        """As `posterior`, from (n, s) residuals, NaN without a training."""
        inputs = self._inputs(forecast)
        offsets, loadings, factors = self._of_seeds()
        shift = _linear((0.0, *self.slopes), inputs)
        prior = np.maximum(np.exp(_linear(self.model, inputs)), least_variance)
        noise = self._noise_variance(inputs)[:, None] * factors
        precision = 1 / noise
        seen = np.where(np.isnan(residuals), 0.0, 1.0)
        most = _MOST_SIGMA * np.sqrt(prior[:, None] * loadings**2 + noise)
        centred = np.clip(np.nan_to_num(residuals - offsets - shift[:, None]), -most, most)
        total = 1 / prior + (seen * precision * loadings**2).sum(axis=1)
        error = (seen * precision * loadings * centred).sum(axis=1) / total
        return Posterior(forecast.mean + offsets.mean() + shift + error, np.sqrt(1 / total))

    def _maximised(self, inputs: FloatArray, residuals: FloatArray) -> Self:
        """The model of the greatest posterior density; only the variances' slopes have a prior."""
        from scipy.optimize import minimize

        variance = max(float(np.nanmedian(residuals**2)), _LEAST_STD**2)
        medians = [float(np.nanmedian(column)) for column in residuals.T]
        start = [*medians, 0.0, 0.0, np.log(variance), 0.0, 0.0, np.log(variance / 3), 0.0, 0.0]
        has_main = self.main_seed is not None
        bounds: list[tuple[float | None, float | None]] = [(None, None)] * len(start)
        if has_main:
            start, bounds = [*start, 0.5, 0.0], [*bounds, (0.0, 1.0), (-3.0, 3.0)]

        def surprise(p: FloatArray) -> float:
            model = self._with(p.tolist())
            of_slopes = np.square([*model.noise[1:], *model.model[1:]]).sum() / 2 / _SLOPE_STD**2
            # The model's share of the variance is as likely small as large a priori. Without this
            # prior few functions often make it zero, and every interval of a true mean too narrow.
            ratio = model.model[0] - model.noise[0]
            of_share = 2 * np.logaddexp(0.0, ratio) - ratio
            return model._surprise(inputs, residuals) + float(of_slopes + of_share)  # noqa: SLF001

        found = minimize(surprise, np.array(start), method="L-BFGS-B", bounds=bounds)
        return self._with(found.x.tolist())

    def _with(self, p: list[float]) -> Self:
        """The model with the parameters of the search."""
        s = len(self.offsets)
        loading, noise = p[s + 8 :] or (1.0, 0.0)
        return replace(
            self,
            offsets=dict(zip(self.offsets, p[:s], strict=True)),
            slopes=tuple(p[s : s + 2]),
            noise=tuple(p[s + 2 : s + 5]),
            model=tuple(p[s + 5 : s + 8]),
            main_loading=loading,
            main_noise=math.exp(noise),
        )

    def _surprise(self, inputs: FloatArray, residuals: FloatArray) -> float:
        """Negative log-likelihood of (n, s) residuals under a multivariate Student's t."""
        offsets, loadings, factors = self._of_seeds()
        seen = ~np.isnan(residuals)
        shift = _linear((0.0, *self.slopes), inputs)
        centred = np.where(seen, residuals - offsets - shift[:, None], 0.0)
        prior = np.exp(_linear(self.model, inputs))
        variance = self._noise_variance(inputs)[:, None] * factors
        weight = np.where(seen, 1 / variance, 0.0)
        total = 1 / prior + (weight * loadings**2).sum(axis=1)
        explained = (weight * centred * loadings).sum(axis=1) ** 2 / total
        squares = np.maximum((weight * centred**2).sum(axis=1) - explained, 0.0)  # of rounding
        log_volume = np.where(seen, np.log(variance), 0.0).sum(axis=1) + np.log(prior * total)
        count = seen.sum(axis=1)
        tails = (_TAILS + count) * np.log1p(squares / _TAILS)
        return float((log_volume + tails).sum()) / 2

    def _calibrated(self, forecast: Prediction, residuals: FloatArray) -> Self:
        """The model with both variances scaled to the stated coverage."""
        normal = NormalDist().inv_cdf((1 + _LEVEL) / 2)
        widest = np.quantile(self._differences(forecast, residuals), _LEVEL)
        # Trainings of all seeds may agree exactly, as in a table without noise.
        noisier = max((widest / normal) ** 2, _LEAST_STD**2)
        wider = replace(self, noise=(self.noise[0] + float(np.log(noisier)), *self.noise[1:]))
        tried = [
            replace(wider, model=(wider.model[0] + float(np.log(factor)), *wider.model[1:]))
            for factor in _MODEL_FACTORS
        ]
        # Coverage is a count: that of few functions says little of the factor.
        count = int((~np.isnan(residuals)).any(axis=1).sum())
        variance = _LEVEL * (1 - _LEVEL) / count

        def surprise(model: Self) -> float:
            missed = model._coverage(forecast, residuals) - _LEVEL
            log_factor = model.model[0] - wider.model[0]
            return missed**2 / variance + (log_factor / _FACTOR_STD) ** 2

        return min(tried, key=surprise)

    def _differences(self, forecast: Prediction, residuals: FloatArray) -> FloatArray:
        """Absolute differences between two seeds of a function, in standard deviations.

        Those with a main seed also have a part of the model's error: they are used only if few
        functions have two other seeds.
        """
        offsets, loadings, factors = self._of_seeds()
        noise, of_model = self.noise_std(forecast), self.model_std(forecast)
        found: list[FloatArray] = []
        with_main: list[FloatArray] = []
        for one, other in itertools.combinations(range(len(offsets)), 2):
            gap = residuals[:, one] - residuals[:, other] - offsets[one] + offsets[other]
            own = (loadings[one] - loadings[other]) * of_model
            width = np.sqrt(noise**2 * (factors[one] + factors[other]) + own**2)
            is_main = self.main_seed in (list(self.offsets)[one], list(self.offsets)[other])
            (with_main if is_main else found).append((np.abs(gap) / width)[~np.isnan(gap)])
        if sum(map(len, found)) < FEWEST_WITH_SEEDS:
            found += with_main
        return np.concatenate(found)

    def _coverage(self, forecast: Prediction, residuals: FloatArray) -> float:
        """Share of functions whose mean over new seeds lies in the interval predicted for it.

        A main seed is no new seed: the forecast has learned its labels of other functions.
        """
        normal = NormalDist().inv_cdf((1 + _LEVEL) / 2)
        is_new = np.array([seed != self.main_seed for seed in self.offsets], dtype=bool)
        offsets = self._of_seeds()[0]
        posterior = self._posterior(forecast, np.where(is_new, np.nan, residuals), 0.0)
        expected = posterior.mean - forecast.mean - offsets.mean()
        centred = (residuals - offsets)[:, is_new]
        count = (~np.isnan(centred)).sum(axis=1)
        error = np.nansum(centred, axis=1) / np.maximum(count, 1) - expected
        width = np.hypot(posterior.std, self.noise_std(forecast) / np.sqrt(np.maximum(count, 1)))
        return float(np.mean(np.abs(error[count > 0]) <= normal * width[count > 0]))


def main_seed(trainings: Sequence[Trainings]) -> int | None:
    """The seed that is the only one of more than half of the functions; None if there is none."""
    alone = Counter(next(iter(of)) for of in trainings if len(of) == 1)
    if not alone:
        return None
    seed, count = alone.most_common(1)[0]
    return seed if count > _MAIN_SHARE * len(trainings) else None


def _linear(coefficients: Sequence[float], inputs: FloatArray) -> FloatArray:
    """(n,) `inputs @ coefficients`, with the same digits for a row whatever the others are."""
    constant, first, second = coefficients
    found: FloatArray = constant + first * inputs[:, 1] + second * inputs[:, 2]
    return found


def _raw_inputs(forecast: Prediction) -> FloatArray:
    """(n, 2) logarithm of the standard deviation, and the mean."""
    return np.column_stack([np.log(np.maximum(forecast.std, _LEAST_STD)), forecast.mean])


def _residuals(
    forecast: Prediction, trainings: Sequence[Trainings], seeds: Sequence[int]
) -> FloatArray:
    """(n, s) labels less forecasts; NaN without a training."""
    labels = np.array([[of.get(seed, np.nan) for seed in seeds] for of in trainings])
    return labels.reshape(len(forecast), len(seeds)) - forecast.mean[:, None]
