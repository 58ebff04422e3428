"""A curve model of a synthetic table, shared by the tests of curves."""

from pathlib import Path

import numpy as np
import pytest

from graph_encoding.cell import Cell
from graph_encoding.graph import cell_graph
from surrogate.curves import (
    CurveForecast,
    CurveModel,
)
from surrogate.data.targets import Logit
from surrogate.predictors import RidgePredictor
from surrogate.testing.synthetic_curves import synthetic_curve_table
from train_benchmark.table.benchmark_table import BenchmarkTable

SCALE = Logit()
GRAPHS = [cell_graph(Cell.parse(text)) for text in ("10_100_1000", "31_210_0101", "conv9:1")]
PREFIX = (0.95, 0.93, 0.88)


@pytest.fixture(scope="session")
def curve_table() -> BenchmarkTable:
    return synthetic_curve_table(60)


@pytest.fixture(scope="session")
def model(curve_table: BenchmarkTable) -> CurveModel:
    return CurveModel.fit(curve_table, RidgePredictor, np.random.default_rng(0))


@pytest.fixture
def saved(model: CurveModel, tmp_path: Path) -> Path:
    model.save(tmp_path / "model")
    return tmp_path / "model"


def numbers(found: CurveForecast) -> list[bytes]:
    """All numbers of a forecast, to the bit."""
    fields = ("mean", "low", "high", "std", "std_model", "std_seed")
    parts = [getattr(part, name) for part in (found, found.val_per) for name in fields]
    return [
        b"" if part is None else part.tobytes()
        for part in (*parts, found.model_mean, found.model_std)
    ]
