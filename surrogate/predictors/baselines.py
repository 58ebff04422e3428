"""What a predictor must beat: the mean of all labels, and the number of parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graph_encoding.cost import params_of_graph
from graph_encoding.graph import CellGraph
from graph_encoding.macro import MACROS
from surrogate.dataset import SurrogateDataset
from surrogate.prediction import Prediction
from surrogate.predictors.base import Arrays, Predictor, register_predictor
from surrogate.predictors.scaling import RobustScale
from surrogate.targets import FloatArray


@dataclass(frozen=True)
class MeanSettings:
    """`MeanPredictor` has no settings."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field


@register_predictor
class MeanPredictor(Predictor):
    """Gives every graph the mean and standard deviation of the labels it was fitted on."""

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
class ParamsSettings:
    """Settings of `ParamsPredictor`.

    Attributes:
        macro: registered name of the macro network whose parameters are counted.
        clip: distance from the median, in robust standard deviations, that labels are moved to.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field

    macro: str = "timit-micro"
    clip: float = 4.0

    def __post_init__(self) -> None:
        MACROS.get(self.macro)


@register_predictor
class ParamsPredictor(Predictor):
    """A straight line from log10(parameters) to the label, by least squares on clipped labels."""

    name = "params"
    settings_type = ParamsSettings
    settings: ParamsSettings

    def _fit(self, dataset: SurrogateDataset, rng: np.random.Generator) -> None:  # noqa: ARG002
        scale = RobustScale.of(dataset.model_values)
        clip = self.settings.clip
        labels = scale.backward(np.clip(scale.forward(dataset.model_values), -clip, clip))
        x = self._log_params(dataset.graphs)
        centred = x - x.mean()
        variance = float(centred @ centred)
        self._slope = float(centred @ labels) / variance if variance else 0.0
        self._intercept = float(labels.mean() - self._slope * x.mean())
        self._std = float(np.std(labels - self._intercept - self._slope * x))

    def _log_params(self, graphs: Sequence[CellGraph]) -> FloatArray:
        macro = MACROS.get(self.settings.macro)
        return np.log10([params_of_graph(graph, macro) for graph in graphs])

    def _predict(self, graphs: Sequence[CellGraph]) -> Prediction:
        mean = self._intercept + self._slope * self._log_params(graphs)
        return Prediction(mean, np.full(len(graphs), self._std))

    def _learned(self) -> Arrays:
        return {"line": np.array([self._slope, self._intercept, self._std])}

    def _restore(self, arrays: Arrays, documents: Mapping[str, str]) -> None:  # noqa: ARG002
        self._slope, self._intercept, self._std = arrays["line"].tolist()
