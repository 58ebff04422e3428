"""Conformal intervals from out-of-fold errors, for tables too small to set a part aside."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import numpy as np

from graph_encoding.common.errors import UserError
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.prediction import ONE_SIGMA, Interval, Prediction, check_level
from surrogate.data.targets import FloatArray, size_of
from surrogate.predictors.base import Predictor

_FLOOR_SHARES = (0.1, 0.2, 0.5, 1.0, 1.5, 3.0)
_LEAST_SHARE = 1e-9
"""Least median error that counts, in units of `size_of` the labels."""


@dataclass(frozen=True, eq=False)
class ConformalCalibrator:
    """Scales a predictor's spread by the errors it made on keys it had not seen.

    With the width `s = sqrt(std^2 + floor^2)`, the interval at a level is `mean -+ q s`, where q
    is the ceil((n + 1) level)-th smallest score. All on the target's model scale.

    Attributes:
        errors: (n,) rising errors `(y - mean) / s` of held-out keys; their sizes are the scores.
        floor: least width, > 0: members of an ensemble may agree by chance.

    Raises:
        UserError: if there is no error, they are not rising and finite, or the floor is not > 0.

    Source: Lei et al., "Distribution-free predictive inference for regression", JASA 2018
    (normalised scores); Vovk, "Cross-conformal predictors", 2015.
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

    @cached_property
    def scores(self) -> FloatArray:
        """(n,) sizes of the errors, rising."""
        return np.sort(np.abs(self.errors))

    def quantile(self, level: float) -> float:
        """The score that bounds a new key's with probability `level`.

        Raises:
            UserError: if the level is no probability, or needs more scores than there are.
        """
        return float(self.scores[place_of_level(len(self.scores), level)])

    def interval(self, prediction: Prediction, level: float) -> Interval:
        """The interval of each of n predictions; a higher level's holds every lower level's."""
        half = self.quantile(level) * self.width(prediction)
        return Interval(prediction.mean - half, prediction.mean + half, level)

    def score(self, level: float) -> float:
        """As `quantile`; with too few scores for the level, the largest."""
        return float(self.scores[min(_rank(len(self.scores), level), len(self.scores)) - 1])

    def std(self, prediction: Prediction) -> FloatArray:
        """(n,) calibrated standard deviations: half the interval at the one-sigma level."""
        return self.quantile(ONE_SIGMA) * self.width(prediction)

    def exceedance(self, prediction: Prediction, limit: float) -> FloatArray:
        """(n,) probabilities that labels are above a limit: shares of errors as large as that.

        The new key counts as one of them, so that no probability is zero that n keys cannot rule
        out. Source: conformal predictive distributions, Vovk et al., Machine Learning 108, 2019.
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
    """A level that so few held-out errors cannot bound.

    Args:
        message: rule, value and remedy.
        most: the greatest level that they bound.
    """

    def __init__(self, message: str, most: Decimal) -> None:
        super().__init__(message)
        self.most = most


class LowestLimit:
    """Several answers at one level: where some cannot have it, the lowest limit is raised.

    A message that named another limit would lead to a level that fails too.
    """

    def __init__(self) -> None:
        self._found: list[LevelTooHighError] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Keep the error of one answer until `check`."""
        try:
            yield
        except LevelTooHighError as e:
            self._found.append(e)

    def check(self) -> None:
        """Raise the kept error with the lowest limit.

        Raises:
            LevelTooHighError: if any answer could not be given.
        """
        if self._found:
            raise min(self._found, key=lambda error: error.most)


def place_of_level(count: int, level: float) -> int:
    """Place, from 0, of the score among `count` rising ones that bounds a level.

    Raises:
        UserError: if the level is no probability, or needs more scores than there are.
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
    """The greatest level that `count` scores bound, rounded down, so that it is one.

    It has four digits, or as many as a level that is too high, so that the two differ.
    """
    digits = max(4, -int(Decimal(repr(float(level))).as_tuple().exponent))
    return Decimal(count * 10**digits // (count + 1)).scaleb(-digits)


def _rank(count: int, level: float) -> int:
    """Rank, from 1, of the score that bounds a level; beyond `count` where none does."""
    check_level(level)
    # The tolerance keeps 0.9 * 10 from becoming 9.000000000000002 and rounding up.
    return max(math.ceil((count + 1) * level - 1e-9), 1)


def fit_calibrated(
    predictor: Predictor,
    dataset: SurrogateDataset,
    folds: int,
    rng: np.random.Generator,
) -> ConformalCalibrator:
    """Fit a predictor on all keys, and calibrate it by what it says of keys held out in turn.

    The predictor that answers later has seen all keys and so is a little better than those
    scored here: intervals err on the wide side.

    Args:
        predictor: what to fit; it is fitted on all keys when this returns.
        dataset: n labelled graphs.
        folds: parts held out in turn.
        rng: source of the folds and of the fits.

    Raises:
        UserError: if the number of folds is not in 2 .. n.
    """
    return fit_held_out(predictor, dataset, folds, rng)[0]


def fit_held_out(
    predictor: Predictor,
    dataset: SurrogateDataset,
    folds: int,
    rng: np.random.Generator,
) -> tuple[ConformalCalibrator, Prediction]:
    """As `fit_calibrated`; gives too what was said of the n held-out keys, in their order."""
    dataset = dataset.sorted_by_key()
    answers = predictor.fit_out_of_fold(dataset, folds, rng)
    return calibrate(answers, dataset.model_values), answers


def calibrate(
    answers: Prediction, labels: FloatArray, stretch: FloatArray | float = 1.0
) -> ConformalCalibrator:
    """The calibrator of (n,) answers for keys that were held out.

    Args:
        answers: what was said of n keys.
        labels: (n,) what was right.
        stretch: (n,) factors on the widths, where some keys are harder by a known rule.

    The floor is the multiple of the median error whose scaled normal distribution gives the
    labels the greatest likelihood: 0.1 where the predicted spread says how large an error
    will be, 3 where it says nothing.
    """
    error = labels - answers.mean
    median = max(float(np.median(np.abs(error))), _LEAST_SHARE * size_of(labels))
    floors = [share * median for share in _FLOOR_SHARES]
    floor = min(floors, key=lambda floor: surprise(error, stretch * np.hypot(answers.std, floor)))
    return ConformalCalibrator(np.sort(error / (stretch * np.hypot(answers.std, floor))), floor)


def surprise(error: FloatArray, width: FloatArray) -> float:
    """Mean negative log-likelihood under normal distributions of the best common scale."""
    scale = max(float(np.sqrt(np.mean((error / width) ** 2))), 1e-12)
    return math.log(scale) + float(np.mean(np.log(width)))
