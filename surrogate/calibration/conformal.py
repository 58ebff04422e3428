"""Conformal intervals from the errors of held-out predictions."""

import math
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import numpy as np

from graph_encoding.common.errors import UserError
from surrogate.data.prediction import ONE_SIGMA, Interval, Prediction, check_level
from surrogate.data.targets import FloatArray, size_of

_FLOOR_SHARES = (0.1, 0.2, 0.5, 1.0, 1.5, 3.0)
_LEAST_SHARE = 1e-9
"""Lower bound on the median error, in units of `size_of` the labels."""


@dataclass(frozen=True, eq=False)
class ConformalCalibrator:
    """Scales a predictor's standard deviations by its errors on held-out keys.

    With the width `s = sqrt(std^2 + floor^2)`, the interval at a level is `mean -+ q s`, where q
    is the ceil((n + 1) level)-th smallest score. All on the target's model scale.

    What is guaranteed: had all scores come from one model that was fitted without the n keys, a new
    exchangeable key would be covered with probability between `level` and `level + 1 / (n + 1)`.
    This is an average over draws of the n keys. For one draw the coverage has a Beta distribution
    with a standard deviation of about `sqrt(level (1 - level) / n)`: .04 at 50 keys and level .9.
    Scores from folds have no such guarantee: even CV+, whose intervals are centred at the models
    of folds, guarantees only `2 level - 1`. Centred at the model of all keys, as here, intervals
    are in practice slightly too wide, since the models of folds have learned from fewer keys.

    Attributes:
        errors: (n,) errors `(y - mean) / s` of held-out keys, in rising order; their absolute
            values are the scores.
        floor: lower bound on the width, > 0: members of an ensemble may agree by chance.

    Raises:
        UserError: if there is no error, they are not rising and finite, or the floor is not > 0.

    Source: Lei et al., "Distribution-free predictive inference for regression", JASA 2018
    (normalised scores); Vovk, "Cross-conformal predictors", 2015; Vovk, "Conditional validity of
    inductive conformal predictors", 2012 (Beta distribution); Barber et al., "Predictive inference
    with the jackknife+", Annals of Statistics 2021 (CV+).
    """

    errors: FloatArray
    floor: float

    def __post_init__(self) -> None:
        if self.errors.ndim != 1 or not len(self.errors):
            raise UserError(f"errors must have shape (n >= 1,), but have {self.errors.shape}")
        if not np.isfinite(self.errors).all() or (np.diff(self.errors) < 0).any():
            raise UserError("errors must be finite and rising; sort them first")
        if not (math.isfinite(self.floor) and self.floor > 0):
            raise UserError(f"a calibrator's floor must be > 0, but got {self.floor}")

    @classmethod
    def of(
        cls, predictions: Prediction, labels: FloatArray, stretch: FloatArray | float = 1.0
    ) -> "ConformalCalibrator":
        """The calibrator of n held-out predictions.

        The floor is the multiple of the median error that maximises the likelihood of the labels
        under scaled normal distributions: 0.1 where the predicted standard deviations are
        informative, 3 where they are not.

        Args:
            predictions: of n held-out keys.
            labels: (n,) their labels on the model scale.
            stretch: (n,) factors on the widths, where some keys are harder by a known rule.
        """
        error = labels - predictions.mean
        median = max(float(np.median(np.abs(error))), _LEAST_SHARE * size_of(labels))
        floors = [share * median for share in _FLOOR_SHARES]
        floor = min(
            floors, key=lambda floor: surprise(error, stretch * np.hypot(predictions.std, floor))
        )
        return cls(np.sort(error / (stretch * np.hypot(predictions.std, floor))), floor)

    @cached_property
    def scores(self) -> FloatArray:
        """(n,) absolute errors, in rising order."""
        return np.sort(np.abs(self.errors))

    def quantile(self, level: float) -> float:
        """The score that a new key's score does not exceed with probability `level`.

        Raises:
            UserError: if the level is not a probability, or needs more scores than there are.
        """
        return float(self.scores[place_of_level(len(self.scores), level)])

    def interval(self, prediction: Prediction, level: float) -> Interval:
        """The interval of each of n predictions; that of a higher level contains it."""
        half = self.quantile(level) * self.width(prediction)
        return Interval(prediction.mean - half, prediction.mean + half, level)

    def score(self, level: float) -> float:
        """Like `quantile`, but the largest score where there are too few for the level."""
        return float(self.scores[min(_rank(len(self.scores), level), len(self.scores)) - 1])

    def std(self, prediction: Prediction) -> FloatArray:
        """(n,) calibrated standard deviations: half the interval at the one-sigma level."""
        return self.quantile(ONE_SIGMA) * self.width(prediction)

    def exceedance(self, prediction: Prediction, limit: float) -> FloatArray:
        """(n,) probabilities that labels are above a limit: fractions of errors that large.

        The new key is counted as one of the errors, so that a probability is zero only if n keys
        can rule it out.

        Source: conformal predictive distributions, Vovk et al., Machine Learning 108, 2019.
        """
        return self.share_above((limit - prediction.mean) / self.width(prediction))

    def share_above(self, scores: FloatArray) -> FloatArray:
        """(n,) probabilities that a new error, in widths, is at least each of n scores."""
        above = len(self.errors) - np.searchsorted(self.errors, scores, side="left")
        probabilities: FloatArray = (above + 1) / (len(self.errors) + 1)
        return probabilities

    def width(self, prediction: Prediction) -> FloatArray:
        """(n,) widths, > 0."""
        return np.hypot(prediction.std, self.floor)


class LevelTooHighError(UserError):
    """A level that needs more held-out errors than there are.

    Args:
        message: rule, value and remedy.
        most: the highest level that the errors allow.
    """

    def __init__(self, message: str, most: Decimal) -> None:
        super().__init__(message)
        self.most = most


def place_of_level(count: int, level: float) -> int:
    """Index of the score that bounds a level, among `count` scores in rising order.

    Raises:
        UserError: if the level is not a probability, or needs more scores than there are.
    """
    rank = _rank(count, level)
    if rank > count:
        most = most_level(count, level)
        raise LevelTooHighError(
            f"{count} held-out keys can bound a level of at most {most}, but got {level}; ask for "
            "a lower level or fit on more keys",
            most,
        )
    return rank - 1


def most_level(count: int, level: float) -> Decimal:
    """The highest level that `count` scores allow, rounded down so that it is allowed.

    It has four digits, or as many as a level that is too high, so that the two differ.
    """
    digits = max(4, -int(Decimal(repr(float(level))).as_tuple().exponent))
    return Decimal(count * 10**digits // (count + 1)).scaleb(-digits)


def _rank(count: int, level: float) -> int:
    """Rank, from 1, of the score that bounds a level; above `count` where none does."""
    check_level(level)
    # The tolerance keeps 0.9 * 10 from becoming 9.000000000000002 and rounding up.
    return max(math.ceil((count + 1) * level - 1e-9), 1)


def surprise(error: FloatArray, width: FloatArray) -> float:
    """Mean negative log-likelihood, up to a constant, under normals of the best common scale."""
    scale = max(float(np.sqrt(np.mean((error / width) ** 2))), 1e-12)
    return math.log(scale) + float(np.mean(np.log(width)))
