"""An ensemble of boosted trees over one-hot and path features."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from graph_encoding.encodings import (
    AdjacencyEncoding,
    Composition,
    Encoding,
    OneHotEncoding,
    PathEncoding,
)
from graph_encoding.errors import UserError
from graph_encoding.graph import CellGraph
from surrogate.dataset import SurrogateDataset
from surrogate.prediction import Prediction
from surrogate.predictors.base import Arrays, Predictor, register_predictor
from surrogate.predictors.forest import forest_of_models
from surrogate.predictors.scaling import RobustScale

_PASSED_ON = (
    "learning_rate",
    "max_depth",
    "min_child_weight",
    "subsample",
    "colsample_bynode",
    "reg_lambda",
    "huber_slope",
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
        huber_slope: error, in robust standard deviations of the labels, from which the loss
            grows linearly and no longer as a square, > 0.
        onehot_nodes: positions with one-hot columns, >= 1.
        path_length: longest path with a column of its own, >= 1.
        threads: processor threads of a fit, >= 1.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field

    members: int = 8
    bag_fraction: float = 0.8
    rounds: int = 300
    learning_rate: float = 0.05
    max_depth: int = 3
    min_child_weight: float = 2.0
    subsample: float = 0.7
    colsample_bynode: float = 0.3
    reg_lambda: float = 1.0
    huber_slope: float = 2.0
    onehot_nodes: int = 3
    path_length: int = 3
    threads: int = 1

    def __post_init__(self) -> None:
        least = {"members": 2, "min_child_weight": 0, "reg_lambda": 0}
        shares = ("bag_fraction", "learning_rate", "subsample", "colsample_bynode")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in shares:
                if not 0 < value <= 1:
                    raise UserError(f"{field.name} must be in (0, 1], but got {value}")
            elif field.name == "huber_slope":
                if not value > 0:
                    raise UserError(f"huber_slope must be > 0, but got {value}")
            elif not value >= least.get(field.name, 1):
                raise UserError(
                    f"{field.name} must be >= {least.get(field.name, 1)}, but got {value}"
                )


@register_predictor
class XgbPredictor(Predictor):
    """Gradient boosting with a robust loss; mean and standard deviation over bagged members.

    Labels are centred and scaled by median and median deviation, and the loss is pseudo-Huber:
    a collapsed cell pulls with a bounded force however far off it lies.

    Source: Chen and Guestrin, "XGBoost", KDD 2016; bagging: Breiman, Machine Learning 24, 1996;
    paths as features for architectures: White et al., "BANANAS", AAAI 2021.
    """

    name = "xgb"
    settings_type = XgbSettings
    settings: XgbSettings

    def __init__(self, settings: XgbSettings | None = None) -> None:
        super().__init__(settings)
        self._encoding: Encoding = Composition(
            [
                OneHotEncoding(self.settings.onehot_nodes),
                AdjacencyEncoding(self.settings.onehot_nodes),
                PathEncoding(self.settings.path_length),
            ]
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """(d,) names of the features that the trees look at."""
        return self._encoding.columns

    def _fit(self, dataset: SurrogateDataset, rng: np.random.Generator) -> None:
        features = self._encoding.encode(dataset.graphs)
        # Columns without any difference between the keys can never be split on.
        self._used = np.flatnonzero((features != features[0]).any(axis=0))
        self._scale = RobustScale.of(dataset.model_values)
        labels = self._scale.forward(dataset.model_values).astype(np.float32)
        used = features[:, self._used] if len(self._used) else features[:, :1]
        bag = max(2, round(self.settings.bag_fraction * len(dataset)))
        models = []
        for _ in range(self.settings.members):
            rows = np.sort(rng.permutation(len(dataset))[:bag])
            models.append(self._boost(used[rows], labels[rows], int(rng.integers(2**31))))
        self._models = tuple(models)
        self._forest = forest_of_models(self._models)

    def _boost(self, features: NDArray[np.float32], labels: NDArray[np.float32], seed: int) -> str:
        # Late: importing xgboost takes 1.2 s, and only a fit needs it.
        import xgboost

        settings = asdict(self.settings)
        booster = xgboost.train(
            {
                **{name: settings[name] for name in _PASSED_ON},
                "objective": "reg:pseudohubererror",
                "base_score": 0.0,
                "tree_method": "hist",
                "nthread": self.settings.threads,
                "seed": seed,
                "verbosity": 0,
            },
            xgboost.DMatrix(features, labels, nthread=self.settings.threads),
            num_boost_round=self.settings.rounds,
        )
        return bytes(booster.save_raw("json")).decode()

    def _predict(self, graphs: Sequence[CellGraph]) -> Prediction:
        features = self._encoding.encode(graphs)
        used = features[:, self._used] if len(self._used) else features[:, :1]
        answers = self._scale.backward(self._forest.predict(used))
        return Prediction(answers.mean(axis=0), answers.std(axis=0, ddof=1))

    def _learned(self) -> Arrays:
        return {
            "used": self._used,
            "scale": np.array([self._scale.centre, self._scale.scale]),
        }

    def _documents(self) -> Mapping[str, str]:
        return {f"member-{i}.xgboost.json": model for i, model in enumerate(self._models)}

    def _restore(self, arrays: Arrays, documents: Mapping[str, str]) -> None:
        self._models = tuple(documents.values())
        self._forest = forest_of_models(self._models)
        self._used = arrays["used"]
        centre, scale = arrays["scale"].tolist()
        self._scale = RobustScale(centre, scale)
