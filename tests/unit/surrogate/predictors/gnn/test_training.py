"""What training teaches a graph network: labels, their order, and edges."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra gnn")
pytest.importorskip("torch_geometric", reason="needs the extra gnn")

from graph_encoding.cell import Cell
from graph_encoding.graph import CellGraph, cell_graph
from surrogate.data.targets import FloatArray
from surrogate.metrics import kendall_tau, rmse
from surrogate.predictors.features import GraphInputs, NodeArrays, Vocabulary
from surrogate.predictors.gnn.network import GraphNetwork
from surrogate.predictors.gnn.settings import GnnSettings
from surrogate.testing.synthetic import synthetic_dataset

SETTINGS = GnnSettings(
    members=1,
    width=16,
    layers=2,
    steps=320,
    batch=24,
    learning_rate=0.02,
    weight_decay=0,
    op_dropout=0,
    dropout=0.0,
)
"""On up to 250 graphs a network is trained for a quarter of these steps."""

SAME_OPS = [cell_graph(Cell.parse(f"10_1{a}0_1{b}{c}0")) for a in "01" for b in "01" for c in "01"]
"""Cells with one operation in every node: only their edges differ."""


def inputs_of(graphs: list[CellGraph] | tuple[CellGraph, ...]) -> GraphInputs:
    return GraphInputs(graphs, Vocabulary.of(graphs))


def fitted(
    inputs: GraphInputs, scores: FloatArray, trust: FloatArray, settings: GnnSettings
) -> GraphNetwork:
    network = GraphNetwork(settings)
    network.fit(inputs, scores, trust, np.random.default_rng(0))
    return network


@pytest.mark.parametrize("rank_weight", [0.0, 3.0])
def test_a_tiny_set_is_fitted(rank_weight: float) -> None:
    """With and without the ranking loss, which must not pull predictions away from the labels."""
    inputs = inputs_of(synthetic_dataset(12).graphs)
    scores = np.random.default_rng(1).normal(size=12)
    settings = replace(SETTINGS, rank_weight=rank_weight)
    predicted = fitted(inputs, scores, np.ones(12), settings).predict(inputs).mean
    assert rmse(predicted, scores) < 0.2


def test_only_the_ranking_loss_orders_graphs_of_almost_no_weight() -> None:
    """Half of the labels have no influence on the squared error: only order can be learned."""
    inputs = inputs_of(synthetic_dataset(24).graphs)
    untrusted = np.random.default_rng(1).permutation(24)[:12]
    scores, weights = np.zeros(24), np.ones(24)
    scores[untrusted], weights[untrusted] = np.linspace(-2, 2, 12), 1e-9

    def tau(rank_weight: float) -> float:
        settings = replace(SETTINGS, rank_weight=rank_weight)
        predicted = fitted(inputs, scores, weights, settings).predict(inputs).mean
        return kendall_tau(predicted[untrusted], scores[untrusted])

    assert tau(3.0) > 0.9
    assert abs(tau(0.0)) < 0.6


def test_graphs_that_differ_in_edges_alone_have_different_predictions() -> None:
    assert len({graph.key for graph in SAME_OPS}) == 8
    assert len({tuple(op.name for op in graph.ops) for graph in SAME_OPS}) == 1
    inputs = inputs_of(SAME_OPS)
    scores = np.random.default_rng(1).permutation(np.linspace(-1.5, 1.5, 8))
    predicted = fitted(inputs, scores, np.ones(8), SETTINGS).predict(inputs).mean
    assert np.abs(predicted - scores).max() < 0.4


def test_every_weight_is_trained() -> None:
    """Without weight decay, only a gradient changes a weight between two lengths of training."""
    inputs = inputs_of(synthetic_dataset(24).graphs)
    scores = np.random.default_rng(1).normal(size=24)
    short, longer = (
        fitted(inputs, scores, np.ones(24), replace(SETTINGS, steps=steps)).arrays()
        for steps in (80, 160)
    )
    unchanged = [name for name, values in short.items() if (values == longer[name]).all()]
    assert unchanged == []


def test_the_order_of_nodes_does_not_matter() -> None:
    """Between input and output, which come first, nodes have no order but that of their edges."""
    inputs = inputs_of(synthetic_dataset(24).graphs)
    scores = np.random.default_rng(1).normal(size=24)
    network = fitted(inputs, scores, np.ones(24), replace(SETTINGS, steps=80))
    nodes = inputs.nodes
    order = np.array([0, 1, *(2 + np.random.default_rng(2).permutation(nodes.kind.shape[1] - 2))])
    other = inputs_of(inputs.graphs)
    other.__dict__["nodes"] = NodeArrays(
        nodes.kinds, nodes.kind[:, order], nodes.feeds[:, order][:, :, order]
    )
    straight, permuted = network.predict(inputs), network.predict(other)
    np.testing.assert_allclose(permuted.mean, straight.mean, atol=1e-5)
    np.testing.assert_allclose(permuted.std, straight.std, rtol=1e-5)
    turned = inputs_of(inputs.graphs)
    turned.__dict__["nodes"] = NodeArrays(nodes.kinds, nodes.kind, nodes.feeds.transpose(0, 2, 1))
    assert np.abs(network.predict(turned).mean - straight.mean).max() > 1e-2
