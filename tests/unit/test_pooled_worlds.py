"""Ratios over several worlds: their interval is as wide as worlds differ."""

import numpy as np
import pytest

from studies.pooled_worlds import pooled_ratio


def values(means: list[float], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [mean * rng.uniform(0.8, 1.2, 200) for mean in means]


def test_worlds_that_agree_have_a_narrow_interval() -> None:
    found = pooled_ratio(values([1, 1, 1], 0), values([2, 2, 2], 1), np.random.default_rng(0))
    assert found == pytest.approx((0.5, 0.5, 0.5), abs=0.02)


def test_worlds_that_differ_have_a_wide_one() -> None:
    ones = values([1.0, 1.0, 1.0, 1.0], 0)
    value, low, high = pooled_ratio(ones, values([1, 4, 1, 4], 1), np.random.default_rng(0))
    assert value == pytest.approx(0.4, abs=0.02)
    assert low < 0.3 and high > 0.6
