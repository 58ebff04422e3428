"""Reliability of a truth: all of the order where it is exact, none where errors rule."""

import numpy as np
import pytest

from studies.refined_truth import reliability
from surrogate.data.targets import VAL_PER
from surrogate.search import Truth, TruthRow

MEANS = np.linspace(0.5, 0.6, 200)


def truth_with(sem: float) -> Truth:
    rows = [TruthRow(f"f{i:03}", mean, sem, 5) for i, mean in enumerate(MEANS.tolist())]
    return Truth(VAL_PER, tuple(rows))


def test_an_exact_truth_orders_everything() -> None:
    found = reliability(truth_with(0.0), 0.1, np.random.default_rng(0))
    assert (found.functions, found.kendall_tau, found.kept, found.regret) == (20, 1.0, 1.0, 0.0)


def test_a_truth_of_noise_alone_orders_nothing() -> None:
    found = reliability(truth_with(10.0), 0.1, np.random.default_rng(0))
    assert found.kendall_tau == pytest.approx(0.0, abs=0.05)
    assert found.kept == pytest.approx(0.1, abs=0.03)
    assert found.regret > 10.0


def test_more_seeds_order_more() -> None:
    few, many = (reliability(truth_with(s), 0.1, np.random.default_rng(0)) for s in (0.01, 0.003))
    assert many.kendall_tau > few.kendall_tau + 0.1
    assert many.kept > few.kept and many.regret < few.regret
