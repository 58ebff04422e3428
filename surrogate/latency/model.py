"""Latency models of an artifact, one per setting, with the measured latencies."""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Self

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.common.array_files import read_arrays, write_tree
from graph_encoding.common.errors import UserError
from graph_encoding.graph import CellGraph, cell_graph
from graph_encoding.semantics import Semantics
from surrogate.calibration import Novelty, SupportCalibrator, TrainedOn, calibrate
from surrogate.calibration.conformal import LevelTooHighError
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.prediction import Prediction
from surrogate.data.targets import FloatArray, LogScale, Target
from surrogate.predictors import Predictor, load_predictor

if TYPE_CHECKING:
    from train_benchmark.table.benchmark_table import BenchmarkTable

MOST_GRAPHS = 2000
"""Most functions that a model is fitted on, a random sample of more."""

FEWEST_FUNCTIONS = 9
"""With fewer held-out errors no interval of level 0.9, the default, exists."""

LatencySource = Literal["artifact", "transferred"]

LatencySupport = Literal["measured", "interpolated", "extrapolated"]

_FILE = "latency.npz"
_OLD_FILE = "latency.json"


@dataclass(frozen=True)
class LatencyForecast:
    """The latency of one cell in one setting, in seconds; lower is better.

    Attributes:
        setting: its name, such as "timit-micro/cpu-onnx-fp32-t1-b1-1s".
        device: name of the processor.
        mean: expected seconds, the median.
        std: standard deviation around it, >= 0.
        low: lower end of the interval; None if too few functions were measured for its level.
        high: upper end; None as `low`.
        measured: measured latency of this function in seconds; None if it was not measured.
        support: "measured", or "interpolated" or "extrapolated" from the measured functions. It
            differs from the support of error rates: other functions were timed than trained.
        source: "artifact": the device is one of the artifact's; "transferred": the forecast is
            transferred from those, with a few measurements on the device.
    """

    setting: str
    device: str
    mean: float
    std: float
    low: float | None
    high: float | None
    measured: float | None
    support: LatencySupport
    source: LatencySource = "artifact"


class LogSeconds(NamedTuple):
    """Predictions for n graphs: natural logarithms of seconds.

    Attributes:
        mean: (n,) means.
        half: (n,) half their intervals, >= 0; NaN without an interval of the level.
        std: (n,) standard deviations, >= 0.
    """

    mean: FloatArray
    half: FloatArray
    std: FloatArray

    def in_seconds(self) -> FloatArray:
        """(4, n) mean, standard deviation and the ends of the interval, in seconds."""
        seconds = np.exp(self.mean)
        low, high = np.exp(self.mean - self.half), np.exp(self.mean + self.half)
        return np.array([seconds, seconds * self.std, low, high])


class SettingModel(ABC):
    """A model of latencies in one setting: predictions first, levels applied on top.

    Attributes:
        setting: its name.
        device: name of the processor.
        measured: functional key -> seconds.
        source_of_forecasts: origin of the predictions.
    """

    setting: str
    device: str
    measured: Mapping[str, float]
    source_of_forecasts: ClassVar[LatencySource] = "artifact"

    @property
    @abstractmethod
    def support(self) -> TrainedOn:
        """Operations and sizes of the graphs of the fit."""

    @property
    def predictors(self) -> Sequence[Predictor]:
        """The predictors that `predict` asks."""
        return ()

    @abstractmethod
    def predict(self, graphs: Sequence[CellGraph]) -> FloatArray:
        """(n, k) what is predicted for n graphs, without a level."""

    @abstractmethod
    def log_seconds(
        self, predicted: FloatArray, novelty: Sequence[Novelty], level: float
    ) -> LogSeconds:
        """Predictions at a level, from `predict` and the (n,) novelties of the graphs."""

    @abstractmethod
    def check_level(self, level: float) -> None:
        """Make sure that an interval of a level exists.

        Raises:
            LevelTooHighError: if too few functions were measured for it.
        """

    def at_level(
        self, predicted: FloatArray, novelty: Sequence[Novelty], level: float
    ) -> FloatArray:
        """(n, 5) numbers of `forecast_of`."""
        novel = [float(bool(of_graph)) for of_graph in novelty]
        seconds = self.log_seconds(predicted, novelty, level).in_seconds()
        return np.array([*seconds, novel]).T

    def forecast_of(self, key: str, numbers: Sequence[float]) -> LatencyForecast:
        """The forecast of a function, of its row of `at_level`."""
        mean, std, low, high, novel = numbers
        known = self.measured.get(key)
        like: LatencySupport = "extrapolated" if novel else "interpolated"
        support = like if known is None else "measured"
        has_interval = not math.isnan(low)
        return LatencyForecast(
            self.setting,
            self.device,
            mean,
            std,
            low if has_interval else None,
            high if has_interval else None,
            known,
            support,
            self.source_of_forecasts,
        )

    def forecast(self, graphs: Sequence[CellGraph], level: float) -> list[LatencyForecast]:
        """Forecast n graphs.

        Args:
            graphs: the graphs; equal keys get equal forecasts.
            level: probability with which a latency lies in its interval, in (0, 1). There is no
                interval if too few functions were measured for it.
        """
        novelty = [self.support.novelty(graph) for graph in graphs]
        rows = self.at_level(self.predict(graphs), novelty, level).tolist()
        return [self.forecast_of(graph.key, row) for graph, row in zip(graphs, rows, strict=True)]


@dataclass(frozen=True, eq=False)
class LatencyModel(SettingModel):
    """The fitted model of one setting.

    Attributes:
        setting: its name.
        device: name of the processor.
        predictor: of the logarithm of seconds.
        calibrator: of its intervals.
        trained_on: operations and sizes of the graphs that it was fitted on.
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
        """Fit on the latencies of a table in one setting.

        Raises:
            UserError: if the setting was measured on several devices, or for too few functions.
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

    @property
    def support(self) -> TrainedOn:
        """As of the fit."""
        return self.trained_on

    @property
    def predictors(self) -> Sequence[Predictor]:
        """That of the logarithm of seconds."""
        return (self.predictor,)

    def predict(self, graphs: Sequence[CellGraph]) -> FloatArray:
        """(n, 2) mean and standard deviation of the predictor for n graphs."""
        found = self.predictor.predict(graphs)
        return np.array([found.mean, found.std]).T

    def log_seconds(
        self, predicted: FloatArray, novelty: Sequence[Novelty], level: float
    ) -> LogSeconds:
        """The predictor's, calibrated; NaN for an interval of too high a level."""
        prediction = Prediction(*predicted.T)
        try:
            interval = self.calibrator.interval(prediction, level, novelty)
            half = (interval.high - interval.low) / 2
        except LevelTooHighError:
            half = np.full(len(prediction), np.nan)
        return LogSeconds(prediction.mean, half, self.calibrator.std(prediction, novelty))

    def check_level(self, level: float) -> None:
        """A level needs enough measured functions."""
        try:
            self.calibrator.inside.quantile(level)
        except LevelTooHighError as e:
            raise LevelTooHighError(f"latency in setting {self.setting!r}: {e}", e.most) from e

    def save(self, folder: Path) -> None:
        """Write the model into a folder, which is made if need be."""
        self.predictor.save(folder)
        # Nine digits: a measurement has three.
        seconds = np.array([float(f"{s:.9g}") for s in self.measured.values()])
        tree = {
            "setting": self.setting,
            "device": self.device,
            "trained_on": asdict(self.trained_on),
            "calibration": self.calibrator.to_plain(),
            "keys": list(self.measured),
            "seconds": seconds,
        }
        write_tree(folder / _FILE, tree)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the files of `save`, whose checksums the artifact has verified."""
        if (folder / _FILE).is_file():
            header = read_arrays(folder / _FILE)
            measured = dict(zip(header["keys"], header["seconds"].tolist(), strict=True))
        else:
            header = json.loads((folder / _OLD_FILE).read_text(encoding="utf-8"))
            measured = header["measured"]
        trained_on = TrainedOn(tuple(header["trained_on"]["ops"]), header["trained_on"]["nodes"])
        return cls(
            header["setting"],
            header["device"],
            load_predictor(folder),
            SupportCalibrator.from_plain(header["calibration"]),
            trained_on,
            measured,
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
            f"an artifact has one device per setting, but {setting!r} was measured on {device!r} "
            f"and {others}; build a table with the latencies of one device"
        )
    found, least = table.latency.counts(setting), max(folds, FEWEST_FUNCTIONS)
    if found < least:
        raise UserError(
            f"a latency model needs at least {least} functions, but {setting!r} was measured for "
            f"{found}; measure more, or build a table without it and give its folder to "
            "`nasasr predict --latency`, which needs fewer"
        )
    return device


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
    graphs = [cell_graph(Cell.parse(cells[key]), semantics) for key in measured]
    return SurrogateDataset.of_single(target, graphs, list(measured.values()))
