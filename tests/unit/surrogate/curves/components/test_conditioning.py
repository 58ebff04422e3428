"""Conditioning: the laws of a normal process that is seen in part."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding.common.errors import UserError
from surrogate.curves.components.conditioning import Conditioned, CurveProcess, Subject
from surrogate.data.targets import FloatArray

EPOCHS = 6
SUBJECTS = st.sampled_from(("training", "function"))
SEEDS = st.integers(0, 2**32 - 1)


def std(told: Conditioned) -> FloatArray:
    """(epochs,) standard deviations."""
    return np.asarray(np.sqrt(np.diag(told.covariance)))


def random_process(rng: np.random.Generator) -> CurveProcess:
    parts = []
    for _ in range(2):
        root = rng.normal(size=(EPOCHS, EPOCHS))
        parts.append(root @ root.T + 0.1 * np.eye(EPOCHS))
    return CurveProcess.of(parts[0] + parts[1], parts[1])


@given(SEEDS, SUBJECTS)
def test_nothing_seen_is_nothing_learned(seed: int, of: Subject) -> None:
    rng = np.random.default_rng(seed)
    process, means = random_process(rng), rng.normal(size=(3, EPOCHS))
    assert process.seed is not None
    told = process.condition(means, np.arange(0), np.zeros((3, 0)), of)
    whole = process.covariance if of == "training" else process.covariance - process.seed
    assert np.array_equal(told.mean, means)
    np.testing.assert_allclose(told.covariance, whole, atol=1e-12)


@given(SEEDS, SUBJECTS, st.integers(0, EPOCHS - 1))
def test_seeing_more_never_widens(seed: int, of: Subject, fewer: int) -> None:
    rng = np.random.default_rng(seed)
    process, order = random_process(rng), rng.permutation(EPOCHS)
    means, values = rng.normal(size=(1, EPOCHS)), rng.normal(size=(1, EPOCHS))
    few, more = (
        process.condition(means, np.sort(order[:m]), values[:, np.sort(order[:m])], of)
        for m in (fewer, fewer + 1)
    )
    assert (std(more) <= std(few) + 1e-7).all()


@given(SEEDS)
def test_the_seen_training_is_reproduced_exactly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    process, values = random_process(rng), rng.normal(size=(2, 3))
    told = process.condition(np.zeros((2, EPOCHS)), np.array([0, 2, 5]), values)
    assert np.array_equal(told.mean[:, [0, 2, 5]], values)
    assert (std(told)[[0, 2, 5]] == 0).all()


@given(SEEDS)
def test_the_function_is_reproduced_up_to_the_seed(seed: int) -> None:
    """Its doubt at a seen epoch is below the seed's, and it lies between forecast and sight."""
    rng = np.random.default_rng(seed)
    process, value = random_process(rng), rng.normal(size=(1, 1))
    assert process.seed is not None
    told = process.condition(np.zeros((1, EPOCHS)), np.array([2]), value, "function")
    assert std(told)[2] ** 2 <= process.seed[2, 2] + 1e-9
    assert 0 <= told.mean[0, 2] / value[0, 0] <= 1


def test_two_epochs_follow_the_formula() -> None:
    process = CurveProcess.of(np.array([[4.0, 1.2], [1.2, 1.0]]), None)
    told = process.condition(np.array([[1.0, 2.0]]), np.array([0]), np.array([[3.0]]))
    assert told.mean[0].tolist() == pytest.approx([3.0, 2.0 + 1.2 / 4 * 2])
    assert std(told).tolist() == pytest.approx([0.0, np.sqrt(1 - 1.2**2 / 4)])
    assert told.seed is None


def test_a_sure_function_leaves_only_the_seed_and_an_equal_seed_only_the_function() -> None:
    whole = np.array([[1.0, 0.5], [0.5, 1.0]])
    nothing = np.zeros((1, 2))
    all_seed = CurveProcess.of(whole, whole).condition(
        nothing, np.array([0]), np.array([[1.0]]), "function"
    )
    np.testing.assert_allclose(all_seed.mean, 0, atol=1e-12)
    no_seed = CurveProcess.of(whole, np.zeros((2, 2))).condition(
        nothing, np.array([0]), np.array([[1.0]]), "function"
    )
    np.testing.assert_allclose(no_seed.mean, [[1.0, 0.5]])


@given(SEEDS, st.integers(0, EPOCHS - 1))
def test_the_seeds_part_is_what_remains_of_a_known_function(seed: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    process = random_process(rng)
    assert process.seed is not None
    told = process.condition(np.zeros((1, EPOCHS)), np.arange(m), np.zeros((1, m)))
    known = CurveProcess.of(process.seed, process.seed)
    expected = known.condition(np.zeros((1, EPOCHS)), np.arange(m), np.zeros((1, m)))
    assert told.seed is not None
    np.testing.assert_allclose(np.diag(told.seed), np.diag(expected.covariance), atol=1e-6)
    assert (np.diag(told.seed) <= np.diag(told.covariance) + 1e-6).all()


def test_a_total_that_is_no_covariance_is_refused() -> None:
    with pytest.raises(UserError, match="positive definite"):
        CurveProcess(np.array([[1.0, 2.0], [2.0, 1.0]]), None)
    with pytest.raises(UserError, match=r"shape \(2, 2\)"):
        CurveProcess(np.eye(2), np.eye(3))


def test_values_need_not_be_few() -> None:
    process = random_process(np.random.default_rng(0))
    values: FloatArray = np.ones((1, EPOCHS))
    told = process.condition(np.zeros((1, EPOCHS)), np.arange(EPOCHS), values)
    assert np.array_equal(told.mean, values)
    assert (std(told) == 0).all()
