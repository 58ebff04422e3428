"""A Gaussian process over features of graphs: the best of few points, and honest far from them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph_encoding.errors import MissingExtraError, UserError
from surrogate.predictors.base import Arrays, register_predictor
from surrogate.predictors.features import GraphInputs, features_of, varying_columns
from surrogate.predictors.score_model import ScoreModel, ScorePredictor, Scores
from surrogate.targets import FloatArray

_GROUPS = ("subset/", "path/", "path_descriptor/", "statistics/")
_JITTER = 1e-8
_ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class GpSettings:
    """Settings of `GpPredictor`.

    Attributes:
        max_points: graphs that the process rests on, >= 2; a random choice of more. The cost of
            a fit grows with its cube, that of an answer with its square.
        tuning_points: graphs that its scales are learned from, >= 2.
        tuning_steps: most steps of that search, >= 1.
        directions: eigenvectors kept for the answer's spread, >= 1. Fewer make the spread larger.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field

    max_points: int = 1000
    tuning_points: int = 300
    tuning_steps: int = 40
    directions: int = 100

    def __post_init__(self) -> None:
        for field, least in (
            ("max_points", 2),
            ("tuning_points", 2),
            ("tuning_steps", 1),
            ("directions", 1),
        ):
            if getattr(self, field) < least:
                raise UserError(f"{field} must be >= {least}, but got {getattr(self, field)}")


class GaussianProcess(ScoreModel):
    """Matern 3/2 with one length for each group of features, scaled to unit variance.

    The answer's spread uses the leading eigenvectors of the covariance only: what lies in the
    others counts as unknown, so that the spread errs on the wide side.

    Source: Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, eq. 2.25,
    2.26, 4.17 and 5.9.
    """

    def __init__(self, settings: GpSettings) -> None:
        self._settings = settings

    def fit(
        self, inputs: GraphInputs, scores: FloatArray, weights: FloatArray, rng: np.random.Generator
    ) -> None:
        """Learn the scales on some graphs and the answers on all, up to the most points."""
        order = rng.permutation(len(inputs))
        points = np.sort(order[: self._settings.max_points])
        self._used = varying_columns(inputs.features)
        raw = inputs.features[:, self._used].astype(np.float64)
        self._centre, spread = raw.mean(axis=0), raw.std(axis=0)
        self._scale = np.where(spread > 0, spread, 1.0)
        names = features_of(inputs.vocabulary).columns
        self._group = np.array(
            [next(g for g, p in enumerate(_GROUPS) if names[i].startswith(p)) for i in self._used]
        )
        x, y, noise = self._standardise(raw[points]), scores[points], 1 / weights[points]
        few = np.sort(order[: min(len(points), self._settings.tuning_points)])
        few_x = self._standardise(raw[few])
        self._log_scales = self._tune(few_x, scores[few], 1 / weights[few])
        signal, lengths, noise_variance, self._offset = self._unpack(self._log_scales, y)
        self._points = _stored(x / lengths[self._group])
        self._lengths_of_points = _squared_lengths(self._points)
        squared = _squared_distances(self._points, self._points, self._lengths_of_points)
        covariance = signal * _matern(squared)
        covariance[np.diag_indices(len(points))] += noise_variance * noise + _JITTER
        values, vectors = np.linalg.eigh(covariance)
        self._alpha = vectors @ ((vectors.T @ (y - self._offset)) / values)
        leading = slice(-self._settings.directions, None)
        self._directions = _stored(vectors[:, leading] / np.sqrt(values[leading]))

    def _standardise(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        standard: NDArray[np.float64] = (raw - self._centre) / self._scale
        return standard

    def _unpack(
        self, log_scales: FloatArray, y: FloatArray
    ) -> tuple[float, FloatArray, float, float]:
        """Signal variance, a length for each group, noise variance, mean."""
        signal, noise = np.exp(log_scales[[0, 1]]).tolist()
        return signal, np.exp(log_scales[2:]), noise, float(y.mean())

    def _tune(self, x: FloatArray, y: FloatArray, noise: FloatArray) -> FloatArray:
        """Scales of the greatest marginal likelihood."""
        try:
            from scipy.optimize import minimize
        except ModuleNotFoundError as e:
            raise MissingExtraError("scipy", "predictors") from e
        by_group = []
        for group in range(len(_GROUPS)):
            columns = x[:, self._group == group]
            by_group.append(_squared_distances(columns, columns, _squared_lengths(columns)))
        width = math.log(math.sqrt(max(1, x.shape[1])))
        start = np.array([0.0, math.log(0.2), *(width for _ in _GROUPS)])
        bounds = [(-4.0, 4.0), (-7.0, 1.0), *((width - 4.0, width + 5.0) for _ in _GROUPS)]
        found = minimize(
            _negative_log_likelihood,
            start,
            (by_group, y - y.mean(), noise),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": self._settings.tuning_steps},
        )
        scales: FloatArray = np.asarray(found.x, dtype=np.float64)
        return scales

    def predict(self, inputs: GraphInputs) -> Scores:
        """Posterior mean and standard deviation of a new label of one training."""
        signal, noise = np.exp(self._log_scales[[0, 1]]).tolist()
        lengths = np.exp(self._log_scales[2:])
        raw = inputs.features[:, self._used].astype(np.float64)
        x = _stored(self._standardise(raw) / lengths[self._group])
        means, stds = [], []
        for start in range(0, len(x), _ROWS_AT_ONCE):
            rows = x[start : start + _ROWS_AT_ONCE]
            squared = _squared_distances(rows, self._points, self._lengths_of_points)
            shared = signal * _matern(squared)
            means.append(self._offset + shared @ self._alpha)
            known = ((shared @ self._directions) ** 2).sum(axis=1)
            stds.append(np.sqrt(np.maximum(signal - known, 0.0) + noise))
        return Scores(np.concatenate(means), np.concatenate(stds))

    def arrays(self) -> Arrays:
        """Points, scales and weights."""
        return {
            "gp_used": self._used,
            "gp_group": self._group,
            "gp_centre": self._centre,
            "gp_scale": self._scale,
            "gp_log_scales": self._log_scales,
            "gp_offset": np.array([self._offset]),
            "gp_points": self._points.astype(np.float32),
            "gp_alpha": self._alpha,
            "gp_directions": self._directions.astype(np.float32),
        }

    def restore(self, arrays: Arrays, documents: object) -> None:  # noqa: ARG002
        """Read the process back."""
        self._used, self._group = arrays["gp_used"], arrays["gp_group"]
        self._centre, self._scale = arrays["gp_centre"], arrays["gp_scale"]
        self._log_scales = arrays["gp_log_scales"]
        (self._offset,) = arrays["gp_offset"].tolist()
        self._points, self._alpha = _stored(arrays["gp_points"]), arrays["gp_alpha"]
        self._lengths_of_points = _squared_lengths(self._points)
        self._directions = _stored(arrays["gp_directions"])


def _stored(values: NDArray[Any]) -> NDArray[np.float64]:
    """Values as files keep them, in single precision, to reckon with in double precision.

    Near a known point the spread is a small difference of large numbers. In single precision it
    would depend on how many rows are asked for at once, since products then add up in another
    order.
    """
    return values.astype(np.float32).astype(np.float64)


def _squared_lengths(a: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths: NDArray[np.float64] = np.einsum("id,id->i", a, a)
    return lengths


def _squared_distances(
    a: NDArray[np.float64], b: NDArray[np.float64], lengths_b: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Between the rows of (n, d) and (m, d), of which the latter's lengths are known: (n, m)."""
    lengths_a = _squared_lengths(a)[:, None]
    squared: NDArray[np.float64] = lengths_a + lengths_b - 2 * (a @ b.T)
    return np.maximum(squared, 0.0, out=squared)


def _matern(squared: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matern 3/2 correlation of squared distances in units of the length."""
    r = np.sqrt(3 * squared)
    correlation: NDArray[np.float64] = (1 + r) * np.exp(-r)
    return correlation


def _negative_log_likelihood(
    log_scales: FloatArray,
    by_group: Sequence[NDArray[np.float64]],
    y: FloatArray,
    noise: FloatArray,
) -> tuple[float, FloatArray]:
    """Negative log marginal likelihood and its gradient by the logarithms of all scales.

    Args:
        log_scales: signal variance, noise variance, a length for each group; logarithms.
        by_group: squared distances (n, n) within each group of columns.
        y: (n,) centred scores.
        noise: (n,) noise of each score in units of the noise variance.
    """
    signal, noise_variance = np.exp(log_scales[:2]).tolist()
    parts = [d / math.exp(2 * s) for d, s in zip(by_group, log_scales[2:], strict=True)]
    r = np.sqrt(3 * np.sum(parts, axis=0))
    decay = np.exp(-r)
    correlation = signal * (1 + r) * decay
    covariance = correlation.copy()
    covariance[np.diag_indices(len(y))] += noise_variance * noise + _JITTER
    factor = np.linalg.cholesky(covariance)
    inverse = np.linalg.inv(factor)
    inverse = inverse.T @ inverse
    alpha = inverse @ y
    value = 0.5 * float(y @ alpha) + float(np.log(np.diag(factor)).sum())
    # d value / d theta = -0.5 trace((alpha alpha' - inverse) dK / d theta)
    outer = np.outer(alpha, alpha) - inverse
    gradient = [
        float((outer * correlation).sum()),
        float((np.diag(outer) * noise_variance * noise).sum()),
        *(float((outer * (3 * signal * decay * part)).sum()) for part in parts),
    ]
    return value, -0.5 * np.array(gradient)


@register_predictor
class GpPredictor(ScorePredictor):
    """A Gaussian process on normal scores."""

    name = "gp"
    settings_type = GpSettings
    settings: GpSettings
    model_type = GaussianProcess
