"""Seeds within a half of the functions: what the choice of the half does to their agreement."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding.common.errors import UserError
from studies.half_agreement import (
    half_agreement,
    halves_by_another_seed,
    in_half,
    shared_noise,
)
from studies.seed_halves import held_out_forecasts
from surrogate.data.targets import FloatArray
from surrogate.metrics.ranking import kendall_tau
from surrogate.testing.synthetic import synthetic_table
from train_benchmark.table.benchmark_table import BenchmarkTable

FUNCTIONS = 4000


def made_up(signal: float, seeds: int) -> tuple[FloatArray, FloatArray]:
    """True values of functions that differ by `signal`, and labels of seeds that differ by 1."""
    rng = np.random.default_rng(0)
    truth = signal * rng.normal(size=FUNCTIONS)
    return truth, truth[:, None] + rng.normal(size=(FUNCTIONS, seeds))


def test_a_half_chosen_by_what_is_compared_pushes_the_agreement_down() -> None:
    """Seeds that share nothing seem to disagree; chosen by a third, they agree on nothing."""
    _, noise = made_up(0.0, 3)
    own = half_agreement(noise[:, :2], noise[:, :2].mean(axis=1), better=True)
    assert own.kendall_tau < -0.2
    for found in halves_by_another_seed(noise, noise, better=True):
        assert abs(found.kendall_tau) < 0.03
        assert abs(found.signal_to_noise) < 0.05


@pytest.mark.parametrize("signal", [0.5, 0.7, 1.0])
def test_a_third_seed_comes_nearer_to_the_true_half_than_the_compared_ones(signal: float) -> None:
    truth, labels = made_up(signal, 3)
    true = half_agreement(labels[:, :2], truth, better=True).kendall_tau
    own = half_agreement(labels[:, :2], labels[:, :2].mean(axis=1), better=True).kendall_tau
    third = halves_by_another_seed(labels, labels, better=True)[2].kendall_tau
    assert own < true - 0.03
    assert abs(third - true) < abs(own - true)


def test_an_order_that_says_nothing_leaves_the_agreement_as_it_is() -> None:
    _, labels = made_up(1.0, 2)
    order = np.random.default_rng(1).normal(size=FUNCTIONS)
    found = half_agreement(labels, order, better=False)
    assert found.kendall_tau == pytest.approx(kendall_tau(*labels.T), abs=0.03)
    assert found.pearson_r == pytest.approx(0.5, abs=0.04)
    assert found.signal_to_noise == pytest.approx(1.0, abs=0.1)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=30))
def test_the_halves_are_a_partition_and_the_better_is_lower(order: list[float]) -> None:
    values = np.array(order)
    better, worse = (in_half(values, better=b) for b in (True, False))
    assert (better ^ worse).all()
    assert 2 * better.sum() >= len(values)
    assert not worse.any() or values[better].max() < values[worse].min()


def test_seeds_that_agree_exactly_have_no_noise() -> None:
    labels = np.tile(np.arange(10.0)[:, None], 2)
    assert half_agreement(labels, labels[:, 0], better=True).signal_to_noise == math.inf


@pytest.mark.parametrize("shape", [(6, 2), (20, 1)])
def test_too_few_functions_or_seeds_are_refused(shape: tuple[int, int]) -> None:
    labels = np.arange(shape[0] * shape[1], dtype=float).reshape(shape)
    with pytest.raises(UserError, match="at least 4 functions with at least 2 seeds"):
        half_agreement(labels, labels[:, 0], better=True)


@pytest.mark.parametrize("shared", [0.0, 1 / 3, 0.5, 1.0])
def test_the_shared_part_of_the_noise_is_found(shared: float) -> None:
    rng = np.random.default_rng(2)
    own = 5 * rng.normal(size=(FUNCTIONS, 1))  # what functions differ by does not count
    network = np.sqrt(shared) * rng.normal(size=(FUNCTIONS, 3))
    labels, others = (
        own + network + np.sqrt(1 - shared) * rng.normal(size=(FUNCTIONS, 3)) for _ in range(2)
    )
    variance, share = shared_noise(labels, others)
    assert variance == pytest.approx(1.0, abs=0.05)
    assert share == pytest.approx(shared, abs=0.05)


def test_a_few_late_trainings_do_not_count_where_they_are_left_out() -> None:
    rng = np.random.default_rng(3)
    labels, others = rng.normal(size=(2, FUNCTIONS, 2))
    late = np.zeros((FUNCTIONS, 2))
    late[:40, 0] = 30.0
    assert shared_noise(labels + late, others + late)[1] > 0.7
    assert abs(shared_noise(labels + late, others + late, keep=0.97)[1]) < 0.05


def test_a_held_out_forecast_does_not_know_its_functions_own_label() -> None:
    table = synthetic_table(40)
    key = table.keys[7]
    records = [
        replace(r, val_per_curve=(0.2,) * 6) if r.functional_key == key else r
        for r in table.records
    ]
    before, after = (
        held_out_forecasts(table),
        held_out_forecasts(BenchmarkTable(table.metadata, records)),
    )
    assert before.keys() == set(table.keys)
    assert after[key] == before[key]
    assert after != before, "other functions learn from it"


def test_seeds_of_the_shipped_table_in_its_better_half() -> None:
    """The numbers in docs/explanation/recipe.md, of the label that halves were first made by."""
    table = BenchmarkTable.load("timit-micro")
    _, labels = table.label_matrix("val_per_last5", table.seeds)
    found = halves_by_another_seed(labels, labels, better=True)
    assert [round(half.kendall_tau, 2) for half in found] == [0.22, 0.22, 0.25]
    assert [round(half.pearson_r, 2) for half in found] == [0.32, 0.29, 0.37]
    own = half_agreement(labels[:, :2], labels[:, :2].mean(axis=1), better=True)
    assert round(own.kendall_tau, 2) == 0.07


def test_the_agreement_of_several_seeds_is_the_mean_over_all_pairs() -> None:
    rng = np.random.default_rng(0)
    labels = rng.normal(size=(30, 1)) + rng.normal(size=(30, 4)) * [0.1, 0.2, 0.5, 3.0]
    order = np.arange(30.0)
    found = half_agreement(labels, order, better=True)
    half = labels[: found.functions].T
    pairs = list(combinations(half, 2))
    assert len(pairs) == 6
    assert found.kendall_tau == pytest.approx(np.mean([kendall_tau(a, b) for a, b in pairs]))
    expected = np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs])
    assert found.pearson_r == pytest.approx(expected)
