"""Every learner fits a tiny set that it can represent: predictors, curves and latencies."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graph_encoding.cell import Cell
from graph_encoding.cost import macs_of_graph, params_of_graph
from graph_encoding.graph import CellGraph, cell_graph
from graph_encoding.macro import TIMIT_MICRO_MACRO
from surrogate.curves import CurveModel
from surrogate.data.targets import FloatArray
from surrogate.latency.model import LatencyModel
from surrogate.latency.new_device import TransferredLatency
from surrogate.metrics import rmse
from surrogate.predictors import (
    PREDICTORS,
    AdditivePredictor,
    GnnSettings,
    GpPredictor,
    LgbmSettings,
    Predictor,
    StackSettings,
    XgbPredictor,
    XgbSettings,
)
from surrogate.predictors.stack import StackXgbSettings
from surrogate.testing.synthetic import synthetic_dataset, synthetic_table
from tests.unit.surrogate.latency.test_model import CELLS, measurement, true_seconds
from train_benchmark.table.benchmark_table import BenchmarkTable

LOOSE_TREES = {"bag_fraction": 1.0, "subsample": 1.0, "reg_lambda": 0.0, "min_child_weight": 0.0}
SETTINGS = {
    "xgb": XgbSettings(members=2, **LOOSE_TREES),
    "lgbm": LgbmSettings(
        members=2, bag_fraction=1.0, min_data_in_leaf=1, lambda_l2=0.0, learning_rate=0.1
    ),
    "gnn": GnnSettings(
        members=1, width=16, layers=2, steps=320, batch=24, learning_rate=0.02, dropout=0.0
    ),
    "stack": StackSettings(folds=3, gnn_from=10**6, xgb=StackXgbSettings(members=2, **LOOSE_TREES)),
}
"""Learners with settings of their own here: less regularised, or smaller."""

COST = {"linear": 1.0, "conv5": 1.5, "conv5d2": 2.5, "conv7": 3.0, "conv7d2": 3.5}


def sum_of_costs(graph: CellGraph) -> float:
    return sum(COST.get(op.name, 0.0) for op in graph.ops[1:-1])


def hash_of_key(graph: CellGraph) -> float:
    """Follows no rule of the graph, so that only memorising fits it."""
    return float(sum(ord(letter) * 7**i for i, letter in enumerate(graph.key)) % 101)


LAWS: dict[str, Callable[[CellGraph], float]] = {
    "mean": lambda _: 1.0,
    "params": lambda graph: params_of_graph(graph, TIMIT_MICRO_MACRO),
    "macs": lambda graph: macs_of_graph(graph, TIMIT_MICRO_MACRO, input_frames=100),
    "xgb": hash_of_key,
    "lgbm": hash_of_key,
    "gnn": hash_of_key,
}
"""Learner -> law of the labels, where it is not the sum of costs."""


def error_share(kind: str) -> float:
    """Error within the fit, in standard deviations of the labels."""
    graphs = synthetic_dataset(16)
    labels = np.array([LAWS.get(kind, sum_of_costs)(graph) for graph in graphs.graphs])
    values = 0.5 + 0.1 * (labels - labels.mean()) / max(float(labels.std()), 1.0)
    data = replace(graphs, values=values)
    predictor = PREDICTORS.get(kind)(SETTINGS.get(kind)).fit(data, np.random.default_rng(0))
    predicted = predictor.predict(data.graphs).mean
    return rmse(predicted, data.model_values) / max(float(data.model_values.std()), 1e-3)


@pytest.mark.parametrize("kind", list(PREDICTORS))
def test_every_predictor_fits_a_tiny_set(kind: str) -> None:
    if kind == "gnn":
        pytest.importorskip("torch_geometric", reason="needs the extra gnn")
    if kind == "lgbm":
        pytest.importorskip("lightgbm", reason="needs the extra predictors")
    assert error_share(kind) < 0.25


def curve_of(graph: CellGraph, epochs: int) -> FloatArray:
    """Falls to a level and at a pace that follow from the operations."""
    cost = sum_of_costs(graph)
    curve: FloatArray = 0.4 + 0.02 * cost + 0.5 * np.exp(-np.arange(1, epochs + 1) / (1 + cost / 5))
    return curve


@pytest.fixture(scope="module")
def curve_table() -> BenchmarkTable:
    """Curves of 16 functions, which two seeds change by a thousandth."""
    rng = np.random.default_rng(0)
    table = synthetic_table(16)
    records = []
    for record in table.records:
        curve = curve_of(cell_graph(Cell.parse(record.cell)), 10) + rng.normal(0, 1e-3, 10)
        records.append(
            replace(
                record,
                val_per_curve=tuple(curve.tolist()),
                train_loss_curve=(1.0,) * 10,
                best_epoch=int(curve.argmin()) + 1,
            )
        )
    return BenchmarkTable(table.metadata, tuple(records))


@pytest.mark.parametrize(
    "make", [GpPredictor, lambda: XgbPredictor(SETTINGS["xgb"])], ids=["gp", "xgb"]
)
def test_a_model_of_curves_fits_a_tiny_table(
    make: Callable[[], Predictor], curve_table: BenchmarkTable
) -> None:
    model = CurveModel.fit(curve_table, make, np.random.default_rng(0), folds=4)
    graphs = [cell_graph(Cell.parse(r.cell)) for r in curve_table.records[::2]]
    expected = np.array([curve_of(graph, 10) for graph in graphs])
    spread = (expected - expected.mean(axis=0)).std()
    assert rmse(model.forecast(graphs, 0.5).mean.ravel(), expected.ravel()) < 0.1 * spread


def test_a_model_of_latency_fits_a_tiny_sweep(tmp_path: Path) -> None:
    cells = dict(list(CELLS.items())[:12])
    synthetic_table(4).save(tmp_path / "t", [measurement(key, cell) for key, cell in cells.items()])
    table = BenchmarkTable.load(tmp_path / "t")
    (setting,) = table.latency.settings
    model = LatencyModel.fit(table, setting, AdditivePredictor, 3, np.random.default_rng(0))
    graphs = [cell_graph(cell) for cell in cells.values()]
    seconds = np.array([true_seconds(graph) for graph in graphs])
    predicted = [forecast.mean for forecast in model.forecast(graphs, 0.5)]
    np.testing.assert_allclose(predicted, seconds, rtol=0.01)
    phone = TransferredLatency.fit([model], "new", "a phone", graphs[:4], 3 * seconds[:4])
    predicted = [forecast.mean for forecast in phone.forecast(graphs, 0.5)]
    np.testing.assert_allclose(predicted, 3 * seconds, rtol=0.02)
