"""Latency within an artifact: one fitted model for each setting, and what was measured."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.graph import CellGraph, cell_graph
from graph_encoding.semantics import Semantics
from surrogate.calibration import SupportCalibrator, TrainedOn, calibrate
from surrogate.calibration.conformal import LevelTooHighError
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.targets import FloatArray, LogScale, Target
from surrogate.predictors import Predictor, load_predictor

if TYPE_CHECKING:
    from train_benchmark.table.benchmark_table import BenchmarkTable

MOST_GRAPHS = 2000
"""Functions that a model learns from: of more, a random choice. All of them are looked up."""

FEWEST_FUNCTIONS = 9
"""Errors of fewer cannot bound a level of 0.9, which forecasts have by default."""

LatencySource = Literal["artifact", "transferred"]

LatencySupport = Literal["measured", "interpolated", "extrapolated"]

_HEADER_FILE = "latency.json"


@dataclass(frozen=True)
class LatencyForecast:
    """The latency of one cell in one setting, in seconds; lower is better.

    Attributes:
        setting: what was measured, such as "timit-micro/cpu-onnx-fp32-t1-b1-1s".
        device: processor that it was measured on, in words.
        mean: seconds expected, the median.
        std: standard deviation around it, >= 0.
        low: lower end of the interval.
        high: upper end.
        measured: seconds measured of this function; None if it was not.
        support: what the forecast rests on: the function's measurement, those of functions like
            it, or only such of other operations or smaller size. Not the support of error rates:
            fewer functions may have been timed than trained, or others.
        source: "artifact": the device is one of the artifact's; "transferred": it is carried over
            from those, with a few measurements that were given.
    """

    setting: str
    device: str
    mean: float
    std: float
    low: float
    high: float
    measured: float | None
    support: LatencySupport
    source: LatencySource = "artifact"


class LogSeconds(NamedTuple):
    """What is said of n graphs: natural logarithms of seconds.

    Attributes:
        mean: (n,) answers.
        half: (n,) half their intervals, >= 0.
        std: (n,) standard deviations, >= 0.
    """

    mean: FloatArray
    half: FloatArray
    std: FloatArray


@dataclass(frozen=True, eq=False)
class LatencyModel:
    """All that is learned about one setting.

    Attributes:
        setting: its name.
        device: processor of the measurements, in words.
        predictor: of the logarithm of seconds.
        calibrator: turns its answers into intervals.
        trained_on: operations and sizes that it learned from.
        measured: functional key -> seconds.
    """

    setting: str
    device: str
    predictor: Predictor
    calibrator: SupportCalibrator
    trained_on: TrainedOn
    measured: Mapping[str, float]

    @classmethod
    def fit(
        cls,
        table: "BenchmarkTable",
        setting: str,
        make_predictor: Callable[[], Predictor],
        folds: int,
        rng: np.random.Generator,
    ) -> Self:
        """Fit on what a table has of a setting.

        Raises:
            UserError: if the setting was measured on several devices, or of too few functions.
        """
        device = device_to_fit(table, setting, folds)
        measured = table.latency.seconds(setting)
        cells = {key: table.latency.cell_of(key) for key in measured}
        dataset = latency_dataset(measured, cells, Semantics(table.metadata.semantics))
        chosen = np.sort(rng.permutation(len(dataset))[:MOST_GRAPHS])
        dataset = dataset.subset(chosen)
        found = calibrate(dataset, make_predictor, folds, rng)
        return cls(
            setting, device, found.predictor, found.calibrator, found.trained_on, dict(measured)
        )

    def forecast(self, graphs: Sequence[CellGraph], level: float) -> list[LatencyForecast]:
        """Forecast n graphs.

        Args:
            graphs: the graphs; equal keys get equal forecasts.
            level: probability with which a latency lies in its interval, in (0, 1).

        Raises:
            UserError: if too few functions were measured for the level.
        """
        answers = self.log_seconds(graphs, level)
        outside = [bool(self.trained_on.novelty(graph)) for graph in graphs]
        return latency_forecasts(self.setting, self.device, graphs, answers, outside, self.measured)

    def log_seconds(self, graphs: Sequence[CellGraph], level: float) -> LogSeconds:
        """As `forecast`, on the scale that is learned."""
        beyond = [self.trained_on.novelty(graph) for graph in graphs]
        answer = self.predictor.predict(graphs)
        try:
            interval = self.calibrator.interval(answer, level, beyond)
        except LevelTooHighError as e:
            raise LevelTooHighError(f"latency in setting {self.setting!r}: {e}", e.most) from e
        half = (interval.high - interval.low) / 2
        return LogSeconds(answer.mean, half, self.calibrator.std(answer, beyond))

    def save(self, folder: Path) -> None:
        """Write the model into a folder, which is made if need be."""
        self.predictor.save(folder)
        header = {
            "setting": self.setting,
            "device": self.device,
            "trained_on": asdict(self.trained_on),
            "calibration": self.calibrator.to_plain(),
            # Nine digits: a measurement has three.
            "measured": {key: float(f"{s:.9g}") for key, s in self.measured.items()},
        }
        (folder / _HEADER_FILE).write_text(
            json.dumps(header, separators=(",", ":")) + "\n", encoding="utf-8"
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; its files are those that an artifact has checked."""
        header = json.loads((folder / _HEADER_FILE).read_text(encoding="utf-8"))
        trained_on = TrainedOn(tuple(header["trained_on"]["ops"]), header["trained_on"]["nodes"])
        return cls(
            header["setting"],
            header["device"],
            load_predictor(folder),
            SupportCalibrator.from_plain(header["calibration"]),
            trained_on,
            header["measured"],
        )


def device_to_fit(table: "BenchmarkTable", setting: str, folds: int) -> str:
    """The one device of a setting that `LatencyModel.fit` can learn from.

    Raises:
        UserError: if the setting was measured on several devices, or of fewer functions than
            there are folds, or than `FEWEST_FUNCTIONS`.
    """
    (device, *others) = table.latency.devices(setting)
    if others:
        raise UserError(
            f"an artifact has one device a setting, but {setting!r} was measured on {device!r} "
            f"and {others}; build a table with the latencies of one device"
        )
    found, least = table.latency.counts(setting), max(folds, FEWEST_FUNCTIONS)
    if found < least:
        raise UserError(
            f"a latency model needs at least {least} functions, but {setting!r} was measured of "
            f"{found}; measure more, or build a table without it and give its folder to "
            "`nasasr predict --latency`, which needs fewer"
        )
    return device


def latency_forecasts(
    setting: str,
    device: str,
    graphs: Sequence[CellGraph],
    answers: LogSeconds,
    outside: Sequence[bool],
    measured: Mapping[str, float],
    source: LatencySource = "artifact",
) -> list[LatencyForecast]:
    """Answers on the scale of logarithms as forecasts in seconds, one a graph.

    Args:
        setting: name of the setting.
        device: processor, in words.
        graphs: (n,) what was asked.
        answers: what is said of them.
        outside: (n,) whether a graph is unlike those that were learned from.
        measured: functional key -> seconds.
        source: where the answers come from.
    """
    mean, half, std = answers
    seconds = np.exp(mean)
    columns = (seconds, seconds * std, np.exp(mean - half), np.exp(mean + half))
    rows = zip(graphs, outside, *(column.tolist() for column in columns), strict=True)
    found = []
    for graph, is_outside, mean_s, std_s, low_s, high_s in rows:
        known = measured.get(graph.key)
        like: LatencySupport = "extrapolated" if is_outside else "interpolated"
        support = like if known is None else "measured"
        numbers = (mean_s, std_s, low_s, high_s)
        found.append(LatencyForecast(setting, device, *numbers, known, support, source))
    return found


def latency_dataset(
    measured: Mapping[str, float], cells: Mapping[str, str], semantics: Semantics
) -> SurrogateDataset:
    """Latencies as labelled graphs.

    Args:
        measured: functional key -> seconds.
        cells: functional key -> a cell of the function, as text.
        semantics: how cells are read.
    """
    target = Target("latency_s", "latency_s", "second", "minimise", LogScale())
    graphs = tuple(cell_graph(Cell.parse(cells[key]), semantics) for key in measured)
    return SurrogateDataset(
        target,
        graphs,
        np.array(list(measured.values())),
        np.ones(len(graphs), dtype=np.int64),
        np.full(len(graphs), np.nan),
    )
