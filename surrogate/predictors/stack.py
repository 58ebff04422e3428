"""The default predictor: a stack of several models, weighted by their out-of-fold errors."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph_encoding.graph import CellGraph
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.folds import fold_indices
from surrogate.data.prediction import Prediction
from surrogate.data.targets import FloatArray
from surrogate.predictors.base import Arrays, register_predictor
from surrogate.predictors.features import GraphInputs, inputs_of
from surrogate.predictors.gaussian.gp import GaussianProcess, GpSettings
from surrogate.predictors.gnn.network import GraphNetwork, regularised
from surrogate.predictors.gnn.settings import GnnSettings
from surrogate.predictors.ridge import Columns, Ridge, RidgeSettings
from surrogate.predictors.score_model import (
    Fold,
    ScoreModel,
    ScorePredictor,
    Scores,
    held_out_prediction,
    scores_of,
)
from surrogate.predictors.settings import Count, CountOfTwo, Positive, Settings
from surrogate.predictors.trees.xgb import BoostedTrees, XgbSettings

_FEWEST_TO_HOLD_OUT = 10
_PREDICT_WITH_FOLDS = ("gnn",)
"""Kinds that predict with the models of their folds: another fit on all keys is expensive."""

_KEYS_OF_NETWORK = (100, 200)
"""The expected share of the network is that of the trees up to the first number of keys, and twice
that from the second on."""


@dataclass(frozen=True)
class StackXgbSettings(XgbSettings):
    """Settings of the trees of a stack: fewer members, since every fold has some."""

    members: CountOfTwo = 4


@dataclass(frozen=True)
class StackStatisticsSettings(RidgeSettings):
    """Settings of the second ridge regression of a stack."""

    columns: Columns = "statistics"


@dataclass(frozen=True)
class StackGnnSettings(GnnSettings):
    """Settings of the graph network of a stack: one member per fold."""

    members: Count = 1


@dataclass(frozen=True)
class StackSettings(Settings):
    """Settings of `StackPredictor`.

    Some defaults of the members differ from those of the member alone.

    Attributes:
        folds: number of folds, >= 2; fewer if there are fewer keys.
        gnn_from: fewest keys with which the graph network is a member, >= 2; it takes most of the
            time of a fit.
        weights_std: prior standard deviation of the weights around `expected_shares`, > 0. Without
            that prior the weights of about a hundred keys are too uncertain.
        xgb: settings of the trees.
        gp: settings of the process.
        counts: settings of the ridge regression on counts of operations.
        statistics: settings of the ridge regression on statistics of the graph.
        gnn: settings of the graph network of each fold.
    """

    folds: CountOfTwo = 5
    gnn_from: CountOfTwo = 20
    weights_std: Positive = 0.1
    xgb: StackXgbSettings = field(default_factory=StackXgbSettings)
    gp: GpSettings = field(default_factory=GpSettings)
    counts: RidgeSettings = field(default_factory=RidgeSettings)
    statistics: StackStatisticsSettings = field(default_factory=StackStatisticsSettings)
    gnn: StackGnnSettings = field(default_factory=StackGnnSettings)


_MODELS: dict[str, Any] = {
    "xgb": BoostedTrees,
    "gp": GaussianProcess,
    "counts": Ridge,
    "statistics": Ridge,
    "gnn": GraphNetwork,
}


class Stack(ScoreModel):
    """Models of several kinds, weighted by their out-of-fold errors.

    Every kind is fitted once per fold, without its keys. The out-of-fold predictions determine the
    weights (non-negative least squares, shrunk towards expected shares) and the predictor's
    intervals. The network's dropout is chosen once for all folds: a choice between two numbers
    reveals almost nothing about a single label. New graphs are predicted by each kind fitted again
    on all keys; by the graph network, whose fits are expensive, as the mean of its folds' models.
    The variance is that of the mixture: within the models and between them.

    Source: Wolpert, "Stacked generalization", 1992; Breiman, "Stacked regressions", 1996;
    pulled weights: LeBlanc and Tibshirani, "Combining estimates in regression and
    classification", JASA 1996; folds' models as an ensemble: Barber et al., "Predictive inference
    with the jackknife+", 2021.
    """

    def __init__(self, settings: StackSettings) -> None:
        self._settings = settings
        self._models: dict[str, list[ScoreModel]] = {}

    def fit(
        self, inputs: GraphInputs, scores: FloatArray, weights: FloatArray, rng: np.random.Generator
    ) -> None:
        """Fit every kind without each fold, and on all keys.

        With fewer than ten rows none is held out, and the weights are the expected shares.
        """
        n = len(inputs)
        if n >= _FEWEST_TO_HOLD_OUT:
            parts = fold_indices(n, min(self._settings.folds, n), rng)
            folds = [Fold(rest, held_out, scores[rest]) for rest, held_out in parts]
            self.fit_out_of_fold(inputs, scores, weights, folds, rng)
            return
        self._kinds = self._kinds_for(n)
        self._models = {
            kind: [self._fitted(kind, inputs, scores, weights, rng)] for kind in self._kinds
        }
        self._weights = expected_shares(self._kinds, n)
        self._prepare_to_predict()

    def fit_out_of_fold(
        self,
        inputs: GraphInputs,
        scores: FloatArray,
        weights: FloatArray,
        folds: Sequence[Fold],
        rng: np.random.Generator,
    ) -> Scores:
        """As `fit`; returns the out-of-fold predictions of the stack.

        Args:
            inputs: n >= 10 graphs.
            scores: as for `fit`.
            weights: as for `fit`.
            folds: the parts to hold out; the scores of a fold may have a scale of its own, on which
                its held-out graphs are predicted.
            rng: as for `fit`.
        """
        n = len(inputs)
        self._kinds = self._kinds_for(n)
        _ = inputs.features, inputs.nodes  # once for all folds
        means, stds = np.zeros((len(self._kinds), n)), np.zeros((len(self._kinds), n))
        self._models = {kind: [] for kind in self._kinds}
        if "gnn" in self._kinds:
            gnn = regularised(self._settings.gnn, inputs, scores, weights, rng)
            self._settings = replace(self._settings, gnn=gnn)
        for fold in folds:
            rest, held_out = inputs.subset(fold.rest), inputs.subset(fold.held_out)
            for number, kind in enumerate(self._kinds):
                model = self._fitted(kind, rest, fold.scores, weights[fold.rest], rng)
                found = model.predict(held_out)
                means[number, fold.held_out], stds[number, fold.held_out] = found.mean, found.std
                if kind in _PREDICT_WITH_FOLDS:
                    self._models[kind].append(model)
        for kind in self._kinds:
            if kind not in _PREDICT_WITH_FOLDS:
                self._models[kind].append(self._fitted(kind, inputs, scores, weights, rng))
        self._weights = self._weigh(means, scores, weights)
        self._prepare_to_predict()
        held_out_scores = np.zeros(n), np.zeros(n)
        for fold in folds:
            # These weights must not depend on the fold's labels either.
            here, others = fold.held_out, fold.rest
            of_others = self._weigh(means[:, others], scores[others], weights[others])
            held_out_scores[0][here], held_out_scores[1][here] = _mix(
                means[:, here], stds[:, here], of_others
            )
        return Scores(*held_out_scores)

    def _kinds_for(self, n: int) -> tuple[str, ...]:
        return tuple(k for k in _MODELS if k != "gnn" or n >= self._settings.gnn_from)

    def _weigh(self, means: FloatArray, scores: FloatArray, weights: FloatArray) -> FloatArray:
        expected = expected_shares(self._kinds, len(scores))
        error_variance = float(weights @ (expected @ means - scores) ** 2) / len(scores)
        pull = error_variance / self._settings.weights_std**2
        return _least_squares(means, scores, weights, expected, pull)

    def _fitted(
        self,
        kind: str,
        inputs: GraphInputs,
        scores: FloatArray,
        weights: FloatArray,
        rng: np.random.Generator,
    ) -> ScoreModel:
        model = self._new(kind)
        model.fit(inputs, scores, weights, rng)
        return model

    def _new(self, kind: str) -> ScoreModel:
        model: ScoreModel = _MODELS[kind](getattr(self._settings, kind))
        return model

    @property
    def members(self) -> Sequence[ScoreModel]:
        """The models of all kinds that have weight."""
        return [model for kind in self._used_kinds for model in self._models[kind]]

    @property
    def _used_kinds(self) -> list[str]:
        return [kind for kind, weight in zip(self._kinds, self._weights, strict=True) if weight]

    def _scores_of(self, kind: str, inputs: GraphInputs) -> list[Scores]:
        """Scores of the models of a kind: those predicted with other predictors', or their own."""
        models = self._models[kind]
        if not inputs.has(models[0]):
            for model, scores in zip(models, self._predict_each[kind](inputs), strict=True):
                inputs.keep(model, scores)
        return [scores_of(model, inputs) for model in models]

    def predict(self, inputs: GraphInputs) -> Scores:
        """The weighted mean of all kinds; kinds of weight zero are skipped."""
        means, variances = [], []
        for kind in self._used_kinds:
            found = self._scores_of(kind, inputs)
            means.append(np.mean([scores.mean for scores in found], axis=0))
            variances.append(np.mean([scores.std**2 for scores in found], axis=0))
        weights = self._weights[self._weights > 0]
        return Scores(*_mix(np.array(means), np.sqrt(variances), weights))

    def predict_members(self, inputs: GraphInputs) -> tuple[FloatArray, FloatArray]:
        """Mean scores of each of s fitted models, and their weights.

        Returns:
            (s, n) means and (s,) weights > 0, which sum to one. The weighted mean of the members is
            that of `predict`.
        """
        means, weights = [], []
        for kind, weight in zip(self._kinds, self._weights, strict=True):
            if weight:
                found = self._scores_of(kind, inputs)
                means += [self._weights.sum() * scores.mean for scores in found]
                weights += [weight / self._weights.sum() / len(found)] * len(found)
        return np.array(means), np.array(weights)

    def arrays(self) -> Arrays:
        """Weights, and the arrays of every model under its kind and number."""
        learned: dict[str, NDArray[Any]] = {
            "stack_weights": self._weights,
            "stack_kinds": np.array(self._kinds),
        }
        for kind, models in self._models.items():
            for i, model in enumerate(models):
                learned |= {f"{kind}.{i}.{k}": v for k, v in model.arrays().items()}
        return learned

    def restore(self, arrays: Arrays, documents: Mapping[str, str]) -> None:
        """Restore every model."""
        self._weights = arrays["stack_weights"]
        self._kinds = tuple(arrays["stack_kinds"].tolist())
        self._models = {kind: [] for kind in self._kinds}
        for kind, models in self._models.items():
            while learned := _under(f"{kind}.{len(models)}.", arrays):
                model = self._new(kind)
                model.restore(learned, _under(f"{kind}-{len(models)}-", documents))
                models.append(model)
        self._prepare_to_predict()

    def __getstate__(self) -> dict[str, Any]:
        """Without the functions that `_prepare_to_predict` makes, which cannot be pickled."""
        return {name: of for name, of in vars(self).items() if name != "_predict_each"}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Make the functions again, if it was fitted."""
        self.__dict__.update(state)
        if self._models:
            self._prepare_to_predict()

    def _prepare_to_predict(self) -> None:
        self._predict_each = {
            kind: type(models[0]).together(models) for kind, models in self._models.items()
        }


def expected_shares(kinds: Sequence[str], keys: int) -> FloatArray:
    """(k,) prior weights, which sum to one.

    Trees and process have equal shares. The graph network has the same share with few keys and up
    to twice that with many. The ridge regressions have none: they only correct the others.
    """
    network = float(np.interp(keys, _KEYS_OF_NETWORK, (1.0, 2.0)))
    parts = np.array([{"xgb": 1.0, "gp": 1.0, "gnn": network}.get(kind, 0.0) for kind in kinds])
    shares: FloatArray = parts / parts.sum()
    return shares


def _under(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {k.removeprefix(prefix): v for k, v in values.items() if k.startswith(prefix)}


def _mix(means: FloatArray, stds: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weighted mean of (k, n) predictions, and the standard deviation of their mixture."""
    mean = weights @ means
    shares = weights / weights.sum()
    around = means - (shares @ means)
    return mean, np.sqrt(shares @ (stds**2 + around**2))


def _least_squares(
    means: FloatArray,
    scores: FloatArray,
    weights: FloatArray,
    expected: FloatArray,
    pull: float,
) -> FloatArray:
    """Non-negative weights, not all zero, of the least squared error.

    The error is `sum_i weights_i (found @ means_i - scores_i)^2 + pull |found - expected|^2`.

    Args:
        means: (k, n) out-of-fold predictions of each kind.
        scores: (n,) true scores.
        weights: (n,) weight of each row.
        expected: (k,) prior weights; they sum to one.
        pull: strength of the prior, >= 0.
    """
    from scipy.optimize import nnls

    root, prior = np.sqrt(weights), math.sqrt(pull)
    rows = np.concatenate([(means * root).T, prior * np.eye(len(means))])
    found: FloatArray = nnls(rows, np.concatenate([scores * root, prior * expected]))[0]
    return found if found.sum() > 1e-6 else 1e-3 * expected


@register_predictor
class StackPredictor(ScorePredictor):
    """A stack of trees, a Gaussian process, ridge regressions and a graph network."""

    name = "stack"
    settings_type = StackSettings
    settings: StackSettings
    model_type = Stack
    holds_out_itself = True
    uses_features = True

    def fit_out_of_fold(
        self, dataset: SurrogateDataset, folds: int, rng: np.random.Generator
    ) -> Prediction:
        """As for every predictor, at the cost of one fit: the stack holds its keys out anyway.

        The members that predict a row were fitted without it. Its label still has a small
        influence on the weights, through the errors of members that were fitted with it.

        `folds` is used for fewer than ten keys only, of which a stack holds none out. Otherwise
        the stack uses the folds of its settings.
        """
        n = len(dataset)
        if n < _FEWEST_TO_HOLD_OUT:
            return super().fit_out_of_fold(dataset, folds, rng)
        inputs, scores = self._learn_scale(dataset)
        parts, scales = self._folds(dataset.model_values, min(self.settings.folds, n), rng)
        self._model = model = Stack(self.settings)
        found = model.fit_out_of_fold(inputs, scores, dataset.weights, parts, rng)
        self._mark_fitted(dataset)
        return held_out_prediction(parts, scales, found)

    def predict_members(self, graphs: Sequence[CellGraph]) -> tuple[FloatArray, FloatArray]:
        """Labels that each of the s fitted models predicts, and the models' weights.

        Returns:
            (s, n) labels on the target's model scale, and (s,) weights > 0, which sum to one.
        """
        self._require_fit("predict_members")
        assert isinstance(self._model, Stack)
        scores, weights = self._model.predict_members(inputs_of(graphs, self._vocabulary))
        return self._scale.backward(scores), weights
