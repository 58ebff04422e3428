"""Falling projection: the nearest falling curve, where the table's own curves fall."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from surrogate.curves.components.falling import falling_steps, project_falling
from surrogate.data.targets import FloatArray

CURVES = arrays(np.float64, (3, 8), elements=st.floats(-5, 5, width=32))
FLAGS = arrays(np.bool_, 7)


def pooled(y: list[float]) -> list[float]:
    """Falling regression by pooling adjacent violators."""
    blocks: list[tuple[float, int]] = []
    for value in y:
        blocks.append((value, 1))
        while len(blocks) > 1 and blocks[-2][0] < blocks[-1][0]:
            (a, n), (b, m) = blocks[-2:]
            blocks[-2:] = [((a * n + b * m) / (n + m), n + m)]
    return [value for value, count in blocks for _ in range(count)]


def test_steps_are_measured() -> None:
    curves = np.array([[3.0, 2, 1, 2], [3.0, 2, 3, 4], [3.0, 3, 1, 2], [3.0, 4, 1, 2]])
    assert falling_steps(curves, 0.75).tolist() == [True, True, False]
    assert falling_steps(curves, 0.8).tolist() == [False, False, False]


@given(CURVES)
def test_all_falling_agrees_with_pooling(curves: FloatArray) -> None:
    found = project_falling(curves, np.ones(7, bool), np.ones(8, bool))
    np.testing.assert_allclose(found, [pooled(row.tolist()) for row in curves], atol=1e-9)


@given(CURVES, FLAGS, arrays(np.bool_, 8))
def test_falls_where_it_shall_and_stays_where_it_is_not_free(
    curves: FloatArray, falling: FloatArray, free: FloatArray
) -> None:
    found = project_falling(curves, falling, free)
    assert np.array_equal(found[:, ~free], curves[:, ~free])
    bound = falling & free[1:] & free[:-1]
    assert (np.diff(found, axis=1)[:, bound] <= 1e-9).all()
    np.testing.assert_allclose(project_falling(found, falling, free), found, atol=1e-9)


@given(CURVES, CURVES)
def test_never_moves_away_from_a_falling_curve(curves: FloatArray, other: FloatArray) -> None:
    truth = -np.sort(-other, axis=1)
    found = project_falling(curves, np.ones(7, bool), np.ones(8, bool))
    before, after = (np.linalg.norm(c - truth, axis=1) for c in (curves, found))
    assert (after <= before + 1e-9).all()
