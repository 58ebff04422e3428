"""Ridge regression on counts or statistics of a graph: a learned baseline, for additive targets."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from surrogate.data.targets import FloatArray
from surrogate.predictors.base import Arrays, register_predictor
from surrogate.predictors.features import FEATURE_PREFIX, GraphInputs, Vocabulary, features_of
from surrogate.predictors.score_model import ScoreModel, ScorePredictor, Scores
from surrogate.predictors.settings import Settings

_PENALTIES = np.geomspace(1e-2, 1e4, 25)


Columns = Literal["counts", "statistics"]

_PREFIX_OF_COLUMNS = {"counts": "statistics/count:", "statistics": "statistics/"}
"""Prefix of the names of the graph's columns; features given with a graph are always used."""


@dataclass(frozen=True)
class RidgeSettings(Settings):
    """Settings of `RidgePredictor`; its penalty is chosen by leave-one-out errors.

    Attributes:
        columns: "counts" of the operations, on which additive costs depend, or all "statistics"
            of the graph. Features given with the graphs are added to either.
    """

    columns: Columns = "counts"


class Ridge(ScoreModel):
    """Least squares with an L2 penalty.

    Source: Hoerl and Kennard, "Ridge regression", Technometrics 1970; the penalty of the least
    leave-one-out error in closed form: Allen's PRESS, 1974.
    """

    def __init__(self, settings: RidgeSettings) -> None:
        self._prefix = _PREFIX_OF_COLUMNS[settings.columns]

    def fit(
        self,
        inputs: GraphInputs,
        scores: FloatArray,
        weights: FloatArray,
        rng: np.random.Generator,  # noqa: ARG002
    ) -> None:
        """Solve for all penalties at once, and choose that of the least leave-one-out error."""
        raw = self._columns(inputs)
        self._centre = np.average(raw, axis=0, weights=weights)
        std = raw.std(axis=0)
        self._scale = np.where(std > 0, std, 1.0)
        root = np.sqrt(weights)
        x = (raw - self._centre) / self._scale * root[:, None]
        self._intercept = float(np.average(scores, weights=weights))
        y = (scores - self._intercept) * root
        u, s, vt = np.linalg.svd(x, full_matrices=False)
        errors = []
        for penalty in _PENALTIES:
            shrink = s**2 / (s**2 + penalty)
            leverage = (u**2) @ shrink + weights / weights.sum()
            errors.append(float(np.mean(((y - u @ (shrink * (u.T @ y))) / (1 - leverage)) ** 2)))
        best = int(np.argmin(errors))
        self._slopes = vt.T @ ((s / (s**2 + _PENALTIES[best])) * (u.T @ y))
        # The predictive variance is the noise plus that of the slopes along the row.
        noise = errors[best]
        self._noise_std = float(np.sqrt(noise))
        self._slope_stds = vt.T * np.sqrt(noise / (s**2 + _PENALTIES[best]))

    def predict(self, inputs: GraphInputs) -> Scores:
        """Predicted scores, and the standard error of a new label."""
        x = (self._columns(inputs) - self._centre) / self._scale
        of_slopes = ((x @ self._slope_stds) ** 2).sum(axis=1)
        std = np.sqrt(self._noise_std**2 + of_slopes)
        return Scores(self._intercept + x @ self._slopes, std)

    def arrays(self) -> Arrays:
        """Slopes on standardised columns, and their uncertainty."""
        return {
            "ridge_centre": self._centre,
            "ridge_scale": self._scale,
            "ridge_slopes": self._slopes,
            "ridge_spread": self._slope_stds,
            "ridge_line": np.array([self._intercept, self._noise_std]),
        }

    def restore(self, arrays: Arrays, documents: object) -> None:  # noqa: ARG002
        """Restore the slopes."""
        self._centre, self._scale = arrays["ridge_centre"], arrays["ridge_scale"]
        self._slopes, self._slope_stds = arrays["ridge_slopes"], arrays["ridge_spread"]
        self._intercept, self._noise_std = arrays["ridge_line"].tolist()

    def _columns(self, inputs: GraphInputs) -> NDArray[np.float64]:
        return inputs.features[:, _places(inputs.vocabulary, self._prefix)].astype(np.float64)


@lru_cache(maxsize=32)
def _places(vocabulary: Vocabulary, prefix: str) -> NDArray[np.intp]:
    """Indices of the columns of a prefix, and of the features given with the graphs."""
    names = features_of(vocabulary).columns
    taken = (prefix, FEATURE_PREFIX)
    return np.array([i for i, name in enumerate(names) if name.startswith(taken)])


@register_predictor
class RidgePredictor(ScorePredictor):
    """Ridge regression on counts of operations, or on statistics of the graph."""

    name = "ridge"
    settings_type = RidgeSettings
    settings: RidgeSettings
    model_type = Ridge
    uses_features = True
