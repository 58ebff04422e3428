"""Fronts, crowding and hypervolumes, against counting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate.search.pareto import crowding, dominates, front_ranks, hypervolume, non_dominated

POINTS = st.lists(st.tuples(*[st.integers(0, 6)] * 2), min_size=1, max_size=8)


@given(POINTS)
def test_the_hypervolume_is_the_number_of_unit_squares_that_are_dominated(
    points: list[tuple[int, int]],
) -> None:
    squares = sum(any(x <= i and y <= j for x, y in points) for i in range(6) for j in range(6))
    volume = hypervolume(np.array(points, dtype=np.float64), np.array([6.0, 6.0]))
    assert volume == pytest.approx(squares)


@given(POINTS)
def test_fronts_are_peeled_one_after_another(points: list[tuple[int, int]]) -> None:
    costs = np.array(points, dtype=np.float64)
    ranks = front_ranks(costs)
    assert (non_dominated(costs) == (ranks == 0)).all()
    for i, j in zip(*np.nonzero(dominates(costs)), strict=True):
        assert ranks[i] < ranks[j]
    for rank in range(1, ranks.max() + 1):
        rest = costs[ranks >= rank]
        assert (non_dominated(rest) == (ranks[ranks >= rank] == rank)).all()


def test_the_ends_of_a_front_are_the_least_crowded() -> None:
    costs = np.array([[0.0, 4.0], [1.0, 3.0], [1.5, 2.5], [4.0, 0.0]])
    distance = crowding(costs)
    assert np.isinf(distance[[0, 3]]).all()
    assert distance[2] > distance[1] > 0
