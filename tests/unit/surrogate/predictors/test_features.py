"""What models see of graphs."""

import gc
import weakref

import numpy as np
import pytest

from graph_encoding import Cell, CellGraph, cell_graph
from graph_encoding.ops import INPUT, OUTPUT
from surrogate.data.dataset import SurrogateDataset
from surrogate.predictors.features import (
    GraphBatch,
    GraphInputs,
    Vocabulary,
    features_of,
    inputs_of,
)
from surrogate.testing.synthetic import synthetic_dataset


@pytest.fixture(scope="module")
def data() -> SurrogateDataset:
    return synthetic_dataset(30)


def test_a_batch_stacks_its_graphs_once(data: SurrogateDataset) -> None:
    batch = GraphBatch(data.graphs)
    vocabulary = Vocabulary.of(data.graphs)
    inputs = inputs_of(batch, vocabulary)
    assert inputs_of(batch, vocabulary) is inputs
    others = inputs_of(batch, Vocabulary.of(data.graphs[:3]))
    assert others is not inputs
    for seen in (inputs, others):
        assert inputs_of(seen.graphs, vocabulary).graphs is seen.graphs
        assert all(a is b for a, b in zip(batch.groups, seen.graphs.groups, strict=True))
    plain = GraphInputs(data.graphs, vocabulary)
    np.testing.assert_array_equal(plain.features, inputs.features)


def test_what_a_batch_keeps_goes_with_it(data: SurrogateDataset) -> None:
    batch = GraphBatch(data.graphs)
    inputs = batch.inputs(Vocabulary.of(data.graphs))
    assert inputs.features.shape[0] == len(inputs.nodes) == len(data)
    kept = weakref.ref(inputs)
    gc.disable()
    try:
        del batch, inputs
        assert kept() is None
    finally:
        gc.enable()


def test_nodes_are_described_and_padded(data: SurrogateDataset) -> None:
    large = cell_graph(Cell.parse("10_100_1000"))
    small = CellGraph((INPUT, large.ops[1], OUTPUT), ((0, 1, 1), (1, 2, 1)), "y=conv5(x)")
    nodes = GraphInputs([small, large], Vocabulary.of(data.graphs)).nodes
    assert nodes.mask.tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert (nodes.x[0, 3:] == 0).all()
    assert (nodes.x[0, :2] == nodes.x[1, :2]).all()  # the input first, the output second
    assert (nodes.x[1, 2] == nodes.x[1, 3]).all()
    assert nodes.feeds[0, 2, 0] == nodes.feeds[0, 1, 2] == 1
    assert nodes.feeds[0].sum() == 2
    np.testing.assert_array_equal(nodes.subset(np.array([1])).x, nodes.x[1:])


def test_an_unseen_operation_counts_as_the_one_it_is_most_like(data: SurrogateDataset) -> None:
    vocabulary = Vocabulary.of(data.graphs)
    names = features_of(vocabulary).columns
    counts = np.array([name.startswith("statistics/count:") for name in names])
    seen, unseen = (
        GraphInputs([cell_graph(Cell.parse(text))], vocabulary).features[0]
        for text in ("30_300_3000", "conv9:0_conv9:00_conv9:000")
    )
    assert (seen[counts] == unseen[counts]).all()
    assert seen[counts].sum() == 3
    assert (seen[~counts] != unseen[~counts]).any()  # its descriptors are its own
