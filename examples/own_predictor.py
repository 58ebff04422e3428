"""A predictor of your own beside a built-in one, on splits without a function on two sides."""

from dataclasses import dataclass

import numpy as np

from graph_encoding.encodings import PathEncoding
from surrogate import Prediction, Predictor, SurrogateDataset
from surrogate.data.targets import VAL_PER
from surrogate.metrics.ranking import kendall_tau
from surrogate.predictors import GpPredictor
from train_benchmark.table.benchmark_table import BenchmarkTable


@dataclass(frozen=True)
class NearestSettings:
    neighbours: int = 5


class Nearest(Predictor):
    """The mean label of the functions with the most paths in common."""

    name, settings_type, paths = "nearest", NearestSettings, PathEncoding(2)

    def _fit(self, dataset, rng):
        self._x, self._y = self.paths.encode(dataset.graphs).astype(float), dataset.model_values

    def _predict(self, graphs):
        distance = np.abs(self.paths.encode(graphs)[:, None] - self._x).sum(axis=2)
        nearest = self._y[np.argsort(distance, axis=1)[:, : self.settings.neighbours]]
        return Prediction(nearest.mean(axis=1), nearest.std(axis=1) + 0.01)

    def _learned(self):
        return {"x": self._x, "y": self._y}

    def _restore(self, arrays, documents):
        self._x, self._y = arrays["x"], arrays["y"]


data = SurrogateDataset.from_table(BenchmarkTable.load("timit-micro"), VAL_PER, "mean")
order = np.random.default_rng(0).permutation(len(data))
train, test = data.subset(order[:100]), data.subset(order[100:600])
for kind in (Nearest, GpPredictor):
    found = kind().fit(train, np.random.default_rng(0)).predict(test.graphs)
    print(f"{kind.name:8} Kendall tau {kendall_tau(found.mean, test.model_values):.2f}")
