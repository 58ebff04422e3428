"""Metrics against a slower way to the same number, on samples that small ones stand in for."""

from itertools import combinations

import numpy as np
import pytest

from surrogate.metrics import kendall_tau, precision_at
from surrogate.metrics.halves import half_agreement


@pytest.mark.parametrize("k", [1, 2, 10, 499, 999, 1000])
def test_the_chosen_keys_of_many_are_those_that_sorting_finds(k: int) -> None:
    """Of a few values a partial sort sorts all; of many it does not."""
    rng = np.random.default_rng(0)
    predicted, measured = rng.normal(size=1000), rng.normal(size=1000)
    shared = set(np.argsort(predicted)[:k].tolist()) & set(np.argsort(measured)[:k].tolist())
    assert precision_at(predicted, measured, k) == pytest.approx(len(shared) / k)


def test_the_agreement_of_several_seeds_is_the_mean_over_all_pairs() -> None:
    rng = np.random.default_rng(0)
    labels = rng.normal(size=(30, 1)) + rng.normal(size=(30, 4)) * [0.1, 0.2, 0.5, 3.0]
    order = np.arange(30)
    found = half_agreement(labels, order, better=True)
    half = labels[: found.functions].T
    pairs = list(combinations(half, 2))
    assert len(pairs) == 6
    assert found.kendall_tau == pytest.approx(np.mean([kendall_tau(a, b) for a, b in pairs]))
    expected = np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs])
    assert found.pearson_r == pytest.approx(expected)
