"""A Gaussian process over features of graphs: accurate on few keys, cautious far from them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from surrogate.data.targets import FloatArray
from surrogate.predictors.base import Arrays, register_predictor
from surrogate.predictors.features import GraphInputs
from surrogate.predictors.gaussian.known_points import GROUPS, KnownPoints, even_places, stored
from surrogate.predictors.score_model import (
    FEW_GRAPHS,
    PredictEach,
    ScoreModel,
    ScorePredictor,
    Scores,
)
from surrogate.predictors.settings import Count, CountOfTwo, Settings

_JITTER = 1e-6


@dataclass(frozen=True)
class GpSettings(Settings):
    """Settings of `GpPredictor`.

    Attributes:
        max_points: inducing points, >= 2: an even sample of the graphs, if there are more. The
            labels of all graphs are used. The cost of a fit grows with the square of this number,
            that of a prediction in proportion to it.
        tuning_points: graphs that the scales are tuned on, >= 2.
        tuning_steps: most steps of that search, >= 1.
        directions: directions kept for the predictive variance, >= 1. Fewer make it larger.
    """

    max_points: CountOfTwo = 1000
    tuning_points: CountOfTwo = 300
    tuning_steps: Count = 40
    directions: Count = 100


class GaussianProcess(ScoreModel):
    """Matern 3/2 with one length for each group of features, scaled to unit variance.

    With more graphs than inducing points, it is the projected process: values at the inducing
    points explain all labels. With all graphs as inducing points it is the exact process.

    The predictive variance uses only the leading directions that the labels determine. The
    others count as unknown, so that the variance is rather too large than too small.

    Source: Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, eq. 2.25,
    2.26, 4.17, 5.9, 8.26 and 8.27.
    """

    def __init__(self, settings: GpSettings) -> None:
        self._settings = settings

    def fit(
        self, inputs: GraphInputs, scores: FloatArray, weights: FloatArray, rng: np.random.Generator
    ) -> None:
        """Tune the scales on some graphs, then fit the labels of all."""
        # Late: predictions need no scipy, whose import takes longer than they do.
        from scipy.linalg import cholesky, solve_triangular

        n = len(inputs)
        places = even_places(n, self._settings.max_points)
        self._points = known = KnownPoints.of(inputs, places)
        few = np.sort(rng.permutation(n)[: self._settings.tuning_points])
        among_few = known.distances_between(inputs.features[few])
        self._log_scales = self._tune(among_few, scores[few], 1 / weights[few])
        signal, noise_variance = np.exp(self._log_scales[[0, 1]]).tolist()
        self._offset = float(scores.mean())
        # Shape suffixes: N graphs, M of them known, D directions kept.
        shared_NM = np.concatenate(
            [signal * _matern(self._in_lengths(d)) for d in known.distances_in_parts(inputs)]
        )
        covariance_MM = shared_NM[places]
        covariance_MM[np.diag_indices(len(places))] += _JITTER * signal
        noise_std_N = np.sqrt(noise_variance / weights)
        # In coordinates in which the prior has unit covariance.
        factor_MM = cholesky(covariance_MM, lower=True)
        white_MN = solve_triangular(factor_MM, (shared_NM / noise_std_N[:, None]).T, lower=True)
        values, vectors = np.linalg.eigh(white_MN @ white_MN.T)
        values = np.maximum(values, 0.0)
        projected_M = vectors.T @ (white_MN @ ((scores - self._offset) / noise_std_N))
        leading = slice(-self._settings.directions, None)
        known_share_D = values[leading] / (1 + values[leading])
        directions_MD = vectors[:, leading] * np.sqrt(known_share_D)
        self._alpha = _unwhitened(factor_MM, vectors @ (projected_M / (1 + values)))
        self._directions = stored(_unwhitened(factor_MM, directions_MD))

    def _tune(self, by_group: NDArray[np.float64], y: FloatArray, noise: FloatArray) -> FloatArray:
        """Scales of the greatest marginal likelihood."""
        from scipy.optimize import minimize

        width = math.log(math.sqrt(max(1, len(self._points.used))))
        # The few features given with graphs have a length of their own, not one for hundreds of
        # columns.
        widths = [width for _ in GROUPS] + [math.log(math.sqrt(n)) for n in self._points.given]
        start = np.array([0.0, math.log(0.2), *widths])
        bounds = [(-4.0, 4.0), (-7.0, 1.0), *((w - 4.0, w + 5.0) for w in widths)]
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

    def _in_lengths(self, by_group: NDArray[np.float64]) -> NDArray[np.float64]:
        """Squared distances in units of the lengths, of those within each group."""
        return np.tensordot(np.exp(-2 * self._log_scales[2:]), by_group, axes=1)

    def predict(self, inputs: GraphInputs) -> Scores:
        """Posterior mean and standard deviation of a new label of one training."""
        signal, noise = np.exp(self._log_scales[[0, 1]]).tolist()
        means, stds = [], []
        for by_group in self._points.distances_in_parts(inputs):
            shared = _matern(self._in_lengths(by_group))
            shared *= signal
            means.append(self._offset + shared @ self._alpha)
            known = np.square(shared @ self._directions).sum(axis=1)
            stds.append(np.sqrt(np.maximum(signal - known, 0.0) + noise))
        return Scores(np.concatenate(means), np.concatenate(stds))

    @classmethod
    def together(cls, models: Sequence[Self]) -> PredictEach:
        """Processes with equal inducing points share all steps for few graphs."""
        groups: list[_SharedPoints] = []

        def predict_each(inputs: GraphInputs) -> list[Scores]:
            if len(models) == 1 or len(inputs) > FEW_GRAPHS:
                return [model.predict(inputs) for model in models]
            if not groups:  # at the first use, because it decodes the points
                groups.extend(_SharedPoints.of(models))
            found: dict[int, Scores] = {}
            for group in groups:
                found.update(zip(group.places, group.predict(inputs), strict=True))
            return [found[place] for place in range(len(models))]

        return predict_each

    def arrays(self) -> Arrays:
        """Inducing points, scales and weights."""
        return {
            **self._points.arrays(),
            "gp_log_scales": self._log_scales,
            "gp_offset": np.array([self._offset]),
            "gp_alpha": self._alpha,
            "gp_directions": self._directions.astype(np.float32),
        }

    def restore(self, arrays: Arrays, documents: object) -> None:  # noqa: ARG002
        """Read the process back."""
        self._points = KnownPoints.from_arrays(arrays)
        self._log_scales = arrays["gp_log_scales"]
        (self._offset,) = arrays["gp_offset"].tolist()
        self._alpha, self._directions = arrays["gp_alpha"], stored(arrays["gp_directions"])


@dataclass(frozen=True, eq=False)
class _SharedPoints:
    """P processes with the same inducing points.

    Attributes:
        places: (P,) their numbers among all.
        points: the points.
        inverse_squares: (P, g) inverse squared lengths.
        signal: (P, 1, 1) signal variances.
        noise: (P, 1) noise variances.
        offset: (P, 1) means.
        alpha: (P, m, 1) weights of the points.
        directions: (P,) directions of each, (m, d).
    """

    places: list[int]
    points: KnownPoints
    inverse_squares: NDArray[np.float64]
    signal: NDArray[np.float64]
    noise: NDArray[np.float64]
    offset: NDArray[np.float64]
    alpha: NDArray[np.float64]
    directions: list[NDArray[np.float64]]

    @classmethod
    def of(cls, models: Sequence[GaussianProcess]) -> list[Self]:
        """The processes by their points."""
        by_points: dict[int, list[int]] = {}
        for place, model in enumerate(models):
            by_points.setdefault(id(model._points.decoded), []).append(place)  # noqa: SLF001
        return [cls._of_group(places, [models[i] for i in places]) for places in by_points.values()]

    @classmethod
    def _of_group(cls, places: list[int], models: Sequence[GaussianProcess]) -> Self:
        scales = np.array([model._log_scales for model in models])  # noqa: SLF001
        signal, noise = np.exp(scales[:, :2]).T
        return cls(
            places,
            models[0]._points,  # noqa: SLF001
            np.exp(-2 * scales[:, 2:]),
            signal[:, None, None],
            noise[:, None],
            np.array([[model._offset] for model in models]),  # noqa: SLF001
            np.array([model._alpha for model in models])[:, :, None],  # noqa: SLF001
            [model._directions for model in models],  # noqa: SLF001
        )

    def predict(self, inputs: GraphInputs) -> list[Scores]:
        """(P,) scores of n graphs."""
        (by_group,) = self.points.distances_in_parts(inputs)
        squared = self.inverse_squares @ by_group.reshape(len(by_group), -1)
        shared_PNM = _matern(squared).reshape(len(squared), *by_group.shape[1:])
        shared_PNM *= self.signal
        mean = self.offset + (shared_PNM @ self.alpha)[:, :, 0]
        known = np.empty(mean.shape)
        for row, shared, directions in zip(known, shared_PNM, self.directions, strict=True):
            np.add.reduce(np.square(shared @ directions), axis=1, out=row)
        std = np.sqrt(np.maximum(self.signal[:, 0] - known, 0.0) + self.noise)
        return [Scores(*pair) for pair in zip(mean, std, strict=True)]


def _matern(squared: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matern 3/2 correlation of squared distances in units of the length, in place of these."""
    r = np.multiply(squared, 3, out=squared)
    np.sqrt(r, out=r)
    decay = np.negative(r)
    np.exp(decay, out=decay)
    r += 1
    r *= decay
    return r


def _unwhitened(factor: FloatArray, columns: FloatArray) -> FloatArray:
    """`factor^-T columns`: from coordinates of unit covariance to weights of the points."""
    from scipy.linalg import solve_triangular

    found: FloatArray = solve_triangular(factor, columns, lower=True, trans="T")
    return found


def _negative_log_likelihood(
    log_scales: FloatArray,
    by_group: NDArray[np.float64],
    y: FloatArray,
    noise: FloatArray,
) -> tuple[float, FloatArray]:
    """Negative log marginal likelihood, and its gradient in the logarithms of all scales.

    Args:
        log_scales: signal variance, noise variance, a length for each group; logarithms.
        by_group: (g, n, n) squared distances within each group of columns.
        y: (n,) centred scores.
        noise: (n,) noise of each score in units of the noise variance.
    """
    from scipy.linalg import cho_solve, cholesky

    signal, noise_variance = np.exp(log_scales[:2]).tolist()
    parts = [d / math.exp(2 * s) for d, s in zip(by_group, log_scales[2:], strict=True)]
    r = np.sqrt(3 * np.sum(parts, axis=0))
    decay = np.exp(-r)
    correlation = signal * (1 + r) * decay
    covariance = correlation.copy()
    covariance[np.diag_indices(len(y))] += noise_variance * noise + _JITTER
    factor = cholesky(covariance, lower=True)
    inverse = cho_solve((factor, True), np.eye(len(y)))
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
    uses_features = True
