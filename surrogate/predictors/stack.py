"""The default predictor: several kinds of models, weighed by their held-out answers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogate.data.dataset import SurrogateDataset
from surrogate.data.folds import fold_indices
from surrogate.data.prediction import Prediction
from surrogate.data.targets import FloatArray
from surrogate.predictors.base import Arrays, register_predictor
from surrogate.predictors.features import GraphInputs
from surrogate.predictors.gaussian.gp import GaussianProcess, GpSettings
from surrogate.predictors.gnn.network import GraphNetwork, regularised
from surrogate.predictors.gnn.settings import GnnSettings
from surrogate.predictors.ridge import Columns, Ridge, RidgeSettings
from surrogate.predictors.score_model import ScoreModel, ScorePredictor, Scores
from surrogate.predictors.settings import Count, CountOfTwo, Positive, Settings
from surrogate.predictors.trees.xgb import BoostedTrees, XgbSettings

_FEWEST_TO_HOLD_OUT = 10
_KEPT_OF_FOLDS = ("gnn",)
"""Kinds whose models of the folds answer: to fit them once more on all keys costs too much."""

_KEYS_OF_NETWORK = (100, 200)
"""Up to the first number of keys the network counts as much as trees or process where nothing is
known, from the second on as much as both."""


@dataclass(frozen=True)
class StackXgbSettings(XgbSettings):
    """Settings of the trees of a stack: fewer members, as every fold has some."""

    members: CountOfTwo = 4


@dataclass(frozen=True)
class StackStatisticsSettings(RidgeSettings):
    """Settings of a stack's second line."""

    columns: Columns = "statistics"


@dataclass(frozen=True)
class StackGnnSettings(GnnSettings):
    """Settings of the graph network of a stack: one member for each fold."""

    members: Count = 1


@dataclass(frozen=True)
class StackSettings(Settings):
    """Settings of `StackPredictor`.

    A member's settings that are not given are the stack's own defaults, which are not all those
    of the member alone.

    Attributes:
        folds: parts of the keys that are held out in turn, >= 2; fewer if there are fewer keys.
        gnn_from: keys from which on the graph network is a member, >= 2; it takes most of the
            time of a fit.
        weights_std: how far a weight is expected to be from its share where nothing is known
            (`expected_shares`), > 0. Of some hundred keys the weights learned without it are
            uncertain enough to lose quality.
        xgb: settings of the trees.
        gp: settings of the process.
        counts: settings of the line on counts of operations.
        statistics: settings of the line on statistics of the graph.
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
    """Models of several kinds, weighed by what they say of keys that they have not seen.

    Every kind is fitted once for each fold of the keys, without it. From these held-out answers
    come the weights (those >= 0 of the least squared error, pulled towards expected shares) and
    the predictor's intervals. The network's dropout is chosen once, for all folds: which of two
    numbers it is says next to nothing of a single label. A new graph is answered by each kind
    fitted once more on all keys; the graph network, whose fits are dear, by the mean of its folds'
    models. The spread is that of the mixture: what the models doubt, and how far they are from
    each other.

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
        """Train every kind of model on every fold's rest.

        Of fewer than ten rows none is held out, and the kinds count as is expected of them.
        """
        if len(inputs) >= _FEWEST_TO_HOLD_OUT:
            self.fit_out_of_fold(inputs, scores, weights, rng)
            return
        self._kinds = self._kinds_for(len(inputs))
        self._models = {
            kind: [self._fitted(kind, inputs, scores, weights, rng)] for kind in self._kinds
        }
        self._weights = expected_shares(self._kinds, len(inputs))
        self._prepare_to_answer()

    def fit_out_of_fold(
        self, inputs: GraphInputs, scores: FloatArray, weights: FloatArray, rng: np.random.Generator
    ) -> Scores:
        """As `fit`; gives what the finished stack would answer for each row had it not seen it.

        Args:
            inputs: n >= 10 graphs.
            scores: as for `fit`.
            weights: as for `fit`.
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
        fold_of = np.zeros(n, dtype=np.int64)
        for fold, (rest, held_out) in enumerate(fold_indices(n, min(self._settings.folds, n), rng)):
            fold_of[held_out] = fold
            for number, kind in enumerate(self._kinds):
                model = self._fitted(kind, inputs.subset(rest), scores[rest], weights[rest], rng)
                answer = model.predict(inputs.subset(held_out))
                means[number, held_out], stds[number, held_out] = answer.mean, answer.std
                if kind in _KEPT_OF_FOLDS:
                    self._models[kind].append(model)
        for kind in self._kinds:
            if kind not in _KEPT_OF_FOLDS:
                self._models[kind].append(self._fitted(kind, inputs, scores, weights, rng))
        self._weights = self._weigh(means, scores, weights)
        self._prepare_to_answer()
        held_out_scores = np.zeros(n), np.zeros(n)
        for fold in range(fold_of.max() + 1):
            # Weights that have not seen the fold's labels either.
            here, others = fold_of == fold, fold_of != fold
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

    def predict(self, inputs: GraphInputs) -> Scores:
        """The weighted mean of all kinds; a kind of no weight is not asked."""
        means, variances = [], []
        asked = [kind for kind, weight in zip(self._kinds, self._weights, strict=True) if weight]
        for kind in asked:
            answers = self._ask[kind](inputs)
            means.append(np.mean([a.mean for a in answers], axis=0))
            variances.append(np.mean([a.std**2 for a in answers], axis=0))
        weights = self._weights[self._weights > 0]
        return Scores(*_mix(np.array(means), np.sqrt(variances), weights))

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

    def documents(self) -> Mapping[str, str]:
        """The documents of every model under its kind and number."""
        return {
            f"{kind}-{i}-{name}": text
            for kind, models in self._models.items()
            for i, model in enumerate(models)
            for name, text in model.documents().items()
        }

    def restore(self, arrays: Arrays, documents: Mapping[str, str]) -> None:
        """Read every model back."""
        self._weights = arrays["stack_weights"]
        self._kinds = tuple(arrays["stack_kinds"].tolist())
        self._models = {kind: [] for kind in self._kinds}
        for kind, models in self._models.items():
            while learned := _under(f"{kind}.{len(models)}.", arrays):
                model = self._new(kind)
                model.restore(learned, _under(f"{kind}-{len(models)}-", documents))
                models.append(model)
        self._prepare_to_answer()

    def _prepare_to_answer(self) -> None:
        self._ask = {
            kind: type(models[0]).together(models) for kind, models in self._models.items()
        }


def expected_shares(kinds: Sequence[str], keys: int) -> FloatArray:
    """(k,) what counts how much where nothing is known; it sums to one.

    Trees and process count alike, the graph network as much as either of them and, the more keys
    it learns from, up to as much as both. The lines are there for what these miss.
    """
    network = float(np.interp(keys, _KEYS_OF_NETWORK, (1.0, 2.0)))
    parts = np.array([{"xgb": 1.0, "gp": 1.0, "gnn": network}.get(kind, 0.0) for kind in kinds])
    shares: FloatArray = parts / parts.sum()
    return shares


def _under(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {k.removeprefix(prefix): v for k, v in values.items() if k.startswith(prefix)}


def _mix(means: FloatArray, stds: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weighted mean of (k, n) answers, and the spread of their mixture."""
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
    """Weights >= 0, not all zero, of the least squared error.

    The error is `sum_i weights_i (found @ means_i - scores_i)^2 + pull |found - expected|^2`.

    Args:
        means: (k, n) held-out answers of each kind.
        scores: (n,) what was to be answered.
        weights: (n,) trust in each row.
        expected: (k,) weights where nothing is known; they sum to one.
        pull: strength with which the weights are drawn there, >= 0.
    """
    from scipy.optimize import nnls

    trust, drawn = np.sqrt(weights), math.sqrt(pull)
    rows = np.concatenate([(means * trust).T, drawn * np.eye(len(means))])
    found: FloatArray = nnls(rows, np.concatenate([scores * trust, drawn * expected]))[0]
    return found if found.sum() > 1e-6 else 1e-3 * expected


@register_predictor
class StackPredictor(ScorePredictor):
    """Trees, a Gaussian process, a line and a graph network, weighed by held-out answers."""

    name = "stack"
    settings_type = StackSettings
    settings: StackSettings
    model_type = Stack
    holds_out_itself = True
    uses_features = True

    def fit_out_of_fold(
        self, dataset: SurrogateDataset, folds: int, rng: np.random.Generator
    ) -> Prediction:
        """As every predictor's, at the cost of one fit: the stack holds its keys out anyway.

        Members have not seen the rows that they are asked about. Their labels still tell a
        little: the scale of the scores is that of all labels, and the weights rest on what was
        said of other rows by members that have learned from these.

        `folds` is only used for fewer than ten keys, of which a stack holds none out; it divides
        others by its own setting.
        """
        if len(dataset) < _FEWEST_TO_HOLD_OUT:
            return super().fit_out_of_fold(dataset, folds, rng)
        inputs, scores = self._learn_scale(dataset)
        self._model = model = Stack(self.settings)
        answers = model.fit_out_of_fold(inputs, scores, dataset.weights, rng)
        self._mark_fitted(dataset)
        return self._scale.prediction(answers.mean, answers.std)
