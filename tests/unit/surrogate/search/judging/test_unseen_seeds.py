"""True means from seeds that no search saw: known effects are found, and taken away."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate.search.judging.unseen_seeds import SeedModel

EFFECTS = np.array([0.05, -0.03, 0.02, -0.04])
NOISE, MODEL_ERROR = 0.04, 0.02


def made_up(
    rng: np.random.Generator, count: int = 2000
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True means, forecasts and labels: a sample with two seeds, and the best with two others."""
    forecast = rng.normal(0.4, 0.1, count)
    # As regressions make them: expected values, whose errors do not depend on them.
    truth = forecast + rng.normal(0, MODEL_ERROR, count)
    labels = truth[:, None] + EFFECTS + rng.normal(0, NOISE, (count, 4))
    labels[rng.random(count) > 0.2, :2] = np.nan
    labels[np.argsort(np.argsort(forecast)) >= 150, 2:] = np.nan
    return truth, forecast, labels


def test_effects_and_variances_are_found() -> None:
    _, forecast, labels = made_up(np.random.default_rng(0))
    found = SeedModel.fit(forecast, labels)
    assert found.effects == pytest.approx(EFFECTS, abs=0.01)
    assert found.seed_variance == pytest.approx(NOISE**2, rel=0.2)
    assert found.forecast_variance == pytest.approx(MODEL_ERROR**2, rel=1.0)


def test_functions_with_other_seeds_are_judged_like_the_rest() -> None:
    """The best, trained with seeds of their own, are neither better nor worse by these seeds."""
    truth, forecast, labels = made_up(np.random.default_rng(1))
    labels[:, 2:] += 0.06  # both seeds of the best are bad ones
    refined = np.isfinite(labels[:, 2])
    found = SeedModel.fit(forecast, labels)
    without = SeedModel(np.zeros(4), found.seed_variance, found.forecast_variance)

    def bias(model: SeedModel) -> float:
        mean, _ = model.posterior(forecast, labels)
        return float((mean - truth)[refined].mean() - (mean - truth)[~refined].mean())

    assert abs(bias(found)) < 0.006
    assert bias(without) > 0.02


def test_a_posterior_is_nearer_than_forecast_and_labels_and_knows_its_error() -> None:
    truth, forecast, labels = made_up(np.random.default_rng(2))
    several = np.isfinite(labels).sum(axis=1) >= 2
    mean, std = SeedModel.fit(forecast, labels).posterior(forecast, labels)
    error = (mean - truth)[several]
    of_labels = np.nanmean(labels[several] - EFFECTS, axis=1) - truth[several]
    assert error.std() < min(of_labels.std(), (forecast - truth)[several].std())
    assert error.std() == pytest.approx(std[several].mean(), rel=0.25)


def test_equal_seeds_have_no_effects() -> None:
    rng = np.random.default_rng(3)
    truth = rng.normal(0.4, 0.1, 400)
    labels = truth[:, None] + rng.normal(0, NOISE, (400, 3))
    assert SeedModel.fit(truth, labels).effects == pytest.approx(np.zeros(3), abs=0.005)


def test_without_labels_the_forecast_is_all() -> None:
    forecast = np.array([0.4, 0.5])
    for labels in (np.full((2, 3), np.nan), np.empty((2, 0))):
        model = SeedModel.fit(forecast, labels)
        mean, _ = model.posterior(forecast, labels)
        assert mean == pytest.approx(forecast)
        assert (model.effects == 0).all()


@given(st.integers(0, 2**32 - 1), st.floats(-0.5, 0.5))
def test_an_offset_of_all_labels_moves_all_effects_alike(seed: int, offset: float) -> None:
    """What all seeds share is an effect of each, and no worth of a function."""
    _, forecast, labels = made_up(np.random.default_rng(seed), 400)
    one, other = (SeedModel.fit(forecast, shifted) for shifted in (labels, labels + offset))
    first, second = one.posterior(forecast, labels), other.posterior(forecast, labels + offset)
    order = np.corrcoef(first[0], second[0])[0, 1]
    assert order > 0.99
