"""Metrics against other libraries, and against their definitions counted out in full."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from surrogate.data.targets import FloatArray
from surrogate.metrics import (
    bootstrap_interval,
    kendall_tau,
    precision_at,
    r_squared,
    rmse,
    top_regret,
)

TIED = arrays(np.float64, 5, elements=st.integers(0, 2).map(float))
DISTINCT = arrays(np.float64, 6, elements=st.floats(-100, 100, width=32), unique=True)


@given(DISTINCT, DISTINCT)
def test_errors_are_those_of_scikit_learn(predicted: FloatArray, measured: FloatArray) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    assert rmse(predicted, measured) == pytest.approx(
        metrics.root_mean_squared_error(measured, predicted)
    )
    assert r_squared(predicted, measured) == pytest.approx(
        metrics.r2_score(measured, predicted), rel=1e-6, abs=1e-9
    )


@given(TIED, TIED)
def test_kendall_tau_counts_pairs(predicted: FloatArray, measured: FloatArray) -> None:
    signs = [
        (np.sign(predicted[i] - predicted[j]), np.sign(measured[i] - measured[j]))
        for i, j in itertools.combinations(range(5), 2)
    ]
    agreement = sum(a * b for a, b in signs)
    ordered = sum(a != 0 for a, _ in signs) * sum(b != 0 for _, b in signs)
    expected = agreement / np.sqrt(ordered) if ordered else 0.0
    assert kendall_tau(predicted, measured) == pytest.approx(expected)


@given(TIED, TIED, st.integers(1, 5))
def test_ties_count_as_the_mean_over_all_orders(
    predicted: FloatArray, measured: FloatArray, k: int
) -> None:
    best = measured <= np.sort(measured)[k - 1]
    shares, regrets = [], []
    for order in itertools.permutations(range(5)):
        ranked = sorted(order, key=lambda i: predicted[i])
        shares.append(best[ranked[:k]].sum() / k)
        regrets.append(measured[ranked[0]] - measured.min())
    assert precision_at(predicted, measured, k) == pytest.approx(np.mean(shares))
    assert top_regret(predicted, measured) == pytest.approx(np.mean(regrets))


def test_bootstrap_ends_are_quantiles_of_the_resampled_scores() -> None:
    values = np.random.default_rng(1).normal(size=57)
    rng = np.random.default_rng(2)
    draws = [values[rng.integers(57, size=57)].mean() for _ in range(200)]
    found = bootstrap_interval(
        lambda rows: float(values[rows].mean()), 57, np.random.default_rng(2), level=0.8
    )
    assert found == pytest.approx(tuple(np.quantile(draws, [0.1, 0.9])))


def test_bootstrap_of_one_key_is_its_score() -> None:
    assert bootstrap_interval(lambda _: 0.3, 1, np.random.default_rng(0)) == (0.3, 0.3)


@pytest.mark.parametrize("k", [1, 2, 10, 499, 999, 1000])
def test_the_chosen_keys_of_many_are_those_that_sorting_finds(k: int) -> None:
    """Of a few values a partial sort sorts all; of many it does not."""
    rng = np.random.default_rng(0)
    predicted, measured = rng.normal(size=1000), rng.normal(size=1000)
    shared = set(np.argsort(predicted)[:k].tolist()) & set(np.argsort(measured)[:k].tolist())
    assert precision_at(predicted, measured, k) == pytest.approx(len(shared) / k)
