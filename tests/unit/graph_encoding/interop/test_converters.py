"""Graphs for networkx and torch-geometric carry all that a `CellGraph` holds."""

import pytest
from hypothesis import given, settings

from graph_encoding import Cell, CellGraph, MissingExtraError, cell_graph
from graph_encoding.encodings.stacked_graphs import GREATEST
from graph_encoding.interop.to_networkx import to_networkx
from graph_encoding.interop.to_pyg import to_pyg, to_pyg_batch
from graph_encoding.node_features import NODE_COLUMNS, describe_operation
from graph_encoding.ops import INPUT, OUTPUT, Operation
from tests.property.test_encoding_laws import graphs


@settings(max_examples=30)
@given(graphs())
def test_networkx_graphs_hold_everything(graph: CellGraph) -> None:
    pytest.importorskip("networkx", reason="needs the gnn extra: pip install 'nasasr[gnn]'")
    converted = to_networkx(graph)
    ops = tuple(
        Operation(n["op"], n["kind"], n["kernel"], n["dilation"], n["group_scale"])
        for _, n in sorted(converted.nodes(data=True))
    )
    edges = tuple(sorted(converted.edges(data="multiplicity")))
    assert CellGraph(ops, edges, converted.graph["key"]) == graph


@settings(max_examples=30)
@given(graphs())
def test_pyg_graphs_hold_everything(graph: CellGraph) -> None:
    pytest.importorskip("torch_geometric", reason="needs the gnn extra: pip install 'nasasr[gnn]'")
    data = to_pyg(graph)
    assert data.x.shape == (len(graph.ops), len(NODE_COLUMNS))
    rows = [describe_operation(op) for op in graph.ops]
    assert data.x.tolist() == [pytest.approx(row) for row in rows]
    sources, targets = data.edge_index.tolist()
    multiplicities = [int(m) for (m,) in data.edge_attr.tolist()]
    assert tuple(zip(sources, targets, multiplicities, strict=True)) == graph.edges
    assert data.key == graph.key
    data.validate()


def test_a_multiplicity_above_float32_is_clipped() -> None:
    pytest.importorskip("torch_geometric", reason="needs the gnn extra: pip install 'nasasr[gnn]'")
    data = to_pyg(CellGraph((INPUT, OUTPUT), ((0, 1, 10**400),), "made up"))
    assert data.edge_attr.tolist() == [[GREATEST]]


def test_pyg_batches_keep_graphs_apart() -> None:
    pytest.importorskip("torch_geometric", reason="needs the gnn extra: pip install 'nasasr[gnn]'")
    made = [cell_graph(Cell.parse(text)) for text in ("10_100_1000", "51_511_5111", "00")]
    batch = to_pyg_batch(made)
    assert batch.num_graphs == 3
    assert batch.batch.bincount().tolist() == [5, 2, 3]


def test_descriptions_distinguish_operations() -> None:
    wide, narrow = Operation("a", "conv", kernel=7), Operation("b", "conv", kernel=3)
    assert describe_operation(wide) != describe_operation(narrow)
    assert describe_operation(wide) == describe_operation(Operation("c", "conv", kernel=7))


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'nasasr\[gnn\]'"):
        to_networkx(cell_graph(Cell.parse("00")))
