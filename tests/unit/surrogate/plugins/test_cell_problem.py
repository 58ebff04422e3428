"""The problem that all adapters share: equal to single queries, and strict about names."""

import numpy as np
import pytest

from graph_encoding.cell import Cell
from graph_encoding.common.errors import DeadCellError, UserError
from graph_encoding.macro import MACROS
from graph_encoding.semantics import Semantics
from graph_encoding.space import CellSpace
from surrogate.data.targets import VAL_PER
from surrogate.plugins.cell_problem import CellProblem, NoValueError, merged_dataset
from surrogate.search.space import SearchSpace
from tests.unit.surrogate.plugins.shipped import (
    DEAD,
    LATENCY,
    SEED,
    partly_measured,
    shipped,
    without_seed,
)
from train_benchmark.table.query import query_latency

CELLS = [CellSpace().cell(index) for index in range(1_000, 13_000, 997)]
LIVING = [cell for cell in CELLS if not SearchSpace().function(cell).is_dead]


@pytest.mark.parametrize("seed", ["mean", SEED])
def test_values_are_those_of_single_queries(seed: object) -> None:
    cells = CellProblem(
        shipped(), ("val_per", "test_per", LATENCY, "macs"), limits={"params": 1e5}, seed=seed
    )
    for cell in LIVING:
        values = cells.values(cell)
        assert values["val_per"] == shipped().query(cell, seed=seed).value
        assert values["test_per"] == shipped().query(cell, "test_per", seed=seed).value
        assert values[LATENCY] == query_latency(shipped().table, cell, LATENCY)
        (forecast,) = shipped().forecaster.forecast([cell], targets=(), curve=False, latency=())
        assert (values["macs"], values["params"]) == (forecast.macs, forecast.params)
        assert cells.costs(cell) == tuple(values[name] for name in cells.names)
        assert cells.excess(values) == {"params": values["params"] / 1e5 - 1}


@pytest.mark.parametrize("benchmark", [shipped, partly_measured])
def test_curves_and_epochs_are_those_of_single_queries(benchmark: object) -> None:
    cells = CellProblem(benchmark())
    for cell in LIVING[:5]:
        curve = cells.curve(cell)
        assert len(curve) == cells.epochs
        for epoch in (1, 2, cells.epochs):
            value = cells.benchmark.query(cell, epoch=epoch).value
            assert curve[epoch - 1] == pytest.approx(value, rel=1e-9)
            assert cells.costs(cell, epoch=epoch) == pytest.approx((value,), rel=1e-9)


def test_unmeasured_functions_are_forecast() -> None:
    cells = CellProblem(partly_measured())
    sources = set()
    for cell in LIVING:
        answer = partly_measured().query(cell)
        sources.add(answer.source)
        assert cells.costs(cell) == pytest.approx((answer.value,), rel=1e-9)
    assert sources == {"forecast"}


def test_a_measured_latency_and_a_forecast_one() -> None:
    setting = "paper/cpu-onnx-fp32-t1-b1-4s"
    sources = {shipped().query_latency(cell, setting).source for cell in LIVING * 1}
    assert "forecast" in sources
    measured = shipped().table.latency.seconds(setting)
    key, seconds = next(iter(measured.items()))
    cell = shipped().table.latency.cell_of(key)
    assert shipped().query_latency(cell, setting).value == seconds
    with pytest.raises(UserError, match="has the settings"):
        shipped().query_latency(cell, "timit-micro/none")
    with pytest.raises(UserError, match="it is dead"):
        shipped().query_latency(DEAD, setting)


def test_cells_without_a_value_raise_an_error_of_their_own() -> None:
    cells = CellProblem(shipped(), seed=1236)
    with pytest.raises(NoValueError, match="'51_500_5000' is dead"):
        cells.values(Cell.parse(DEAD))
    with pytest.raises(NoValueError, match="has none; choose the seed 'mean'"):
        cells.values(without_seed(1236))
    with pytest.raises(NoValueError, match="dead"):
        cells.curve(Cell.parse(DEAD))


def test_the_front_is_the_best_of_all_living_functions() -> None:
    single = CellProblem(shipped())
    assert single.front.tolist() == [[np.nanmin(shipped().arrays().value)]]
    cells = CellProblem(shipped(), ("val_per", "params"), limits={LATENCY: 0.00025})
    front = cells.front
    assert len(front) > 2
    # Sorted by one objective, the other falls.
    assert (np.diff(front[:, 0]) > 0).all() and (np.diff(front[:, 1]) < 0).all()
    for cell in LIVING:
        values = cells.values(cell)
        if values[LATENCY] <= 0.00025:
            costs = np.array([values["val_per"], values["params"]])
            assert (front <= costs).all(axis=1).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"objectives": ("accuracy",)}, "a quantity must be a target"),
        ({"objectives": ()}, "at least one objective"),
        ({"objectives": ("timit-micro/none",)}, "has the settings"),
        ({"seed": 7}, r"has the seeds \[1234, 1235, 1236\]"),
        ({"epoch": 21}, "an epoch must be in 1 .. 20, but got 21"),
        ({"epoch": 0}, "an epoch must be in 1 .. 20, but got 0"),
        ({"epoch": 3, "objectives": ("test_per",)}, "goes with the metric 'val_per' only"),
        ({"limits": {"params": 0.0}}, "finite number > 0"),
        ({"limits": {"val_per": 0.5}}, "make it an objective"),
    ],
)
def test_wrong_arguments_are_refused_at_once(arguments: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        CellProblem(shipped(), **arguments)


def test_wrong_seeds_and_epochs_of_one_evaluation_are_refused() -> None:
    cells = CellProblem(shipped())
    for how, message in (({"seed": 7}, "has the seeds"), ({"epoch": 21}, "must be in 1")):
        with pytest.raises(UserError, match=message) as caught:
            cells.values(LIVING[0], **how)
        assert not isinstance(caught.value, NoValueError)


def test_epochs_and_macros_must_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = CellProblem(shipped())
    monkeypatch.setitem(vars(shipped().table), "epochs", None)
    with pytest.raises(UserError, match="need trainings of one length"):
        _ = cells.epochs
    monkeypatch.setattr(MACROS, "_entries", {})
    with pytest.raises(UserError, match="need a registered macro network"):
        CellProblem(shipped())


def test_labels_of_equal_functions_are_merged() -> None:
    graphs = [SearchSpace().function(Cell.parse(text)).graph for text in ("10_100", "11_100")]
    dataset = merged_dataset(VAL_PER, [*graphs, graphs[0]], np.array([0.2, 0.5, 0.4]))
    assert dataset.keys == tuple(graph.key for graph in graphs)
    assert dataset.values.tolist() == pytest.approx([0.3, 0.5])
    assert dataset.seed_counts.tolist() == [2, 1]
    assert np.isfinite(dataset.seed_variances).tolist() == [True, False]


def test_the_space_reads_cells_as_the_table_does() -> None:
    assert CellProblem(shipped()).search.space.semantics is Semantics.PAPER


def test_a_dead_cell_has_the_error_of_the_library() -> None:
    with pytest.raises(DeadCellError):
        CellProblem(shipped()).values(Cell.parse(DEAD))
    with pytest.raises(DeadCellError):
        shipped().query_latency(DEAD, "timit-micro/cpu-onnx-fp32-t1-b1-1s")


def test_a_space_is_read_as_its_table_is() -> None:
    with pytest.raises(UserError, match="must have the semantics of its table, 'paper', but has"):
        CellProblem(shipped(), space=SearchSpace(semantics=Semantics.RELEASED))


def test_each_graph_has_a_label() -> None:
    graphs = SearchSpace().functions.graphs[:3]
    with pytest.raises(UserError, match="3 graphs have 2"):
        merged_dataset(VAL_PER, graphs, np.array([0.5, 0.6]))
