"""Intervals of forecast curves, calibrated per epoch and number of observed epochs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from surrogate.calibration.conformal import LevelTooHighError, most_level, place_of_level
from surrogate.curves.components.conditioning import CurveProcess
from surrogate.curves.components.falling import project_falling
from surrogate.curves.components.label import label_of_curves, with_label
from surrogate.curves.components.mean_curve import ExpectedCurves
from surrogate.curves.components.moments import robust_covariance
from surrogate.curves.data import FEWEST_CONTRASTS, CurveSet
from surrogate.data.folds import fold_indices
from surrogate.data.targets import FloatArray, Transform

MOST_SCORES = 199
"""Scores per horizon: enough for a level of 0.995."""

LEAST_STD = 1e-3
"""Logits: a finer difference is within the rounding of an error rate."""


@dataclass(frozen=True, eq=False)
class HorizonCalibration:
    """Conformal scores by number of observed epochs and by forecast epoch.

    Attributes:
        scores: (epochs, epochs + 1, q) rising scores `|y - mean| / std` of held-out functions.
            The first index is the number of observed epochs, 0 .. epochs - 1, the second the
            forecast epoch, and last the label. Zero if the epoch was observed.

    Raises:
        UserError: if the shape is wrong or there is no score.
    """

    scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        epochs = len(self.scores)
        if self.scores.ndim != 3 or self.scores.shape[1] != epochs + 1 or not self.scores.size:
            raise UserError(
                "curve scores must have shape (epochs, epochs + 1, q >= 1), but have "
                f"{self.scores.shape}"
            )

    @property
    def epochs(self) -> int:
        """Length of a curve."""
        return len(self.scores)

    def half_widths(
        self, std: FloatArray, seen: NDArray[np.bool_], levels: Sequence[float]
    ) -> tuple[FloatArray, ...]:
        """Half widths of the intervals of each epoch and of the label, per level.

        Args:
            std: (n, epochs + 1) uncalibrated standard deviations, that of the label last.
            seen: (epochs,) which epochs were observed. An epoch is calibrated by forecasts of
                it from all epochs up to the last observed one before it.
            levels: probabilities of the intervals, in (0, 1).

        Returns:
            (n, epochs + 1) per level; zero where the standard deviation is zero.

        Raises:
            UserError: if there are too few scores for a level.
        """
        rows = self.scores[self._last_seen(seen), np.arange(self.epochs + 1)].astype(np.float64)
        kept = rows.shape[1]
        if kept == MOST_SCORES and max(levels) > kept / (kept + 1):
            most = most_level(kept, max(levels))
            raise LevelTooHighError(
                f"intervals of learning curves reach a level of {most}, but got {max(levels)}; "
                "choose a lower level, or no curve (`curve=False`, or --no-curve)",
                most,
            )
        width = np.where(std > 0, np.hypot(std, LEAST_STD), 0.0)
        return tuple(rows[:, place_of_level(kept, level)] * width for level in levels)

    def _last_seen(self, seen: NDArray[np.bool_]) -> list[int]:
        """Per epoch and for the label, the number of epochs up to the last earlier observation."""
        reach = np.maximum.accumulate(np.where(seen, np.arange(1, self.epochs + 1), 0))
        before = np.concatenate([[0], reach])
        return [int(m) for m in np.minimum(before, self.epochs - 1)]


def fit_process(curves: CurveSet, expected: ExpectedCurves) -> CurveProcess:
    """Deviations of trainings from the out-of-fold curves of their functions.

    They are in units of each function's uncertainty.
    """
    standard = _standardised(curves, expected)
    contrasts = standard.seed_residuals()
    seed = robust_covariance(contrasts) if len(contrasts) >= FEWEST_CONTRASTS else None
    return CurveProcess.of(robust_covariance(standard.values), seed)


def calibrate_horizons(
    curves: CurveSet,
    expected: ExpectedCurves,
    falling: NDArray[np.bool_],
    transform: Transform,
    folds: int,
    rng: np.random.Generator,
) -> HorizonCalibration:
    """Score forecasts of functions held out from both predictors and covariances.

    Args:
        curves: r curves of k functions.
        expected: out-of-fold curves of the (k,) functions.
        falling: (epochs - 1,) steps over which forecasts do not rise.
        transform: the model scale.
        folds: number of folds over the functions, for the covariance.
        rng: source of the folds.
    """
    found = []
    for rest, held_out in fold_indices(len(curves.graphs), folds, rng):
        process = fit_process(curves.subset(rest), _part(expected, rest))
        part = curves.subset(held_out)
        found.append(_scores(part, _part(expected, held_out), process, falling, transform))
    return HorizonCalibration(_thinned(np.sort(np.concatenate(found, axis=2), axis=2)))


def _scores(
    curves: CurveSet,
    expected: ExpectedCurves,
    process: CurveProcess,
    falling: NDArray[np.bool_],
    transform: Transform,
) -> FloatArray:
    """(epochs, epochs + 1, r) scores of r held-out trainings."""
    epochs = curves.epochs
    means, uncertainty = expected.mean[curves.owners], expected.uncertainty[curves.owners]
    window = curves.label_epochs
    truth = np.column_stack([curves.values, label_of_curves(curves.values, window, transform)])
    scores = np.zeros((epochs, epochs + 1, len(truth)))
    for horizon in range(epochs):
        seen = np.arange(horizon)
        conditioned = process.condition(means, seen, curves.values[:, seen])
        free = np.arange(epochs) >= horizon
        conditioned = replace(conditioned, mean=project_falling(conditioned.mean, falling, free))
        mean, std, _ = with_label(conditioned, uncertainty, window, transform)
        error = np.abs(truth - mean) / np.hypot(std, LEAST_STD)
        scores[horizon, horizon:] = error[:, horizon:].T
    return scores


def _standardised(curves: CurveSet, expected: ExpectedCurves) -> CurveSet:
    deviations = curves.values - expected.mean[curves.owners]
    return replace(curves, values=deviations / expected.uncertainty[curves.owners, None])


def _part(expected: ExpectedCurves, rows: NDArray[np.int64]) -> ExpectedCurves:
    return ExpectedCurves(expected.mean[rows], expected.uncertainty[rows])


def _thinned(scores: FloatArray) -> NDArray[np.float32]:
    """At most `MOST_SCORES` of n rising scores, with the same quantiles.

    The ceil((n + 1) p)-th of n scores bounds level p. Those for p = 1/200, 2/200, ... are kept;
    a level between two of them gets the higher score.
    """
    n = scores.shape[-1]
    if n > MOST_SCORES:
        ranks = [
            math.ceil((n + 1) * j / (MOST_SCORES + 1) - 1e-9) for j in range(1, MOST_SCORES + 1)
        ]
        scores = scores[..., np.array(ranks) - 1]
    return scores.astype(np.float32)
