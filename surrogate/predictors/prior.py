"""A predictor of an expensive recipe from the complete table of a cheap one and few trainings."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from graph_encoding.common.errors import UserError
from graph_encoding.graph import CellGraph
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.prediction import Prediction
from surrogate.data.targets import TARGETS, FloatArray, Target, size_of
from surrogate.predictors.base import Arrays, register_predictor
from surrogate.predictors.features import GraphInputs, Vocabulary, inputs_of
from surrogate.predictors.gaussian.gp import GaussianProcess, GpPredictor, GpSettings
from surrogate.predictors.residual_sizes import ResidualSizes
from surrogate.predictors.score_model import VocabularyPredictor
from surrogate.predictors.settings import Settings
from train_benchmark.labels import LABELS

if TYPE_CHECKING:
    from train_benchmark.table.benchmark_table import BenchmarkTable

T = TypeVar("T")

_FEATURE = "prior"
_RESIDUAL = "residual."
_PRIOR = "prior."
_LEAST_LEFT = 1e-6
"""Least standard deviation of the residuals, in units of `size_of` the labels: less is rounding."""
_ROUNDS = 5
"""Line and sizes in turn, each the likeliest given the other."""


@dataclass(frozen=True)
class PriorSettings(Settings):
    """Settings of `PriorPredictor`.

    Attributes:
        table: shipped table of the prior recipe, or the folder of one.
        target: registered target of the prior table; None for that of the fit.
        prior: settings of the process on the prior table.
        residual: settings of the process on the residuals.
    """

    table: str = "timit-micro"
    target: str | None = None
    prior: GpSettings = field(default_factory=GpSettings)
    residual: GpSettings = field(default_factory=GpSettings)


@register_predictor
class PriorPredictor(VocabularyPredictor):
    """A line in the forecast of another recipe, and a Gaussian process on its residuals.

    With f the forecast of the prior recipe, `y = a + rho f(x) + s(f) delta(x)`: the autoregressive
    form of co-kriging. f is the mean of a process on the whole prior table, so that a function's
    value there is smoothed, and functions without a value have one too. delta is a process on the
    graph and on f. s(f) is fitted too: the two recipes may agree better on good functions than on
    bad ones, or the reverse, and intervals follow. The labels of the fit have no influence on
    f: a held-out function's value of the prior recipe may be known, its label is not.

    The prior forecast is stored with the fit, which no longer needs the table. A fit on labels of
    the prior table itself raises a `UserError`: it would know those of held-out functions.

    Source: Kennedy and O'Hagan, "Predicting the output from a complex computer code when fast
    approximations are available", Biometrika 87, 2000, eq. 1.
    """

    name = "prior"
    settings_type = PriorSettings
    settings: PriorSettings

    @property
    def reads(self) -> Mapping[str, str]:
        """The prior table."""
        name = self.settings.table
        return {name: _table(name).content_sha256}

    def _fit(self, dataset: SurrogateDataset, rng: np.random.Generator) -> None:
        target = dataset.target if self.settings.target is None else self.settings.target
        self._check_another_recipe(dataset)
        self._prior = _fitted_prior(
            self.settings.table, _content_of(self.settings.table), target, self.settings.prior
        )
        labels, weights = dataset.model_values, dataset.weights
        forecast = self._forecast(dataset.graphs)
        self._sizes = ResidualSizes.equal()
        for _ in range(_ROUNDS):
            size = self._sizes.at(forecast)
            self._line = _line(forecast, labels, weights / size**2)
            left = labels - self._on_line(forecast)
            self._sizes = ResidualSizes.of(forecast, left, weights, _LEAST_LEFT * size_of(labels))
        graphs = _with_forecast(dataset.graphs, forecast)
        self._vocabulary = Vocabulary.of(graphs, with_features=True)
        self._residual = GaussianProcess(self.settings.residual)
        inputs = GraphInputs(graphs, self._vocabulary)
        self._residual.fit(inputs, left / self._sizes.at(forecast), weights, rng)

    def _check_another_recipe(self, dataset: SurrogateDataset) -> None:
        """Refuse the table that the labels are from: it has those of the held-out functions too.

        Its other labels, such as the test error, would give them away as well.
        """
        table, label = _table(self.settings.table), dataset.target.label
        if label not in LABELS:  # of a graph file
            return
        shared = same = 0
        for key, value in zip(dataset.keys, dataset.values.tolist(), strict=True):
            known = list(table.labels_of(key, label).values())
            shared += bool(known)
            same += bool(known) and value in (*known, float(np.mean(known)))
        if 2 * same > shared:
            raise UserError(
                f"a prior table must be of another recipe than the labels, but {same} of {shared} "
                f"functions have the same label in table {self.settings.table!r}; name another "
                "table"
            )

    def _predict(self, graphs: Sequence[CellGraph]) -> Prediction:
        forecast = self._forecast(graphs)
        inputs = inputs_of(_with_forecast(graphs, forecast), self._vocabulary)
        left = self._residual.predict(inputs)
        size = self._sizes.at(forecast)
        return Prediction(self._on_line(forecast) + size * left.mean, size * left.std)

    def _forecast(self, graphs: Sequence[CellGraph]) -> FloatArray:
        """(n,) means of the prior recipe, on its model scale."""
        return self._prior.predict([replace(graph, features=()) for graph in graphs]).mean

    def _on_line(self, forecast: FloatArray) -> FloatArray:
        start, slope = self._line
        on_line: FloatArray = start + slope * forecast
        return on_line

    def _learned(self) -> Arrays:
        return {
            "line": self._line,
            "size_knots": self._sizes.knots,
            "size_logs": self._sizes.logs,
            **{f"{_RESIDUAL}{k}": v for k, v in self._residual.arrays().items()},
            **{f"{_PRIOR}{k}": v for k, v in self._prior._learned().items()},  # noqa: SLF001
        }

    def _documents(self) -> Mapping[str, str]:
        of_prior = self._prior._documents()  # noqa: SLF001
        return {**super()._documents(), **{f"{_PRIOR}{k}": v for k, v in of_prior.items()}}

    def _restore(self, arrays: Arrays, documents: Mapping[str, str]) -> None:
        super()._restore(arrays, documents)
        self._line = arrays["line"]
        if "unit" in arrays:  # earlier fits had residuals of one size
            self._sizes = ResidualSizes.equal(float(arrays["unit"][0]))
        else:
            self._sizes = ResidualSizes(arrays["size_knots"], arrays["size_logs"])
        self._residual = GaussianProcess(self.settings.residual)
        self._residual.restore(_under(_RESIDUAL, arrays), {})
        self._prior = GpPredictor(self.settings.prior)
        self._prior._restore(_under(_PRIOR, arrays), _under(_PRIOR, documents))  # noqa: SLF001
        self._prior._fitted = True  # noqa: SLF001


def _line(x: FloatArray, y: FloatArray, weights: FloatArray) -> FloatArray:
    """Start and slope of the line through n points with the least weighted squared error."""
    around = x - np.average(x, weights=weights)
    spread = float(weights @ around**2)
    slope = float(weights @ (around * y)) / spread if spread > 0 else 0.0
    return np.array([float(np.average(y - slope * x, weights=weights)), slope])


def _under(prefix: str, values: Mapping[str, T]) -> dict[str, T]:
    return {k.removeprefix(prefix): v for k, v in values.items() if k.startswith(prefix)}


def _with_forecast(graphs: Sequence[CellGraph], forecast: FloatArray) -> list[CellGraph]:
    """The graphs with the forecast as their only feature."""
    return [
        replace(graph, features=((_FEATURE, value),))
        for graph, value in zip(graphs, forecast.tolist(), strict=True)
    ]


@lru_cache(maxsize=4)
def _fitted_prior(
    table: str, _content: str, target: Target | str, settings: GpSettings
) -> GpPredictor:
    """The process on a prior table; once for all fits of a comparison."""
    chosen = TARGETS.get(target) if isinstance(target, str) else target
    dataset = SurrogateDataset.from_table(_table(table), chosen, "mean")
    return GpPredictor(settings).fit(dataset, np.random.default_rng(0))


def _table(name: str) -> "BenchmarkTable":
    return _loaded(name, _content_of(name))


@lru_cache(maxsize=4)
def _loaded(name: str, _content: str) -> "BenchmarkTable":
    # Late: tables bring pyarrow.
    from train_benchmark.table.benchmark_table import BenchmarkTable

    return BenchmarkTable.load(name)


def _content_of(name: str) -> str:
    """sha256 of the metadata of a folder's table, which may change; empty for a shipped one."""
    path = Path(name) / "metadata.json"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
