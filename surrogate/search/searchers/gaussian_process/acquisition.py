"""What a batch of trainings is chosen by, out of beliefs about all functions."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from surrogate.data.targets import FloatArray
from surrogate.search.pareto import non_dominated
from surrogate.search.searchers.gaussian_process.belief import Belief
from surrogate.search.searchers.gaussian_process.distances import Rows
from surrogate.search.searchers.gaussian_process.posterior import expected_shortfall

Acquisition = Literal["improvement", "thompson", "mean"]

_LEAST_LIKELY_STD = 2.0
"""Standard deviations below the mean that rank the functions among which draws are made."""

_DRAWN = 500
"""Functions among which joint draws are made: thousands would take too long."""

_MARGIN = 0.1
"""Distance of the reference point from the worst scores of a front, as a share of their range."""


def lowest_means(belief: Belief, rows: Rows, count: int) -> list[int]:
    """Rows of the lowest expected scores."""
    return [int(row) for row in rows[np.argsort(belief.mean[rows], kind="stable")[:count]]]


def lowest_draws(belief: Belief, rows: Rows, count: int, rng: np.random.Generator) -> list[int]:
    """The lowest row of each of `count` joint draws, distinct.

    Source: Kandasamy et al., "Parallelised Bayesian optimisation via Thompson sampling", AISTATS
    2018.
    """
    optimistic = belief.mean[rows] - _LEAST_LIKELY_STD * belief.std[rows]
    rows = rows[np.argsort(optimistic, kind="stable")[:_DRAWN]]
    chosen: list[int] = []
    for draw in belief.draws(rows, min(count, len(rows)), rng):
        best_first = rows[np.argsort(draw, kind="stable")]
        chosen.append(next(int(row) for row in best_first if int(row) not in chosen))
    return chosen


def most_improvement(
    beliefs: Sequence[Belief], rows: Rows, incumbents: Rows, weights: FloatArray, count: int
) -> list[int]:
    """Rows of the greatest expected improvement times weight, one after the other.

    Of one objective it is the improvement on the lowest expected score of the incumbents, of two
    that of the hypervolume of their front. Labels are noisy: incumbents have expected scores and
    not labels. Each chosen row counts as if it had given what is expected of it.

    Args:
        beliefs: one for each objective, one or two.
        rows: rows that may be chosen.
        incumbents: known rows that hold the limits, at least one.
        weights: (n,) factor of each row, such as the probability that limits hold.
        count: rows to choose.

    Source: Vazquez et al., "Global optimization based on noisy evaluations", 2008, for the
    incumbent; Ginsbourger et al., "Kriging is well-suited to parallelize optimization", 2010, for
    the batch.
    """
    chosen: list[int] = []
    left = rows
    beliefs = list(beliefs)
    for _ in range(min(count, len(rows))):
        front = np.stack([belief.mean[incumbents] for belief in beliefs], axis=1)
        means = [belief.mean[left] for belief in beliefs]
        stds = [belief.std[left] for belief in beliefs]
        if len(beliefs) == 1:
            gain = expected_shortfall(float(front.min()), means[0], stds[0])
        else:
            gain = expected_gain(front, means, stds)
        best = int(left[int(np.argmax(gain * weights[left]))])
        chosen.append(best)
        left = left[left != best]
        beliefs = [belief.given_pending(np.array([best])) for belief in beliefs]
        incumbents = np.append(incumbents, best)
    return chosen


def expected_gain(
    front: FloatArray, means: Sequence[FloatArray], stds: Sequence[FloatArray]
) -> FloatArray:
    """(n,) expected gain of hypervolume of two independent normal scores, exactly.

    Args:
        front: (k, 2) scores of the points that are there, k >= 1; dominated ones do not matter.
        means: two times (n,) expected scores.
        stds: two times (n,) standard deviations.

    Source: Emmerich et al., "Hypervolume-based expected improvement", CEC 2011, as a sum over
    strips between the points of the front.
    """
    points = front[non_dominated(front)]
    points = points[np.argsort(points[:, 0], kind="stable")]
    reference = reference_point(points)
    # Strip i lies between the first scores of points i - 1 and i; a point in it gains what it is
    # below the second score of point i - 1.
    ends = np.append(points[:, 0], reference[0])
    ceilings = np.concatenate([[reference[1]], points[:, 1]])
    below = expected_shortfall(ends[:, None], means[0], stds[0])
    widths = np.diff(below, axis=0, prepend=0.0)
    gain: FloatArray = (widths * expected_shortfall(ceilings[:, None], means[1], stds[1])).sum(
        axis=0
    )
    return gain


def reference_point(points: FloatArray) -> FloatArray:
    """(2,) a tenth of the range of a front's (k, 2) points beyond their worst scores."""
    found: FloatArray = points.max(axis=0) + _MARGIN * np.maximum(np.ptp(points, axis=0), 1.0)
    return found
