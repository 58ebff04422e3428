"""Sizes of residuals are found where they change, and are one where nothing says otherwise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate.predictors.residual_sizes import ResidualSizes

LEAST = 1e-6


def draws(sizes: np.ndarray, seed: int = 0) -> np.ndarray:
    return sizes * np.random.default_rng(seed).normal(size=len(sizes))


@pytest.mark.parametrize(
    "size",
    [
        lambda x: 0.1 + 0 * x,
        lambda x: 0.01 * np.exp(3 * x),
        lambda x: 0.5 * np.exp(-2 * x),
        lambda x: 0.1 * np.exp(-8 * (x - 0.5) ** 2),
    ],
    ids=["one size", "rising", "falling", "largest in the middle"],
)
def test_sizes_of_many_residuals_are_found(size: object) -> None:
    assert callable(size)
    places = np.random.default_rng(1).uniform(size=2000)
    found = ResidualSizes.of(places, draws(size(places)), np.ones(2000), LEAST)
    grid = np.linspace(0.05, 0.95, 10)
    assert np.log(found.at(grid)) == pytest.approx(np.log(size(grid)), abs=0.25)


def test_few_residuals_have_nearly_one_size() -> None:
    places = np.linspace(0, 1, 12)
    for seed in range(20):
        found = ResidualSizes.of(places, draws(np.full(12, 0.1), seed), np.ones(12), LEAST)
        assert found.at(places).max() / found.at(places).min() < 6


def test_sizes_are_not_extrapolated() -> None:
    places = np.linspace(0, 1, 200)
    found = ResidualSizes.of(places, draws(np.exp(places)), np.ones(200), LEAST)
    ends = found.at(np.array([0.0, 1.0]))
    assert found.at(np.array([-9.0, 9.0])).tolist() == ends.tolist()


def test_weights_count() -> None:
    """Residuals of small weight are as good as absent."""
    places = np.tile(np.linspace(0, 1, 100), 2)
    sizes = np.repeat([0.1, 10.0], 100)
    weights = np.repeat([1.0, 1e-9], 100)
    both = ResidualSizes.of(places, draws(sizes), weights, LEAST)
    assert np.exp(both.logs.mean()) == pytest.approx(0.1, rel=0.2)


@pytest.mark.parametrize("places", [np.zeros(3), np.array([0.1, 0.2, 0.4])])
def test_residuals_of_zero_have_the_least_size(places: np.ndarray) -> None:
    found = ResidualSizes.of(places, np.zeros(3), np.ones(3), LEAST)
    assert found.at(places) == pytest.approx([LEAST] * 3)


@given(
    st.lists(
        st.tuples(st.floats(-5, 5), st.floats(-1e3, 1e3), st.floats(0.1, 10)),
        min_size=1,
        max_size=40,
    )
)
def test_sizes_are_finite_and_at_least_the_least(rows: list[tuple[float, float, float]]) -> None:
    places, residuals, weights = map(np.array, zip(*rows, strict=True))
    found = ResidualSizes.of(places, residuals, weights, LEAST)
    sizes = found.at(np.linspace(-6, 6, 50))
    assert np.isfinite(sizes).all()
    assert (sizes >= LEAST * (1 - 1e-9)).all()


@given(st.floats(1e-3, 1e3))
def test_sizes_follow_the_unit_of_the_residuals(unit: float) -> None:
    places = np.linspace(0, 1, 60)
    residuals = draws(np.exp(places))
    one, other = (
        ResidualSizes.of(places, scale * residuals, np.ones(60), 1e-12) for scale in (1.0, unit)
    )
    assert other.at(places) == pytest.approx(unit * one.at(places), rel=1e-3)
