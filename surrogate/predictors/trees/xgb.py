"""An ensemble of boosted trees over features of graphs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from surrogate.data.targets import FloatArray
from surrogate.predictors.base import Arrays, register_predictor
from surrogate.predictors.features import GraphInputs, varying_columns
from surrogate.predictors.score_model import ScoreModel, ScorePredictor, Scores
from surrogate.predictors.trees.forest import forest_of_models

_PASSED_ON = (
    "learning_rate",
    "max_depth",
    "min_child_weight",
    "subsample",
    "colsample_bynode",
    "reg_lambda",
)
"""Settings that xgboost knows by the same name."""


@dataclass(frozen=True)
class XgbSettings:
    """Settings of `XgbPredictor`; configs/predictor/xgb.toml says where the defaults come from.

    Attributes:
        members: boosted models in the ensemble, >= 2: their disagreement is the spread.
        bag_fraction: share of the keys that each member sees, in (0, 1].
        rounds: trees of a member, >= 1.
        learning_rate: shrinkage of each tree, in (0, 1].
        max_depth: depth of a tree, >= 1.
        min_child_weight: least sum of second derivatives in a leaf, >= 0.
        subsample: share of a member's keys that each tree sees, in (0, 1].
        colsample_bynode: share of the columns that each split chooses from, in (0, 1].
        reg_lambda: L2 penalty on leaf values, >= 0.
        threads: processor threads of a fit, >= 1.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field

    members: int = 8
    bag_fraction: float = 0.9
    rounds: int = 300
    learning_rate: float = 0.05
    max_depth: int = 4
    min_child_weight: float = 1.0
    subsample: float = 0.8
    colsample_bynode: float = 0.3
    reg_lambda: float = 1.0
    threads: int = 1

    def __post_init__(self) -> None:
        least = {"members": 2, "min_child_weight": 0, "reg_lambda": 0}
        shares = ("bag_fraction", "learning_rate", "subsample", "colsample_bynode")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in shares:
                if not 0 < value <= 1:
                    raise UserError(f"{field.name} must be in (0, 1], but got {value}")
            elif not value >= least.get(field.name, 1):
                raise UserError(
                    f"{field.name} must be >= {least.get(field.name, 1)}, but got {value}"
                )


class BoostedTrees(ScoreModel):
    """Bagged members of xgboost; the spread is their standard deviation."""

    def __init__(self, settings: XgbSettings) -> None:
        self._settings = settings

    def fit(
        self, inputs: GraphInputs, scores: FloatArray, weights: FloatArray, rng: np.random.Generator
    ) -> None:
        """Boost each member on a bag of the graphs."""
        self._used = varying_columns(inputs.features)
        features = inputs.features[:, self._used]
        bag = max(2, round(self._settings.bag_fraction * len(inputs)))
        models = []
        for _ in range(self._settings.members):
            rows = np.sort(rng.permutation(len(inputs))[:bag])
            seed = int(rng.integers(2**31))
            models.append(self._boost(features[rows], scores[rows], weights[rows], seed))
        self._models = tuple(models)
        self._forest = forest_of_models(self._models)

    def _boost(
        self, features: NDArray[np.float32], scores: FloatArray, weights: FloatArray, seed: int
    ) -> str:
        # Late: importing xgboost takes 1.2 s, and only a fit needs it.
        import xgboost

        settings = asdict(self._settings)
        threads = self._settings.threads
        booster = xgboost.train(
            {
                **{name: settings[name] for name in _PASSED_ON},
                "objective": "reg:squarederror",
                "base_score": 0.0,
                "tree_method": "hist",
                "nthread": threads,
                "seed": seed,
                "verbosity": 0,
            },
            xgboost.DMatrix(features, scores, weight=weights, nthread=threads),
            num_boost_round=self._settings.rounds,
        )
        return bytes(booster.save_raw("json")).decode()

    def predict(self, inputs: GraphInputs) -> Scores:
        """Mean and standard deviation over the members."""
        scores = self._forest.predict(inputs.features[:, self._used])
        return Scores(scores.mean(axis=0), scores.std(axis=0, ddof=1))

    def arrays(self) -> Arrays:
        """Columns that the trees look at."""
        return {"used": self._used}

    def documents(self) -> Mapping[str, str]:
        """The members in xgboost's JSON."""
        return {f"member-{i}.xgboost.json": model for i, model in enumerate(self._models)}

    def restore(self, arrays: Arrays, documents: Mapping[str, str]) -> None:
        """Read the members back."""
        found = [name for name in documents if name.endswith(".xgboost.json")]
        self._models = tuple(documents[name] for name in found)
        self._forest = forest_of_models(self._models)
        self._used = arrays["used"]


@register_predictor
class XgbPredictor(ScorePredictor):
    """Gradient boosting on normal scores; mean and standard deviation over bagged members.

    Source: Chen and Guestrin, "XGBoost", KDD 2016; bagging: Breiman, Machine Learning 24, 1996;
    paths as features for architectures: White et al., "BANANAS", AAAI 2021; subsets of operations:
    see `OpSubsetEncoding`.
    """

    name = "xgb"
    settings_type = XgbSettings
    settings: XgbSettings
    model_type = BoostedTrees
    uses_features = True
