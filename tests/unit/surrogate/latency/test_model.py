"""Latency within artifacts and forecasts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graph_encoding import Cell, CellSpace, Semantics, UserError, cell_graph
from graph_encoding.graph import CellGraph
from surrogate.data.targets import VAL_PER
from surrogate.fitting.artifact import Artifact, load_artifact
from surrogate.fitting.fit_artifact import fit_artifact
from surrogate.forecasting.forecast import Forecaster
from surrogate.latency.model import LatencyModel
from surrogate.metrics import spearman_rho
from surrogate.predictors import AdditivePredictor, RidgePredictor
from surrogate.testing.synthetic import synthetic_table
from tests.unit.train_benchmark.table.test_latencies import RECORDS, SETTING
from train_benchmark.record_files.latency_record import LatencyRecord
from train_benchmark.table.benchmark_table import BenchmarkTable

COST_MS = {"linear": 0.05, "conv5": 0.07, "conv5d2": 0.08, "conv7": 0.09, "conv7d2": 0.1}
CELLS = CellSpace().sample_keys(200, Semantics.PAPER, np.random.default_rng(5))


def true_seconds(graph: CellGraph) -> float:
    """A fixed cost, one for each operation, and one for each sum."""
    ops = sum(COST_MS[op.name] for op in graph.ops[1:-1])
    return (0.1 + ops + 0.005 * len(graph.edges)) / 1000


def measurement(key: str, cell: Cell) -> LatencyRecord:
    seconds = true_seconds(cell_graph(cell))
    return replace(RECORDS[0], functional_key=key, cell=cell.text, latency_s=seconds)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> BenchmarkTable:
    """60 functions with trainings, and latencies of 120 others."""
    folder = tmp_path_factory.mktemp("tables") / "made-up"
    latencies = [measurement(key, cell) for key, cell in list(CELLS.items())[:120]]
    synthetic_table(60).save(folder, latencies)
    return BenchmarkTable.load(folder)


@pytest.fixture(scope="module")
def with_latency(table: BenchmarkTable) -> Artifact:
    return fit_artifact(
        table,
        (VAL_PER,),
        RidgePredictor,
        name="made-up",
        seed_policy="mean",
        folds=3,
        seed=0,
        effective_config={},
        make_latency_predictor=AdditivePredictor,
    )


def test_new_cells_are_ranked_and_covered(with_latency: Artifact) -> None:
    cells = list(CELLS.values())[120:]
    truth = np.array([true_seconds(cell_graph(cell)) for cell in cells])
    predicted = [f.latencies[0] for f in Forecaster(with_latency).forecast(cells, 0.9)]
    assert spearman_rho(np.array([t.mean for t in predicted]), truth) > 0.97
    assert np.median(np.abs([t.mean for t in predicted] / truth - 1)) < 0.02
    inside = [t.low <= s <= t.high for t, s in zip(predicted, truth, strict=True)]
    assert np.mean(inside) > 0.75  # 80 cells around .9: two standard errors are .07
    assert all(t.setting == SETTING and t.device == "a processor" for t in predicted)
    assert all(t.measured is None for t in predicted)


def test_latencies_are_forecast_in_the_settings_that_are_named(with_latency: Artifact) -> None:
    forecaster = Forecaster(with_latency)
    assert forecaster.settings == (SETTING,)
    whole = forecaster.forecast(["10_100_1000"])[0].latencies
    for named, found in ((SETTING, whole), (iter([SETTING]), whole), ([], ()), (True, whole)):
        assert forecaster.forecast(["10_100_1000"], latency=named)[0].latencies == found
    with pytest.raises(UserError, match=rf"settings {SETTING}, but got phone"):
        forecaster.forecast(["10_100_1000"], latency=["phone"])


def test_measured_functions_have_their_measurement_beside(with_latency: Artifact) -> None:
    key, cell = next(iter(CELLS.items()))
    (forecast,) = Forecaster(with_latency).forecast([cell])
    assert forecast.functional_key == key
    assert forecast.latencies[0].measured == pytest.approx(true_seconds(cell_graph(cell)))


def test_dead_cells_and_artifacts_without_have_none(
    with_latency: Artifact, artifact: Artifact
) -> None:
    dead, living = Forecaster(with_latency).forecast([Cell.parse("51_500_5000"), Cell.parse("10")])
    assert dead.latencies == ()
    assert len(living.latencies) == 1
    assert Forecaster(with_latency).forecast([Cell.parse("50")])[0].latencies == ()
    assert Forecaster(artifact).forecast([Cell.parse("10")])[0].latencies == ()


def test_saved_latency_models_forecast_the_same(with_latency: Artifact, tmp_path: Path) -> None:
    with_latency.save(tmp_path / "saved")
    cells = [*list(CELLS.values())[118:123], Cell.parse("conv9:1_100_1000_10000")]
    loaded = Forecaster(load_artifact(tmp_path / "saved")).forecast(cells)
    for ours, theirs in zip(Forecaster(with_latency).forecast(cells), loaded, strict=True):
        assert ours.latencies[0].mean == theirs.latencies[0].mean
        assert ours.latencies[0].low == theirs.latencies[0].low
    measured = [f.latencies[0].measured for f in loaded]
    expected = [*(true_seconds(cell_graph(cell)) for cell in cells[:2]), None, None, None, None]
    assert [m and round(m, 9) for m in measured] == [e and round(e, 9) for e in expected]


def test_novel_cells_are_less_certain(with_latency: Artifact) -> None:
    known, unlike = Forecaster(with_latency).forecast(
        [Cell.parse("10_100_1000"), Cell.parse("10_conv9:00_1000")]
    )

    def ratio(of: object) -> float:
        return of.high / of.low  # type: ignore[attr-defined, no-any-return]

    assert ratio(unlike.latencies[0]) > ratio(known.latencies[0])


def test_two_devices_of_one_setting_are_refused(table: BenchmarkTable, tmp_path: Path) -> None:
    both = [replace(r, device=device) for r in table.latency.records() for device in ("a", "b")]
    table.save(tmp_path / "both", both)
    with pytest.raises(UserError, match="one device per setting"):
        LatencyModel.fit(
            BenchmarkTable.load(tmp_path / "both"),
            SETTING,
            AdditivePredictor,
            3,
            np.random.default_rng(0),
        )


def test_a_level_too_high_for_the_latencies_names_their_setting(
    with_latency: Artifact,
) -> None:
    (model,) = with_latency.latency
    with pytest.raises(UserError, match=f"setting '{SETTING}': 120 held-out keys .*0.9917"):
        model.check_level(0.995)
    graphs = [cell_graph(Cell.parse("10"))]
    (without,), (with_one,) = model.forecast(graphs, 0.995), model.forecast(graphs, 0.99)
    assert without == replace(with_one, low=None, high=None)


def test_a_latency_rests_on_what_was_timed_and_not_on_what_was_trained(
    with_latency: Artifact,
) -> None:
    """The fit of error rates knows sixty functions, that of latencies others."""
    timed, unseen = (list(CELLS.values())[i] for i in (0, 150))
    cells = [timed, unseen, Cell.parse("conv9:0_100_1000")]
    predicted = Forecaster(with_latency).forecast(cells, 0.8)
    supports = [forecast.latencies[0].support for forecast in predicted]
    assert supports == ["measured", "interpolated", "extrapolated"]
