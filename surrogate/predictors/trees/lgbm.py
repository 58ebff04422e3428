"""Boosted trees of LightGBM: leaf-wise growth, fast on large tables."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import MissingExtraError
from surrogate.data.targets import FloatArray
from surrogate.predictors.base import register_predictor
from surrogate.predictors.score_model import ScorePredictor
from surrogate.predictors.settings import Count, CountOfTwo, NonNegative, Share
from surrogate.predictors.trees.bagged import BaggedSettings, BaggedTrees
from surrogate.predictors.trees.forest import Member, NestedTree

_PASSED_ON = (
    "learning_rate",
    "num_leaves",
    "min_data_in_leaf",
    "feature_fraction_bynode",
    "lambda_l2",
)
"""Settings that LightGBM knows by the same name."""


@dataclass(frozen=True)
class LgbmSettings(BaggedSettings):
    """Settings of `LgbmPredictor`.

    Attributes:
        num_leaves: most leaves of a tree, >= 2.
        min_data_in_leaf: least keys in a leaf, >= 1.
        feature_fraction_bynode: share of the columns that each split chooses from, in (0, 1].
        lambda_l2: L2 penalty on leaf values, >= 0.
    """

    num_leaves: CountOfTwo = 15
    min_data_in_leaf: Count = 3
    feature_fraction_bynode: Share = 0.3
    lambda_l2: NonNegative = 1.0


class LeafwiseTrees(BaggedTrees):
    """Bagged members of LightGBM; a document in an old folder is a JSON array of nested trees."""

    suffix = ".lightgbm.json"

    @staticmethod
    def _member(document: str) -> Member:
        return 0.0, json.loads(document)

    def _boost(
        self, features: NDArray[np.float32], scores: FloatArray, weights: FloatArray, seed: int
    ) -> Member:
        try:
            import lightgbm
        except ModuleNotFoundError as e:
            raise MissingExtraError("lightgbm", "predictors") from e
        settings = asdict(self._settings)
        options = {
            **{name: settings[name] for name in _PASSED_ON},
            "objective": "regression",
            "num_threads": self._settings.threads,
            "seed": seed,
            "deterministic": True,
            "force_col_wise": True,
            "verbosity": -1,
        }
        data = lightgbm.Dataset(features, scores, weight=weights)
        booster = lightgbm.train(options, data, self._settings.rounds)
        trees = [info["tree_structure"] for info in booster.dump_model()["tree_info"]]
        return 0.0, [_nested(tree) for tree in trees]


def _nested(node: Mapping[str, Any]) -> NestedTree:
    """A node of LightGBM's dump as [column, threshold, left, right], or a leaf's value.

    LightGBM goes left where `x <= t`, a forest where `x < t`: among numbers of single precision
    these are the same for the next one above t.
    """
    if "leaf_value" in node:
        return float(node["leaf_value"])
    t = np.float32(node["threshold"])
    # As a float: NumPy would round the threshold to t's precision first.
    if float(t) <= node["threshold"]:
        t = np.nextafter(t, np.float32(np.inf))
    left, right = _nested(node["left_child"]), _nested(node["right_child"])
    return [int(node["split_feature"]), float(t), left, right]


@register_predictor
class LgbmPredictor(ScorePredictor):
    """LightGBM on normal scores; mean and standard deviation over bagged members.

    Source: Ke et al., "LightGBM", NeurIPS 2017.
    """

    name = "lgbm"
    settings_type = LgbmSettings
    settings: LgbmSettings
    model_type = LeafwiseTrees
    uses_features = True
