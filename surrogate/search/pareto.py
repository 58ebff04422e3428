"""Comparing costs of several objectives."""

import numpy as np
from numpy.typing import NDArray

from surrogate.data.targets import FloatArray


def dominates(costs: FloatArray) -> NDArray[np.bool_]:
    """(n, n) whether row i is nowhere worse than row j and somewhere better.

    Args:
        costs: (n, m) costs, lower is better.
    """
    not_worse = np.all(costs[:, None] <= costs[None], axis=2)
    better = np.any(costs[:, None] < costs[None], axis=2)
    return np.asarray(not_worse & better)


def non_dominated(costs: FloatArray) -> NDArray[np.bool_]:
    """(n,) whether no other row dominates a row.

    >>> non_dominated(np.array([[1.0, 2.0], [2.0, 1.0], [2.0, 2.0]])).tolist()
    [True, True, False]
    """
    return np.asarray(~np.any(dominates(costs), axis=0))


def front_ranks(costs: FloatArray) -> NDArray[np.int64]:
    """(n,) number of the front that each row is in, 0 for the best.

    Source: Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002.
    """
    above = dominates(costs)
    ranks = np.full(len(costs), -1, dtype=np.int64)
    rank = 0
    while (ranks < 0).any():
        left = ranks < 0
        front = left & ~above[left].any(axis=0)
        ranks[front] = rank
        rank += 1
    return ranks


def crowding(costs: FloatArray) -> FloatArray:
    """(n,) crowding distances of the rows of one front; infinite at its ends.

    Source: Deb et al., 2002, section III B.
    """
    distance = np.zeros(len(costs))
    for column in costs.T:
        order = np.argsort(column, kind="stable")
        span = column[order[-1]] - column[order[0]]
        distance[order[[0, -1]]] = np.inf
        if span > 0:
            distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
    return distance


def hypervolume(costs: FloatArray, reference: FloatArray) -> float:
    """Area between points of two objectives and a reference point, which is worse in both.

    Args:
        costs: (n, 2) costs; points that are not better than the reference count nothing.
        reference: (2,) the reference point.

    >>> hypervolume(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([2.0, 2.0]))
    3.0
    """
    inside = costs[(costs < reference).all(axis=1)]
    area, ceiling = 0.0, float(reference[1])
    for first, second in inside[np.lexsort(inside.T[::-1])]:
        if second < ceiling:
            area += float((reference[0] - first) * (ceiling - second))
            ceiling = float(second)
    return area
