"""Baselines: the mean of all labels, and straight lines on static costs."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graph_encoding.cost import macs_of_graph, params_of_graph
from graph_encoding.graph import CellGraph
from graph_encoding.macro import MACROS, Macro
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.prediction import Prediction
from surrogate.data.targets import FloatArray
from surrogate.predictors.base import Arrays, Predictor, register_predictor
from surrogate.predictors.scaling import NormalScoreScale
from surrogate.predictors.settings import Settings

_FRAMES_OF_A_SECOND = 100


@dataclass(frozen=True)
class MeanSettings(Settings):
    """`MeanPredictor` has no settings."""


@register_predictor
class MeanPredictor(Predictor):
    """Predicts the mean and standard deviation of the labels of the fit for every graph."""

    name = "mean"
    settings_type = MeanSettings

    def _fit(self, dataset: SurrogateDataset, rng: np.random.Generator) -> None:  # noqa: ARG002
        self._mean = float(dataset.model_values.mean())
        self._std = float(dataset.model_values.std(ddof=1))

    def _predict(self, graphs: Sequence[CellGraph]) -> Prediction:
        return Prediction(np.full(len(graphs), self._mean), np.full(len(graphs), self._std))

    def _learned(self) -> Arrays:
        return {"moments": np.array([self._mean, self._std])}

    def _restore(self, arrays: Arrays, documents: Mapping[str, str]) -> None:  # noqa: ARG002
        self._mean, self._std = arrays["moments"].tolist()


@dataclass(frozen=True)
class CostSettings(Settings):
    """Settings of `ParamsPredictor` and `MacsPredictor`.

    Attributes:
        macro: registered name of the macro network whose cost is used.
    """

    macro: str = "timit-micro"

    def __post_init__(self) -> None:
        super().__post_init__()
        MACROS.get(self.macro)


class _CostPredictor(Predictor):
    """A straight line from the logarithm of a cost to the normal score of the label."""

    settings_type = CostSettings
    settings: CostSettings

    @abstractmethod
    def _cost(self, graph: CellGraph, macro: Macro) -> int:
        """The cost of one network, >= 1."""

    def _fit(self, dataset: SurrogateDataset, rng: np.random.Generator) -> None:  # noqa: ARG002
        self._scale = NormalScoreScale.of(dataset.model_values)
        scores = self._scale.forward(dataset.model_values)
        x = self._log_costs(dataset.graphs)
        centred = x - x.mean()
        variance = float(centred @ centred)
        self._slope = float(centred @ scores) / variance if variance else 0.0
        self._intercept = float(scores.mean() - self._slope * x.mean())
        self._std = float(np.std(scores - self._intercept - self._slope * x))

    def _log_costs(self, graphs: Sequence[CellGraph]) -> FloatArray:
        macro = MACROS.get(self.settings.macro)
        return np.log10([self._cost(graph, macro) for graph in graphs])

    def _predict(self, graphs: Sequence[CellGraph]) -> Prediction:
        mean = self._intercept + self._slope * self._log_costs(graphs)
        return self._scale.prediction(mean, np.full(len(graphs), self._std))

    def _learned(self) -> Arrays:
        line = np.array([self._slope, self._intercept, self._std])
        return {"line": line, **self._scale.arrays()}

    def _restore(self, arrays: Arrays, documents: Mapping[str, str]) -> None:  # noqa: ARG002
        self._slope, self._intercept, self._std = arrays["line"].tolist()
        self._scale = NormalScoreScale.from_arrays(arrays)


@register_predictor
class ParamsPredictor(_CostPredictor):
    """A straight line on the logarithm of the number of parameters."""

    name = "params"

    def _cost(self, graph: CellGraph, macro: Macro) -> int:
        return params_of_graph(graph, macro)


@register_predictor
class MacsPredictor(_CostPredictor):
    """A straight line on the logarithm of the multiply-accumulates."""

    name = "macs"

    def _cost(self, graph: CellGraph, macro: Macro) -> int:
        return macs_of_graph(graph, macro, input_frames=_FRAMES_OF_A_SECOND)
