"""Models of normal scores, and the predictor that wraps one of them.

A predictor turns graphs into inputs and labels into scores, which are all that a model sees. So a
stack can hold many models on inputs that are prepared once.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from graph_encoding.graph import CellGraph
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.folds import fold_indices
from surrogate.data.prediction import Prediction
from surrogate.data.targets import FloatArray
from surrogate.predictors.base import Arrays, Predictor
from surrogate.predictors.features import (
    GraphBatch,
    GraphInputs,
    Vocabulary,
    features_of,
    inputs_of,
)
from surrogate.predictors.scaling import NormalScoreScale

_VOCABULARY_FILE = "vocabulary.json"


@dataclass(frozen=True, eq=False)
class Scores:
    """Predicted normal scores of n graphs.

    Attributes:
        mean: (n,) means.
        std: (n,) standard deviations, >= 0.
    """

    mean: FloatArray
    std: FloatArray


@dataclass(frozen=True, eq=False)
class Fold:
    """A held-out part of n graphs, and the scores of the rest.

    Attributes:
        rest: indices of the graphs to fit to, rising.
        held_out: indices of the held-out graphs, rising.
        scores: scores of the rest.
    """

    rest: NDArray[np.int64]
    held_out: NDArray[np.int64]
    scores: FloatArray


FEW_GRAPHS = 16
"""Models are evaluated together for up to so many graphs: for more, the calls take no time, and the
arrays of several models leave the processor's cache."""

PredictEach = Callable[[GraphInputs], list[Scores]]
"""Predicted scores of each of several models."""


class ScoreModel(ABC):
    """A model of normal scores of graphs."""

    @abstractmethod
    def fit(
        self, inputs: GraphInputs, scores: FloatArray, weights: FloatArray, rng: np.random.Generator
    ) -> None:
        """Fit to n >= 2 graphs.

        Args:
            inputs: the graphs.
            scores: (n,) their normal scores.
            weights: (n,) weights, > 0; 1 for a label of one training.
            rng: source of all randomness.
        """

    @abstractmethod
    def predict(self, inputs: GraphInputs) -> Scores:
        """Predict n >= 1 graphs."""

    @classmethod
    def together(cls, models: Sequence[Self]) -> "PredictEach":
        """Joint prediction of several models of this kind: one by one, or faster."""
        return lambda inputs: [model.predict(inputs) for model in models]

    @property
    def members(self) -> Sequence["ScoreModel"]:
        """The models that it predicts with: itself, or those that it combines."""
        return (self,)

    @abstractmethod
    def arrays(self) -> Arrays:
        """The fitted state, as arrays of numbers."""

    @abstractmethod
    def restore(self, arrays: Arrays, documents: Mapping[str, str]) -> None:
        """Restore the state of `arrays`.

        Args:
            arrays: the fitted state.
            documents: file name -> text of a part that old folders have beside the arrays.
        """


def scores_of(model: ScoreModel, inputs: GraphInputs) -> Scores:
    """Scores of a model: those that `Jointly` has predicted, or its own."""
    return inputs.once(model, lambda: model.predict(inputs))


class VocabularyPredictor(Predictor):
    """A predictor on the columns of a vocabulary, which is saved with it."""

    _vocabulary: Vocabulary

    @property
    def vocabulary(self) -> Vocabulary:
        """Operations and features with columns of their own, of the fit."""
        return self._vocabulary

    @property
    def members(self) -> Sequence[ScoreModel]:
        """Models that predict from the inputs of the vocabulary; see `Jointly`."""
        return ()

    @property
    def columns(self) -> tuple[str, ...]:
        """(d,) names of the columns of graphs and nodes; empty before the fit."""
        if not self._fitted:
            return ()
        return (*features_of(self._vocabulary).columns, *self._vocabulary.node_columns)

    def _documents(self) -> Mapping[str, str]:
        return {_VOCABULARY_FILE: self._vocabulary.to_json()}

    def _restore(self, arrays: Arrays, documents: Mapping[str, str]) -> None:  # noqa: ARG002
        self._vocabulary = Vocabulary.from_json(documents[_VOCABULARY_FILE])


def held_out_prediction(
    folds: Sequence[Fold], scales: Sequence[NormalScoreScale], scores: Scores
) -> Prediction:
    """Predicted labels of n graphs from their scores, each on the scale of its fold."""
    mean, std = np.zeros(len(scores.mean)), np.zeros(len(scores.mean))
    for fold, scale in zip(folds, scales, strict=True):
        found = scale.prediction(scores.mean[fold.held_out], scores.std[fold.held_out])
        mean[fold.held_out], std[fold.held_out] = found.mean, found.std
    return Prediction(mean, std)


class ScorePredictor(VocabularyPredictor):
    """A predictor whose model is fitted to normal scores of the labels."""

    model_type: ClassVar[type[ScoreModel]]

    def _new_model(self) -> ScoreModel:
        return self.model_type(self.settings)  # type: ignore[call-arg]

    def _fit(self, dataset: SurrogateDataset, rng: np.random.Generator) -> None:
        inputs, scores = self._learn_scale(dataset)
        self._model = self._new_model()
        self._model.fit(inputs, scores, dataset.weights, rng)

    def _learn_scale(self, dataset: SurrogateDataset) -> tuple[GraphInputs, FloatArray]:
        self._vocabulary = Vocabulary.of(dataset.graphs, with_features=self.uses_features)
        self._scale = NormalScoreScale.of(dataset.model_values)
        inputs = GraphInputs(dataset.graphs, self._vocabulary)
        return inputs, self._scale.forward(dataset.model_values)

    @property
    def members(self) -> Sequence[ScoreModel]:
        """Those of its model."""
        return self._model.members

    def _folds(
        self, values: FloatArray, folds: int, rng: np.random.Generator
    ) -> tuple[list[Fold], list[NormalScoreScale]]:
        """Folds of (n,) labels, each with a scale of its own, from the labels of the rest alone.

        On a scale of all labels a held-out label would be a knot. Predictions near it would be
        mapped back to almost this label, so that errors for extreme labels would be too small.
        """
        found = list(fold_indices(len(values), folds, rng))
        scales = [NormalScoreScale.of(values[rest]) for rest, _ in found]
        scored = [
            Fold(rest, held_out, scale.forward(values[rest]))
            for (rest, held_out), scale in zip(found, scales, strict=True)
        ]
        return scored, scales

    def _predict(self, graphs: Sequence[CellGraph]) -> Prediction:
        scores = scores_of(self._model, inputs_of(graphs, self._vocabulary))
        return self._scale.prediction(scores.mean, scores.std)

    def _learned(self) -> Arrays:
        return {**self._scale.arrays(), **self._model.arrays()}

    def _restore(self, arrays: Arrays, documents: Mapping[str, str]) -> None:
        super()._restore(arrays, documents)
        self._scale = NormalScoreScale.from_arrays(arrays)
        self._model = self._new_model()
        self._model.restore(arrays, documents)


class Jointly:
    """Predicts few graphs with the models of several predictors at once.

    The time of a few graphs is that of the calls, which models of one kind share. Predictors then
    find the scores of their models among the inputs of a `GraphBatch`.

    Args:
        predictors: fitted predictors; those without members are ignored.
    """

    def __init__(self, predictors: Iterable[Predictor]) -> None:
        groups: dict[tuple[Vocabulary, type[ScoreModel]], list[ScoreModel]] = {}
        for predictor in predictors:
            if isinstance(predictor, VocabularyPredictor):
                for model in predictor.members:
                    groups.setdefault((predictor.vocabulary, type(model)), []).append(model)
        self._groups = [
            (vocabulary, models, kind.together(models))
            for (vocabulary, kind), models in groups.items()
        ]

    def predict(self, graphs: GraphBatch) -> None:
        """Predict n graphs with all models, unless there are so many that nothing is saved."""
        if len(graphs) <= FEW_GRAPHS:
            for vocabulary, models, predict_each in self._groups:
                inputs = graphs.inputs(vocabulary)
                for model, scores in zip(models, predict_each(inputs), strict=True):
                    inputs.keep(model, scores)
