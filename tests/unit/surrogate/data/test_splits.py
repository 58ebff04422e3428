"""Splits: disjoint by key, complete, and independent of the order of rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding.common.errors import UserError
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.splits import Split, k_fold, random_split
from surrogate.testing.synthetic import synthetic_dataset

DATA = synthetic_dataset(30)


@given(st.integers(0, 2**32), st.floats(0, 1), st.floats(0, 1))
def test_parts_are_disjoint_and_complete(seed: int, a: float, b: float) -> None:
    train, calibration = min(a, b), abs(a - b)
    fractions = (train, calibration, 1 - train - calibration)
    if fractions[2] < 0:
        fractions = (train, 1 - train, 0.0)
    split = random_split(DATA, fractions, np.random.default_rng(seed))
    parts = [set(part.keys) for part in (split.train, split.calibration, split.test)]
    assert sum(len(part) for part in parts) == len(DATA)
    assert set().union(*parts) == set(DATA.keys)


@given(st.integers(0, 2**32), st.integers(2, 30))
def test_folds_hold_every_key_out_once(seed: int, folds: int) -> None:
    held_out: list[str] = []
    for rest, part in k_fold(DATA, folds, np.random.default_rng(seed)):
        assert not set(rest.keys) & set(part.keys)
        assert len(rest) + len(part) == len(DATA)
        held_out += part.keys
    assert sorted(held_out) == sorted(DATA.keys)


def test_order_of_rows_does_not_change_a_split() -> None:
    reverse = DATA.subset(range(len(DATA))[::-1])
    a, b = (random_split(d, (0.5, 0.2, 0.3), np.random.default_rng(0)) for d in (DATA, reverse))
    assert a.train.keys == b.train.keys
    assert [len(a.train), len(a.calibration), len(a.test)] == [15, 6, 9]


def test_shared_key_is_refused(dataset: SurrogateDataset) -> None:
    with pytest.raises(UserError, match="both train and test"):
        Split(dataset.subset([0, 1]), dataset.subset([2]), dataset.subset([1]))


@pytest.mark.parametrize("fractions", [(0.5, 0.5, 0.5), (-0.1, 0.6, 0.5)])
def test_bad_fractions_are_refused(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(UserError, match="sum to 1"):
        random_split(DATA, fractions, np.random.default_rng(0))


@pytest.mark.parametrize("folds", [1, 31])
def test_bad_number_of_folds_is_refused(folds: int) -> None:
    with pytest.raises(
        UserError, match=r"at least 2, but got 1|31 keys, but got 30; take 30 folds"
    ):
        list(k_fold(DATA, folds, np.random.default_rng(0)))
