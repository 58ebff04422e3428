"""Novelty of a graph: one answer, wherever it is asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding import Cell, cell_graph
from surrogate.calibration import Novelty, TrainedOn, calibrate, novel_nodes
from surrogate.fitting.artifact import Artifact
from surrogate.forecasting.forecast import Forecaster
from surrogate.latency.model import LatencyModel
from surrogate.predictors import MeanPredictor
from surrogate.testing.synthetic import synthetic_dataset

SPACE = TrainedOn(("conv5", "conv5d2", "conv7", "conv7d2", "linear"), 3)


@pytest.mark.parametrize(
    ("text", "novelty"),
    [
        ("10_100_1000", {}),
        ("conv9:0", {"new_operation": 1}),
        ("conv9:0_conv5:10_conv11:110", {"new_operation": 2}),
        ("10_100_1000_10000", {"larger": 1}),
        ("10_100_1000_10000_100000", {"larger": 2}),
        ("10_100_1000_conv9:0000", {"new_operation": 1, "larger": 1}),
        # A fourth node that does not reach the output does not count.
        ("10_100_1000_50000", {}),
    ],
)
def test_novelty_counts_nodes_in_each_way(text: str, novelty: Novelty) -> None:
    assert SPACE.novelty(cell_graph(Cell.parse(text))) == novelty
    assert novel_nodes(novelty) == max([0, *novelty.values()])


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    """Cells of up to five nodes, some with operations that no table here has."""
    names = ("linear", "conv5", "conv5d2", "conv7", "conv7d2", "conv9", "conv11", "zero")
    nodes = [
        f"{draw(st.sampled_from(names))}:{draw(st.integers(0, 2**bits - 1)):0{bits}b}"
        for bits in range(1, draw(st.integers(1, 5)) + 1)
    ]
    return Cell.parse("_".join(nodes))


FITTED = calibrate(synthetic_dataset(30), MeanPredictor, 2, np.random.default_rng(0))


@given(cell=cells())
def test_forecasts_and_latencies_call_the_same_graphs_novel(artifact: Artifact, cell: Cell) -> None:
    trained_on = artifact.metadata.trained_on
    model = LatencyModel("s", "d", FITTED.predictor, FITTED.calibrator, trained_on, {})
    (forecast,) = Forecaster(artifact).forecast([cell])
    graph = cell_graph(cell)
    novelty = trained_on.novelty(graph)
    if forecast.support == "dead":
        return
    (latency,) = model.forecast([graph], 0.9)
    like = "extrapolated" if novelty else "interpolated"
    assert latency.support == like
    assert forecast.support in (like, "measured")
    assert bool(trained_on.reasons([op.name for op in graph.ops[1:-1]])) == bool(novelty)
    if forecast.support != "measured":
        assert bool(forecast.note) == bool(novelty)


def test_reasons_name_every_unseen_operation_and_both_sizes() -> None:
    found = SPACE.reasons(["conv9", "conv5", "conv11", "conv9"])
    assert found == (
        "no training cell has the operation conv11",
        "no training cell has the operation conv9",
        "it has 4 operations, the training cells at most 3",
    )
    assert SPACE.reasons(["conv5"]) == ()


def test_the_training_graphs_are_in_support() -> None:
    graphs = synthetic_dataset(60).graphs
    assert not any(TrainedOn.of(graphs).novelty(graph) for graph in graphs)
