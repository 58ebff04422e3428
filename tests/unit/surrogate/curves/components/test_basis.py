"""Low-rank basis: exact for curves it spans, as large as what repeats, and checked tables."""

from dataclasses import replace

import numpy as np
import pytest

from graph_encoding.common.errors import UserError
from surrogate.curves import CurveSet
from surrogate.curves.components.basis import CurveBasis, fit_basis, principal_basis
from surrogate.data.targets import Logit
from surrogate.testing.synthetic_curves import SEED_STD, synthetic_curve_table
from train_benchmark.table.benchmark_table import BenchmarkTable

SCALE = Logit()


@pytest.fixture(scope="module")
def curves() -> CurveSet:
    return CurveSet.from_table(synthetic_curve_table(60), SCALE)


def test_curves_of_two_shapes_are_exact_with_two_components() -> None:
    rng = np.random.default_rng(0)
    rows = 2.0 + rng.normal(size=(200, 2)) @ rng.normal(size=(2, 9))
    basis = principal_basis(rows, np.full(9, 0.5)).truncated(2)
    np.testing.assert_allclose(basis.curves(basis.coefficients(rows)), rows, atol=0.01)
    np.testing.assert_allclose(basis.components @ basis.components.T, np.eye(2), atol=1e-12)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_as_many_components_as_the_made_up_law_has(curves: CurveSet, seed: int) -> None:
    assert fit_basis(curves, 5, np.random.default_rng(seed)).rank == 2


def test_without_seeds_the_law_is_found_within_one() -> None:
    single = CurveSet.from_table(synthetic_curve_table(150, seeds=(1,)), SCALE)
    assert 2 <= fit_basis(single, 5, np.random.default_rng(0)).rank <= 3


def test_seed_residuals_have_the_variance_of_a_seed() -> None:
    many = CurveSet.from_table(synthetic_curve_table(200, seeds=(1, 2, 3)), SCALE)
    contrasts = many.seed_residuals()
    assert contrasts.shape == (400, 10)
    # The first epoch is near 1, where the clip of the logit takes a part of the noise.
    np.testing.assert_allclose(contrasts[:, 1:].std(axis=0), SEED_STD, rtol=0.15)


def test_means_and_subsets_keep_the_functions_own_trainings(curves: CurveSet) -> None:
    part = curves.subset([3, 10])
    assert part.graphs == (curves.graphs[3], curves.graphs[10])
    assert np.array_equal(part.values, curves.values[np.isin(curves.owners, [3, 10])])
    np.testing.assert_allclose(part.means, curves.means[[3, 10]], atol=1e-12)


def test_curves_of_different_lengths_are_refused() -> None:
    table = synthetic_curve_table(10)
    short = replace(table.records[0], val_per_curve=table.records[0].val_per_curve[:-1])
    mixed = BenchmarkTable(table.metadata, (short, *table.records[1:]))
    with pytest.raises(UserError, match=r"one length.*\[9, 10\]"):
        CurveSet.from_table(mixed, SCALE)


def test_curves_shorter_than_the_label_are_refused(curves: CurveSet) -> None:
    with pytest.raises(UserError, match="at least 5 epochs"):
        CurveSet(curves.graphs, curves.values[:, :4], curves.owners)


def test_graph_without_curve_and_unsorted_owners_are_refused(curves: CurveSet) -> None:
    with pytest.raises(UserError, match="must have a curve"):
        CurveSet((*curves.graphs, curves.graphs[0]), curves.values, curves.owners)
    with pytest.raises(UserError, match="rising"):
        CurveSet(curves.graphs, curves.values, curves.owners[::-1])


def test_basis_of_mixed_shapes_is_refused() -> None:
    with pytest.raises(UserError, match=r"shape \(k, 3\)"):
        CurveBasis(np.zeros(3), np.ones(3), np.zeros((1, 4)))
    with pytest.raises(UserError, match="> 0"):
        CurveBasis(np.zeros(3), np.zeros(3), np.zeros((1, 3)))
    with pytest.raises(UserError, match="finite"):
        CurveBasis(np.full(3, np.nan), np.ones(3), np.zeros((1, 3)))
