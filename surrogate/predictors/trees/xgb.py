"""Boosted trees of xgboost: depth-wise growth."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from surrogate.data.targets import FloatArray
from surrogate.predictors.base import register_predictor
from surrogate.predictors.score_model import ScorePredictor
from surrogate.predictors.settings import Count, NonNegative, Share
from surrogate.predictors.trees.bagged import BaggedSettings, BaggedTrees
from surrogate.predictors.trees.forest import Member, member_of_model

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
class XgbSettings(BaggedSettings):
    """Settings of `XgbPredictor`; configs/predictor/xgb.toml gives the origin of the defaults.

    Attributes:
        max_depth: depth of a tree, >= 1.
        min_child_weight: least sum of second derivatives in a leaf, >= 0.
        subsample: share of a member's keys that each tree is grown on, in (0, 1].
        colsample_bynode: share of the columns that each split chooses from, in (0, 1].
        reg_lambda: L2 penalty on leaf values, >= 0.
    """

    max_depth: Count = 4
    min_child_weight: NonNegative = 1.0
    subsample: Share = 0.8
    colsample_bynode: Share = 0.3
    reg_lambda: NonNegative = 1.0


class BoostedTrees(BaggedTrees):
    """Bagged members of xgboost."""

    suffix = ".xgboost.json"
    _member = staticmethod(member_of_model)

    def _boost(
        self, features: NDArray[np.float32], scores: FloatArray, weights: FloatArray, seed: int
    ) -> Member:
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
        return member_of_model(bytes(booster.save_raw("json")))


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
