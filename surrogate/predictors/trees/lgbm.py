"""Boosted trees of LightGBM: leaf-wise growth, fast on large tables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from graph_encoding.common.errors import MissingExtraError, UserError
from surrogate.data.targets import FloatArray
from surrogate.predictors.base import Arrays, register_predictor
from surrogate.predictors.features import GraphInputs, varying_columns
from surrogate.predictors.score_model import ScoreModel, ScorePredictor, Scores
from surrogate.predictors.trees.forest import Forest, NestedTree, forest_of_trees


@dataclass(frozen=True)
class LgbmSettings:
    """Settings of `LgbmPredictor`.

    Attributes:
        members: boosted models in the ensemble, >= 2: their disagreement is the spread.
        bag_fraction: share of the keys that each member sees, in (0, 1].
        rounds: trees of a member, >= 1.
        learning_rate: shrinkage of each tree, in (0, 1].
        num_leaves: most leaves of a tree, >= 2.
        min_data_in_leaf: least keys in a leaf, >= 1.
        feature_fraction_bynode: share of the columns that each split chooses from, in (0, 1].
        lambda_l2: L2 penalty on leaf values, >= 0.
        threads: processor threads of a fit, >= 1.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field

    members: int = 8
    bag_fraction: float = 0.9
    rounds: int = 300
    learning_rate: float = 0.05
    num_leaves: int = 15
    min_data_in_leaf: int = 3
    feature_fraction_bynode: float = 0.3
    lambda_l2: float = 1.0
    threads: int = 1

    def __post_init__(self) -> None:
        least = {"members": 2, "num_leaves": 2, "lambda_l2": 0}
        shares = ("bag_fraction", "learning_rate", "feature_fraction_bynode")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in shares:
                if not 0 < value <= 1:
                    raise UserError(f"{field.name} must be in (0, 1], but got {value}")
            elif not value >= least.get(field.name, 1):
                raise UserError(
                    f"{field.name} must be >= {least.get(field.name, 1)}, but got {value}"
                )


class LeafwiseTrees(ScoreModel):
    """Bagged members of LightGBM; the spread is their standard deviation."""

    def __init__(self, settings: LgbmSettings) -> None:
        self._settings = settings

    def fit(
        self, inputs: GraphInputs, scores: FloatArray, weights: FloatArray, rng: np.random.Generator
    ) -> None:
        """Boost each member on a bag of the graphs.

        Raises:
            MissingExtraError: if LightGBM is not installed.
        """
        try:
            import lightgbm
        except ModuleNotFoundError as e:
            raise MissingExtraError("lightgbm", "predictors") from e
        self._used = varying_columns(inputs.features)
        features = inputs.features[:, self._used]
        bag = max(2, round(self._settings.bag_fraction * len(inputs)))
        settings = self._settings
        models = []
        for _ in range(settings.members):
            rows = np.sort(rng.permutation(len(inputs))[:bag])
            options = {
                "objective": "regression",
                "learning_rate": settings.learning_rate,
                "num_leaves": settings.num_leaves,
                "min_data_in_leaf": settings.min_data_in_leaf,
                "feature_fraction_bynode": settings.feature_fraction_bynode,
                "lambda_l2": settings.lambda_l2,
                "num_threads": settings.threads,
                "seed": int(rng.integers(2**31)),
                "deterministic": True,
                "force_col_wise": True,
                "verbosity": -1,
            }
            data = lightgbm.Dataset(features[rows], scores[rows], weight=weights[rows])
            booster = lightgbm.train(options, data, settings.rounds)
            trees = [info["tree_structure"] for info in booster.dump_model()["tree_info"]]
            models.append(json.dumps([_nested(tree) for tree in trees]))
        self._models = tuple(models)
        self._forest = _forest(self._models)

    def predict(self, inputs: GraphInputs) -> Scores:
        """Mean and standard deviation over the members."""
        scores = self._forest.predict(inputs.features[:, self._used])
        return Scores(scores.mean(axis=0), scores.std(axis=0, ddof=1))

    def arrays(self) -> Arrays:
        """Columns that the trees look at."""
        return {"used": self._used}

    def documents(self) -> Mapping[str, str]:
        """The members' trees as JSON: [column, threshold, where smaller, where not] or a value."""
        return {f"member-{i}.lightgbm.json": model for i, model in enumerate(self._models)}

    def restore(self, arrays: Arrays, documents: Mapping[str, str]) -> None:
        """Read the members back."""
        found = [name for name in documents if name.endswith(".lightgbm.json")]
        self._models = tuple(documents[name] for name in found)
        self._forest = _forest(self._models)
        self._used = arrays["used"]


def _forest(models: tuple[str, ...]) -> Forest:
    return forest_of_trees([(0.0, json.loads(model)) for model in models])


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
