"""The compiled forest gives xgboost's own numbers."""

from dataclasses import fields
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate.predictors.trees.forest import (
    Forest,
    Member,
    forest_of_members,
    member_of_model,
)
from surrogate.predictors.trees.lgbm import _nested

xgboost = pytest.importorskip("xgboost")


def _model(depth: int, rounds: int, labels_scale: float, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 4, (80, 6)).astype(np.float32)
    y = labels_scale * (x[:, 0] + x[:, 1] * x[:, 2]) + rng.normal(size=80)
    options = {"max_depth": depth, "nthread": 1, "base_score": 0.25, "seed": seed}
    return xgboost.train(options, xgboost.DMatrix(x, y), num_boost_round=rounds)


@pytest.mark.parametrize(("depth", "rounds"), [(1, 1), (3, 20), (8, 5)])
def test_same_numbers_as_xgboost(depth: int, rounds: int) -> None:
    boosters = [_model(depth, rounds, 1.0, seed) for seed in range(3)]
    forest = forest_of_members([member_of_model(bytes(b.save_raw("json"))) for b in boosters])
    x = np.random.default_rng(9).integers(-1, 6, (200, 6)).astype(np.float32)
    expected = [b.predict(xgboost.DMatrix(x)) for b in boosters]
    np.testing.assert_allclose(forest.predict(x), expected, rtol=1e-5, atol=1e-5)


def test_trees_without_any_split() -> None:
    booster = _model(2, 3, 0.0, 0)
    x = np.zeros((4, 6), dtype=np.float32)
    stump = xgboost.train({"max_depth": 2, "gamma": 1e9}, xgboost.DMatrix(x, np.ones(4)), 2)
    forest = forest_of_members(
        [member_of_model(bytes(b.save_raw("json"))) for b in (stump, booster)]
    )
    expected = [b.predict(xgboost.DMatrix(x)) for b in (stump, booster)]
    np.testing.assert_allclose(forest.predict(x), expected, rtol=1e-5, atol=1e-6)


def test_same_numbers_as_lightgbm() -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="needs the extra predictors")
    rng = np.random.default_rng(3)
    # Thresholds of LightGBM lie between values, and now and then on one.
    x = (rng.integers(0, 40, (300, 5)) / 7).astype(np.float32)
    y = x[:, 0] * x[:, 1] + rng.normal(size=300)
    options = {"num_leaves": 15, "min_data_in_leaf": 2, "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(options, lightgbm.Dataset(x, y), 40)
    trees = [_nested(info["tree_structure"]) for info in booster.dump_model()["tree_info"]]
    walked = forest_of_members([(0.0, trees)]).predict(x)[0]
    np.testing.assert_allclose(walked, booster.predict(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("threshold", [1.1, 1.0, 0.3, -1.1, 0.0])
def test_a_value_as_large_as_lightgbms_threshold_goes_left(threshold: float) -> None:
    """The largest number of single precision that is not above the threshold, and the next."""
    leaves = {"left_child": {"leaf_value": 1.0}, "right_child": {"leaf_value": 2.0}}
    tree = _nested({"split_feature": 0, "threshold": threshold, **leaves})
    nearest = np.float32(threshold)
    below = nearest if float(nearest) <= threshold else np.nextafter(nearest, np.float32(-9))
    forest = forest_of_members([(0.0, [tree])])
    rows = np.array([[below], [np.nextafter(below, np.float32(9))]], dtype=np.float32)
    assert forest.predict(rows)[0].tolist() == [1.0, 2.0]


NUMBERS = st.floats(width=32, allow_nan=False)
TREES = st.recursive(
    NUMBERS,
    lambda tree: st.tuples(st.integers(0, 300), NUMBERS, tree, tree).map(list),
    max_leaves=20,
)


@given(st.lists(st.tuples(NUMBERS, st.lists(TREES, min_size=1, max_size=4)), min_size=1))
def test_a_forest_read_from_its_arrays_is_the_same_to_the_bit(members: list[Member]) -> None:
    forest = forest_of_members(members)
    buffer = BytesIO()
    np.savez(buffer, allow_pickle=False, **forest.arrays())
    buffer.seek(0)
    with np.load(buffer, allow_pickle=False) as arrays:
        again = Forest.from_arrays(arrays)
    for field in fields(Forest):
        expected, found = getattr(forest, field.name), getattr(again, field.name)
        assert np.asarray(found).dtype == np.asarray(expected).dtype
        np.testing.assert_array_equal(found, expected, err_msg=field.name)


def test_the_arrays_of_small_trees_are_narrow() -> None:
    forest = forest_of_members([(0.5, [[3, 1.5, 1.0, 2.0], 7.0])])
    arrays = forest.arrays()
    assert arrays["forest_leaf"].tolist() == [False, True, True, True]
    assert arrays["forest_value"].tolist() == [1.0, 2.0, 7.0]
    whole = ("feature", "test", "root", "member_start")
    assert {arrays[f"forest_{name}"].dtype for name in whole} == {np.dtype(np.uint8)}


@given(st.integers(1, 6), st.integers(0, 2**16))
def test_many_rows_get_the_numbers_of_each_alone(depth: int, seed: int) -> None:
    """Many rows are predicted level by level, few by walking: to the bit the same."""
    forest = forest_of_members(
        [member_of_model(bytes(_model(depth, 3, 1.0, seed).save_raw("json"))) for _ in range(2)]
    )
    x = np.random.default_rng(seed).integers(-1, 6, (70, 6)).astype(np.float32)
    alone = [forest.predict(x[i : i + 1]) for i in range(len(x))]
    assert np.array_equal(forest.predict(x), np.concatenate(alone, axis=1))
