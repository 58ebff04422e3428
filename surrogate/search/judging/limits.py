"""Limits on latencies in a comparison: forecast from a few measured functions."""

from typing import TYPE_CHECKING

import numpy as np

from graph_encoding.graph import CellGraph
from graph_encoding.semantics import Semantics
from surrogate.calibration import calibrate
from surrogate.comparison.plugin import contender
from surrogate.data.targets import FloatArray
from surrogate.latency.model import LatencyModel, device_to_fit, latency_dataset
from surrogate.search.feasibility import ForecastLimit, LimitModel
from surrogate.search.judging.config import CompareConfig, LimitEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from train_benchmark.table.benchmark_table import BenchmarkTable

_FOLDS = 10


class PointLimit(ForecastLimit):
    """As `ForecastLimit`, but it counts as held where the expected latency is below it."""

    @property
    def source(self) -> str:
        """They are forecast, and taken at their word."""
        return f"point forecast of {self.limit.quantity.name}"

    def probability(self, graphs: "Sequence[CellGraph]") -> FloatArray:
        """(n,) ones and zeros."""
        mean = self.model.predictor.predict(graphs).mean
        return np.asarray(mean <= np.log(self.limit.most), dtype=np.float64)


def limit_models(
    config: CompareConfig, table: "BenchmarkTable", name: str, repeat: int
) -> list[LimitModel]:
    """Models of the limits of a search, from functions that its repeat measures."""
    kind = ForecastLimit if config.searchers[name].limits_by == "probability" else PointLimit
    return [
        kind(limit, _fitted(entry, config, table, [config.seed, repeat, place]))
        for place, (limit, entry) in enumerate(
            zip(config.problem.limits, config.limits, strict=True)
        )
    ]


def _fitted(
    entry: LimitEntry, config: CompareConfig, table: "BenchmarkTable", seed: "Sequence[int]"
) -> LatencyModel:
    rng = np.random.default_rng(seed)
    seconds = table.latency.seconds(entry.setting)
    known = [key for key in config.problem.space.functions.keys if key in seconds]
    chosen = [known[i] for i in np.sort(rng.permutation(len(known))[: entry.measured])]
    measured = {key: seconds[key] for key in chosen}
    cells = {key: table.latency.cell_of(key) for key in chosen}
    dataset = latency_dataset(measured, cells, Semantics(table.metadata.semantics))
    predictor = contender(entry.predictor, {})
    # Every operation is measured among so many functions: no forecast is of a novel one.
    found = calibrate(dataset, predictor.make, _FOLDS, rng, novel=False)
    device = device_to_fit(table, entry.setting, _FOLDS)
    return LatencyModel(
        entry.setting, device, found.predictor, found.calibrator, found.trained_on, measured
    )
