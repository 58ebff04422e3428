"""The compiled forest gives xgboost's own numbers."""

from typing import Any

import numpy as np
import pytest

from surrogate.predictors.trees.forest import forest_of_models, forest_of_trees
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
    forest = forest_of_models([bytes(b.save_raw("json")) for b in boosters])
    x = np.random.default_rng(9).integers(-1, 6, (200, 6)).astype(np.float32)
    expected = [b.predict(xgboost.DMatrix(x)) for b in boosters]
    np.testing.assert_allclose(forest.predict(x), expected, rtol=1e-5, atol=1e-5)


def test_trees_without_any_split() -> None:
    booster = _model(2, 3, 0.0, 0)
    x = np.zeros((4, 6), dtype=np.float32)
    stump = xgboost.train({"max_depth": 2, "gamma": 1e9}, xgboost.DMatrix(x, np.ones(4)), 2)
    forest = forest_of_models([bytes(b.save_raw("json")) for b in (stump, booster)])
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
    walked = forest_of_trees([(0.0, trees)]).predict(x)[0]
    np.testing.assert_allclose(walked, booster.predict(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("threshold", [1.1, 1.0, 0.3, -1.1, 0.0])
def test_a_value_as_large_as_lightgbms_threshold_goes_left(threshold: float) -> None:
    """The largest number of single precision that is not above the threshold, and the next."""
    leaves = {"left_child": {"leaf_value": 1.0}, "right_child": {"leaf_value": 2.0}}
    tree = _nested({"split_feature": 0, "threshold": threshold, **leaves})
    nearest = np.float32(threshold)
    below = nearest if float(nearest) <= threshold else np.nextafter(nearest, np.float32(-9))
    forest = forest_of_trees([(0.0, [tree])])
    rows = np.array([[below], [np.nextafter(below, np.float32(9))]], dtype=np.float32)
    assert forest.predict(rows)[0].tolist() == [1.0, 2.0]
