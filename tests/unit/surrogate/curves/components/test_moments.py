"""Robust moments: right for normal rows, unmoved by a few wild ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate.curves.components.moments import (
    part_within,
    robust_covariance,
    robust_mean_and_covariance,
    squared_distances,
)
from surrogate.data.targets import FloatArray

SEEDS = st.integers(0, 2**32 - 1)


def random_covariance(d: int, rng: np.random.Generator) -> FloatArray:
    root = rng.normal(size=(d, d))
    covariance: FloatArray = root @ root.T + 0.1 * np.eye(d)
    return covariance


def test_normal_rows_give_their_own_moments() -> None:
    rng = np.random.default_rng(0)
    covariance = random_covariance(4, rng)
    rows = rng.multivariate_normal([1.0, 2.0, 3.0, 4.0], covariance, size=20_000)
    centre, found = robust_mean_and_covariance(rows)
    spread = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose((centre - [1, 2, 3, 4]) / spread, 0, atol=0.03)
    np.testing.assert_allclose(
        found / np.outer(spread, spread), covariance / np.outer(spread, spread), atol=0.04
    )


def test_wild_rows_count_little() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 3))
    wild = rows.copy()
    wild[:15] += 50
    centre, found = robust_mean_and_covariance(wild)
    assert np.abs(centre).max() < 0.25
    assert np.abs(found - np.eye(3)).max() < 0.4
    assert np.abs(np.cov(wild.T) - np.eye(3)).max() > 50


@pytest.mark.parametrize("n", [2, 3, 12])
def test_fewer_rows_than_columns_or_equal_columns_stay_regular(n: int) -> None:
    rows = np.random.default_rng(0).normal(size=(n, 10))
    rows[:, 3] = rows[:, 2]
    rows[:, 4] = 1.0
    _, covariance = robust_mean_and_covariance(rows)
    assert np.linalg.eigvalsh(covariance)[0] > 0
    assert np.linalg.eigvalsh(robust_covariance(rows))[0] > 0


@given(SEEDS)
def test_distances_are_those_of_the_inverse(seed: int) -> None:
    rng = np.random.default_rng(seed)
    covariance, rows = random_covariance(3, rng), rng.normal(size=(5, 3))
    expected = [row @ np.linalg.inv(covariance) @ row for row in rows]
    np.testing.assert_allclose(squared_distances(rows, covariance), expected, rtol=1e-6)


@given(SEEDS)
def test_a_part_leaves_a_covariance_behind(seed: int) -> None:
    rng = np.random.default_rng(seed)
    part, whole = random_covariance(4, rng), random_covariance(4, rng)
    within = part_within(part, whole)
    for covariance in (within, whole - within):
        assert np.linalg.eigvalsh((covariance + covariance.T) / 2)[0] > -1e-9 * np.trace(whole)


@given(SEEDS)
def test_a_part_that_is_within_already_is_left_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    part = random_covariance(4, rng)
    whole = part + random_covariance(4, rng)
    np.testing.assert_allclose(part_within(part, whole), part, atol=1e-8 * np.trace(whole))


def test_mirrored_rows_are_no_evidence_of_their_own() -> None:
    """Correlations of few independent columns are chance, and are shrunk away as such."""
    rng = np.random.default_rng(0)
    left = []
    for _ in range(10):
        covariance = robust_covariance(rng.normal(size=(20, 20)))
        spread = np.sqrt(np.diag(covariance))
        correlation = covariance / np.outer(spread, spread)
        left.append(np.mean(correlation[~np.eye(20, dtype=bool)] ** 2))
    # Unshrunk they would be some 0.05; counted twice, 0.015.
    assert np.mean(left) < 0.004
