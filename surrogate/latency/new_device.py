"""Latency on a new device, from a few measurements there and a model of another device."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.graph import CellGraph, cell_graph
from graph_encoding.semantics import Semantics
from surrogate.calibration import Novelty, TrainedOn
from surrogate.data.prediction import ONE_SIGMA, Prediction, check_level
from surrogate.data.targets import FloatArray
from surrogate.latency.model import LatencyModel, LatencySource, LogSeconds, SettingModel
from surrogate.predictors import Predictor

FEWEST_MEASUREMENTS = 4
"""With fewer, no leave-one-out error remains to estimate the uncertainty."""

_PENALTIES = np.geomspace(1e-2, 1e4, 25)
_LEAST_STD = 1e-3
"""Logarithms of seconds: a tenth of a per cent is below the error of any measurement."""

PredictMean = Callable[[Sequence[CellGraph]], FloatArray]
"""Predicted logarithms of seconds of n graphs."""


@dataclass(frozen=True, eq=False)
class TransferredLine:
    """A ridge regression from the predictions of a source to the latencies of a new device.

    On the logarithms of seconds: `new = source + a + b (source - centre) + c . counts`. The shift a
    is free, b and c are shrunk towards 0 by one penalty, so that with few measurements the
    new device is the old one times a factor.

    Attributes:
        source: predictions of the source.
        ops: operations that are counted.
        centre: (d,) means of the regressors.
        scale: (d,) their standard deviations.
        shift: a, at the centre.
        weights: (d,) b and c, in units of the scale.
        inverse: (d, d) inverse of the penalised Gram matrix.
        count: measurements.
        sigma: standard error of a prediction at the centre, by leave-one-out.
    """

    source: PredictMean
    ops: tuple[str, ...]
    centre: FloatArray
    scale: FloatArray
    shift: float
    weights: FloatArray
    inverse: FloatArray
    count: int
    sigma: float

    @classmethod
    def fit(
        cls, sources: Sequence[PredictMean], graphs: Sequence[CellGraph], log_seconds: FloatArray
    ) -> Self:
        """Fit on measured graphs, with the source and the penalty of the least leave-one-out error.

        Raises:
            UserError: if there are fewer than `FEWEST_MEASUREMENTS`.
        """
        n = len(graphs)
        if n < FEWEST_MEASUREMENTS:
            raise UserError(
                f"a new device needs at least {FEWEST_MEASUREMENTS} measured functions, but has "
                f"{n}; measure more, 10 to 20 are enough"
            )
        ops = tuple(sorted({op.name for graph in graphs for op in graph.ops[1:-1]}))
        candidates = []
        for source in sources:
            predicted = source(graphs)
            raw, y = _regressors(predicted, graphs, ops), log_seconds - predicted
            candidates += [(source, raw, y, penalty) for penalty in _PENALTIES]
        squares = np.array([_left_out(raw, y, penalty) ** 2 for _, raw, y, penalty in candidates])
        source, raw, y, penalty = candidates[int(np.argmin(squares.sum(axis=1)))]
        # The errors of a candidate chosen for its small errors are optimistic: each error counts
        # as if the choice had been made without it.
        chosen_without = np.argmin(squares.sum(axis=1)[:, None] - squares, axis=0)
        sigma = float(np.sqrt(squares[chosen_without, np.arange(n)].mean()))
        centre, scale = _centre_and_scale(raw)
        x = (raw - centre) / scale
        inverse = np.linalg.inv(x.T @ x + penalty * np.eye(x.shape[1]))
        weights = inverse @ x.T @ (y - y.mean())
        sigma = max(sigma, _LEAST_STD)
        return cls(source, ops, centre, scale, float(y.mean()), weights, inverse, n, sigma)

    def predict(self, graphs: Sequence[CellGraph]) -> Prediction:
        """Logarithms of seconds of n graphs, with their standard errors."""
        predicted = self.source(graphs)
        x = (_regressors(predicted, graphs, self.ops) - self.centre) / self.scale
        mean = predicted + self.shift + x @ self.weights
        leverage = np.einsum("nd,de,ne->n", x, self.inverse, x)
        return Prediction(mean, self.sigma * np.sqrt(1.0 + leverage))


@dataclass(frozen=True, eq=False)
class TransferredLatency(SettingModel):
    """Latency in a setting that no artifact has, after a few measurements in it.

    Attributes:
        setting: name of the new setting.
        device: its processor, in words.
        line: from the predictions of the source to the new device.
        source: the model that is transferred.
        measured: functional key -> seconds on the new device.
    """

    setting: str
    device: str
    line: TransferredLine
    source: LatencyModel
    measured: Mapping[str, float]
    source_of_forecasts: ClassVar[LatencySource] = "transferred"

    @classmethod
    def fit(
        cls,
        sources: Sequence[LatencyModel],
        setting: str,
        device: str,
        graphs: Sequence[CellGraph],
        seconds: FloatArray,
    ) -> Self:
        """Transfer the source that fits best to a new device.

        Args:
            sources: models of other devices or settings, at least one.
            setting: name of the new setting.
            device: its processor, in words.
            graphs: (n,) measured graphs of distinct keys.
            seconds: (n,) measured latencies, > 0.

        Raises:
            UserError: if there is no source, there are too few measurements, a key repeats, or a
                latency is not > 0.
        """
        if not sources:
            raise UserError("a transfer needs a model of another device, but the artifact has none")
        measured = {g.key: float(s) for g, s in zip(graphs, seconds, strict=True)}
        if len(measured) != len(graphs) or not (np.asarray(seconds) > 0).all():
            raise UserError("measured functions must be distinct, and their latencies > 0")
        # No local function, so that the result can be pickled.
        means: list[PredictMean] = [partial(_mean_of, source.predictor) for source in sources]
        try:
            line = TransferredLine.fit(means, graphs, np.log(seconds))
        except UserError as e:
            raise UserError(f"setting {setting!r} on {device!r}: {e}") from e
        source = sources[means.index(line.source)]
        return cls(setting, device, line, source, measured)

    @property
    def support(self) -> TrainedOn:
        """That of the source."""
        return self.source.trained_on

    def predict(self, graphs: Sequence[CellGraph]) -> FloatArray:
        """(n, 4) mean and standard deviation on the new device, and those of the source."""
        found = self.line.predict(graphs)
        return np.column_stack([found.mean, found.std, self.source.predict(graphs)])

    def log_seconds(
        self, predicted: FloatArray, novelty: Sequence[Novelty], level: float
    ) -> LogSeconds:
        """The line's; intervals are those of Student's t.

        The line was fitted on graphs like those of the source's fit. For novel graphs the
        uncertainty of the source is added to it.
        """
        check_level(level)
        novel = np.array([bool(of_graph) for of_graph in novelty])
        mean, line_std = predicted[:, 0], predicted[:, 1]
        half = _student_quantile(level, self.line.count - 1) * line_std
        std = _student_quantile(ONE_SIGMA, self.line.count - 1) * line_std
        if novel.any():
            of_source = self.source.log_seconds(predicted[:, 2:], novelty, level)
            half = np.where(novel, np.hypot(half, of_source.half), half)
            std = np.where(novel, np.hypot(std, of_source.std), std)
        return LogSeconds(mean, half, std)

    def check_level(self, level: float) -> None:
        """Student's t has an interval of every level."""


def transferred_from_sweep(
    sources: Sequence[LatencyModel], folder: Path, semantics: str
) -> list[TransferredLatency]:
    """Transfer the latencies of an artifact to each setting and device of a sweep.

    Args:
        sources: latency models of the artifact.
        folder: folder that `nasasr latency` wrote.
        semantics: how the artifact reads cells.

    Raises:
        UserError: if the folder has no records, or a setting too few measured functions.
    """
    # Late: the records bring pyarrow.
    from train_benchmark.table.latencies import gather_latencies

    groups: dict[tuple[str, str], list[tuple[CellGraph, float]]] = {}
    failures: dict[tuple[str, str], list[str]] = {}
    for record in gather_latencies([folder], semantics):
        group = (record.setting, record.device)
        measured = groups.setdefault(group, [])
        if record.status == "ok":
            graph = cell_graph(Cell.parse(record.cell), Semantics(semantics))
            measured.append((graph, record.latency_s))
        else:
            failures.setdefault(group, []).append(f"{record.status}: {record.error}")
    found = []
    for (setting, device), rows in groups.items():
        if not rows:
            failed = failures[setting, device]
            raise UserError(
                f"--latency {folder}: {setting!r} on {device!r} must have measured functions, but "
                f"of {len(failed)} the first is {failed[0]}; leave the setting out of the sweep"
            )
        graphs, seconds = zip(*rows, strict=True)
        try:
            found.append(
                TransferredLatency.fit(sources, setting, device, graphs, np.array(seconds))
            )
        except UserError as e:
            raise UserError(f"--latency {folder}: {e}") from e
    return found


def _mean_of(predictor: Predictor, graphs: Sequence[CellGraph]) -> FloatArray:
    return predictor.predict(graphs).mean


def _left_out(raw: FloatArray, y: FloatArray, penalty: float) -> FloatArray:
    """(n,) leave-one-out errors, in closed form."""
    centre, scale = _centre_and_scale(raw)
    x = (raw - centre) / scale
    # The shift is free: its projection is 1 / n, since x is centred.
    hat = x @ np.linalg.inv(x.T @ x + penalty * np.eye(x.shape[1])) @ x.T + 1.0 / len(y)
    errors: FloatArray = (y - hat @ y) / (1.0 - np.diag(hat))
    return errors


def _centre_and_scale(raw: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Means and standard deviations; the latter infinite for constant columns, to ignore them."""
    std = raw.std(axis=0)
    return raw.mean(axis=0), np.where(std > 1e-9, std, np.inf)


def _regressors(
    predicted: FloatArray, graphs: Sequence[CellGraph], ops: tuple[str, ...]
) -> NDArray[np.float64]:
    """(n, 1 + ops) predictions of the source, and counts of operations."""
    counts = [[sum(op.name == name for op in graph.ops[1:-1]) for name in ops] for graph in graphs]
    return np.column_stack([predicted, np.array(counts, dtype=np.float64).reshape(len(graphs), -1)])


def _student_quantile(level: float, freedom: int) -> float:
    """Two-sided quantile of Student's t."""
    from scipy.stats import t

    return float(t.ppf((1 + level) / 2, freedom))
