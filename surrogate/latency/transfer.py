"""Latency on a new device, from a few measurements there and a model of another device."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from graph_encoding.graph import CellGraph
from surrogate.data.prediction import ONE_SIGMA, Prediction, check_level
from surrogate.data.targets import FloatArray
from surrogate.latency.model import LatencyForecast, LatencyModel, LogSeconds, latency_forecasts

FEWEST_MEASUREMENTS = 4
"""With fewer, nothing is left to say how wrong the answers are."""

_PENALTIES = np.geomspace(1e-2, 1e4, 25)
_LEAST_STD = 1e-3
"""Logarithms of seconds: a tenth of a per cent is finer than any measurement."""

Answer = Callable[[Sequence[CellGraph]], FloatArray]


@dataclass(frozen=True, eq=False)
class TransferredLine:
    """A line from what a source says to what a new device needs, with a spread.

    On the logarithms of seconds: `new = source + a + b (source - centre) + c . counts`. The shift a
    is free, b and c are shrunk towards 0 by one penalty, so that with few measurements the
    new device is the old one times a factor.

    Attributes:
        source: (n,) logarithms of seconds that the source says of n graphs.
        ops: operations that are counted.
        centre: (d,) means of the regressors.
        scale: (d,) their spreads.
        shift: a, at the centre.
        weights: (d,) b and c, in units of the spreads.
        inverse: (d, d) inverse of the penalised Gram matrix.
        count: measurements.
        sigma: standard error of an answer at the centre, by leave-one-out.
    """

    source: Answer
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
        cls, sources: Sequence[Answer], graphs: Sequence[CellGraph], log_seconds: FloatArray
    ) -> Self:
        """Fit on measured graphs, from the source and with the penalty that err least.

        Raises:
            UserError: if there are fewer than `FEWEST_MEASUREMENTS`.
        """
        n = len(graphs)
        if n < FEWEST_MEASUREMENTS:
            raise UserError(
                f"a new device needs at least {FEWEST_MEASUREMENTS} measured functions, but has "
                f"{n}; measure some more, 10 to 20 are good"
            )
        ops = tuple(sorted({op.name for graph in graphs for op in graph.ops[1:-1]}))
        candidates = []
        for source in sources:
            told = source(graphs)
            raw = _regressors(told, graphs, ops)
            candidates += [(source, raw, log_seconds - told, penalty) for penalty in _PENALTIES]
        squares = np.array([_left_out(raw, y, penalty) ** 2 for _, raw, y, penalty in candidates])
        source, raw, y, penalty = candidates[int(np.argmin(squares.sum(axis=1)))]
        # What is chosen for its small errors errs more than they say: each error counts as if
        # the choice had been made without it.
        chosen_without = np.argmin(squares.sum(axis=1)[:, None] - squares, axis=0)
        sigma = float(np.sqrt(squares[chosen_without, np.arange(n)].mean()))
        centre, scale = _centre_and_scale(raw)
        x = (raw - centre) / scale
        inverse = np.linalg.inv(x.T @ x + penalty * np.eye(x.shape[1]))
        weights = inverse @ x.T @ (y - y.mean())
        sigma = max(sigma, _LEAST_STD)
        return cls(source, ops, centre, scale, float(y.mean()), weights, inverse, n, sigma)

    def predict(self, graphs: Sequence[CellGraph]) -> Prediction:
        """Logarithms of seconds of n graphs, and how far off they may be."""
        told = self.source(graphs)
        x = (_regressors(told, graphs, self.ops) - self.centre) / self.scale
        mean = told + self.shift + x @ self.weights
        leverage = np.einsum("nd,de,ne->n", x, self.inverse, x)
        return Prediction(mean, self.sigma * np.sqrt(1.0 + leverage))


@dataclass(frozen=True, eq=False)
class TransferredLatency:
    """Latency in a setting that no artifact has, after a few measurements in it.

    Attributes:
        setting: name of the new setting.
        device: its processor, in words.
        line: from the source's answers to the new device's.
        source: what is carried over.
        measured: functional key -> seconds on the new device.
    """

    setting: str
    device: str
    line: TransferredLine
    source: LatencyModel
    measured: Mapping[str, float]

    @classmethod
    def fit(
        cls,
        sources: Sequence[LatencyModel],
        setting: str,
        device: str,
        graphs: Sequence[CellGraph],
        seconds: FloatArray,
    ) -> Self:
        """Carry the source that fits best over to a new device.

        Args:
            sources: models of other devices or settings, at least one.
            setting: name of the new setting.
            device: its processor, in words.
            graphs: (n,) measured graphs of distinct keys.
            seconds: (n,) what was measured, > 0.

        Raises:
            UserError: if there is no source, there are too few measurements, a key repeats, or a
                latency is not > 0.
        """
        if not sources:
            raise UserError("a transfer needs a model of another device, but the artifact has none")
        measured = {g.key: float(s) for g, s in zip(graphs, seconds, strict=True)}
        if len(measured) != len(graphs) or not (np.asarray(seconds) > 0).all():
            raise UserError("measured functions must be distinct, and their latencies > 0")
        answers = [_answer(source) for source in sources]
        try:
            line = TransferredLine.fit(answers, graphs, np.log(seconds))
        except UserError as e:
            raise UserError(f"setting {setting!r} on {device!r}: {e}") from e
        source = sources[answers.index(line.source)]
        return cls(setting, device, line, source, measured)

    def forecast(self, graphs: Sequence[CellGraph], level: float) -> list[LatencyForecast]:
        """As `LatencyModel.forecast`; intervals are those of Student's t.

        The line was measured on graphs like those that the source knows. For others the source's
        own doubt is added to it.
        """
        check_level(level)
        outside = np.array([bool(self.source.trained_on.novelty(graph)) for graph in graphs])
        answer = self.line.predict(graphs)
        half = _student_quantile(level, self.line.count - 1) * answer.std
        std = _student_quantile(ONE_SIGMA, self.line.count - 1) * answer.std
        if outside.any():
            of_source = self.source.log_seconds(graphs, level)
            half = np.where(outside, np.hypot(half, of_source.half), half)
            std = np.where(outside, np.hypot(std, of_source.std), std)
        answers = LogSeconds(answer.mean, half, std)
        return latency_forecasts(
            self.setting,
            self.device,
            graphs,
            answers,
            outside.tolist(),
            self.measured,
            "transferred",
        )


def _answer(source: LatencyModel) -> Answer:
    return lambda graphs: source.predictor.predict(graphs).mean


def _left_out(raw: FloatArray, y: FloatArray, penalty: float) -> FloatArray:
    """(n,) errors of each row by the line of all others, in closed form."""
    centre, scale = _centre_and_scale(raw)
    x = (raw - centre) / scale
    # The shift is free: its projection is 1 / n, since x is centred.
    hat = x @ np.linalg.inv(x.T @ x + penalty * np.eye(x.shape[1])) @ x.T + 1.0 / len(y)
    errors: FloatArray = (y - hat @ y) / (1.0 - np.diag(hat))
    return errors


def _centre_and_scale(raw: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Means, and spreads; a column without any counts for nothing."""
    spread = raw.std(axis=0)
    return raw.mean(axis=0), np.where(spread > 1e-9, spread, np.inf)


def _regressors(
    told: FloatArray, graphs: Sequence[CellGraph], ops: tuple[str, ...]
) -> NDArray[np.float64]:
    """(n, 1 + ops) what the source says, and counts of operations."""
    counts = [[sum(op.name == name for op in graph.ops[1:-1]) for name in ops] for graph in graphs]
    return np.column_stack([told, np.array(counts, dtype=np.float64).reshape(len(graphs), -1)])


def _student_quantile(level: float, freedom: int) -> float:
    """What the size of a value of Student's t stays below with a probability."""
    from scipy.stats import t

    return float(t.ppf((1 + level) / 2, freedom))
