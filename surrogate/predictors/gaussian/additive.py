"""Additive costs of operations with a learned correction, for latency."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from graph_encoding.graph import CellGraph
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.prediction import Prediction
from surrogate.data.targets import FloatArray, LogScale, size_of
from surrogate.predictors.base import Arrays, register_predictor
from surrogate.predictors.features import GraphInputs, Vocabulary, features_of, inputs_of
from surrogate.predictors.gaussian.gp import GaussianProcess, GpSettings
from surrogate.predictors.score_model import ScoreModel, VocabularyPredictor, scores_of
from surrogate.predictors.settings import Settings

_CORRECTION = "correction."
_EDGES = ("statistics/edges", "statistics/edges_with_multiplicity")
_LEAST_SHARE = 0.1
"""A sum is at least this fraction of the least label: the sum of operations without a cost would be
zero, which has no logarithm."""


_LEAST_LEFT = 1e-6
"""Least standard deviation of the residuals, in units of `size_of` the labels: less is rounding."""


@dataclass(frozen=True)
class AdditiveSettings(Settings):
    """Settings of `AdditivePredictor`.

    Attributes:
        correction: settings of the process on the residuals.
    """

    correction: GpSettings = field(default_factory=GpSettings)


@register_predictor
class AdditivePredictor(VocabularyPredictor):
    """A sum of costs of operations and edges, and a Gaussian process on its residuals.

    A device runs one operation after another, and an edge is an addition or a copy, so that most
    of a latency is a sum over them: `y = c0 + sum_i c_i count_i`, on the label's own scale, with
    costs >= 0 of the least relative error. Fusing and memory access depend on the arrangement: the
    process models them on the model scale, for a latency `log(y / sum)`. Far from the graphs of the
    fit it returns to zero, and the sum alone grows with the graph.

    For labels that are not all > 0, costs have either sign and the least absolute error.

    Source: the sum is the layer-wise latency table of Cai et al., "ProxylessNAS", ICLR 2019; a
    learned correction in place of a sum alone: Dudziak et al., "BRP-NAS", NeurIPS 2020.
    """

    name = "additive"
    settings_type = AdditiveSettings
    settings: AdditiveSettings

    def _fit(self, dataset: SurrogateDataset, rng: np.random.Generator) -> None:
        self._vocabulary = Vocabulary.of(dataset.graphs)
        self._logarithmic = isinstance(dataset.target.transform, LogScale)
        inputs = GraphInputs(dataset.graphs, self._vocabulary)
        labels = dataset.model_values
        own = np.exp(labels) if self._logarithmic else labels
        self._costs = _costs(_counts(inputs), own, dataset.weights)
        self._least = _LEAST_SHARE * float(own.min())
        left = labels - self._sum(inputs)
        self._unit = max(float(left.std()), _LEAST_LEFT * size_of(labels))
        self._correction = GaussianProcess(self.settings.correction)
        self._correction.fit(inputs, left / self._unit, dataset.weights, rng)

    @property
    def members(self) -> Sequence[ScoreModel]:
        """The process on the residuals."""
        return (self._correction,)

    def _predict(self, graphs: Sequence[CellGraph]) -> Prediction:
        inputs = inputs_of(graphs, self._vocabulary)
        left = scores_of(self._correction, inputs)
        return Prediction(self._sum(inputs) + self._unit * left.mean, self._unit * left.std)

    def _sum(self, inputs: GraphInputs) -> FloatArray:
        """(n,) the sums, on the model scale."""
        total: FloatArray = _counts(inputs) @ self._costs
        return np.log(np.maximum(total, self._least)) if self._logarithmic else total

    def _learned(self) -> Arrays:
        correction = {f"{_CORRECTION}{k}": v for k, v in self._correction.arrays().items()}
        plain = np.array([self._unit, self._least, float(self._logarithmic)])
        return {"costs": self._costs, "additive": plain, **correction}

    def _restore(self, arrays: Arrays, documents: Mapping[str, str]) -> None:
        super()._restore(arrays, documents)
        self._costs = arrays["costs"]
        self._unit, self._least, logarithmic = arrays["additive"].tolist()
        self._logarithmic = bool(logarithmic)
        own = {
            k.removeprefix(_CORRECTION): v for k, v in arrays.items() if k.startswith(_CORRECTION)
        }
        self._correction = GaussianProcess(self.settings.correction)
        self._correction.restore(own, {})


def _counts(inputs: GraphInputs) -> FloatArray:
    """(n, 1 + k) ones, counts of each operation, and counts of edges."""
    counts = inputs.features[:, _places(inputs.vocabulary)].astype(np.float64)
    return np.column_stack([np.ones(len(inputs)), counts])


@lru_cache(maxsize=32)
def _places(vocabulary: Vocabulary) -> NDArray[np.intp]:
    names = features_of(vocabulary).columns
    counted = [i for i, name in enumerate(names) if name.startswith("statistics/count:")]
    return np.array([*counted, *(names.index(name) for name in _EDGES)])


def _costs(counts: FloatArray, labels: FloatArray, weights: FloatArray) -> FloatArray:
    """(1 + k,) cost per count, on the scale of the (n,) labels."""
    from scipy.optimize import lsq_linear

    positive = bool((labels > 0).all())
    # The solver has absolute tolerances, which are larger than latencies in seconds.
    unit = float(np.abs(labels).max()) or 1.0
    y = labels / unit
    by = np.sqrt(weights) / (y if positive else 1.0)
    bounds = (0.0 if positive else -np.inf, np.inf)
    found = lsq_linear(counts * by[:, None], y * by, bounds, method="bvls")
    costs: FloatArray = found.x * unit
    return costs
