"""Graphs for networkx and torch-geometric carry all that a `CellGraph` holds."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_encoding import Cell, CellGraph, MissingExtraError, UserError, cell_graph
from graph_encoding.encodings.stacked_graphs import GREATEST
from graph_encoding.interop.to_networkx import to_networkx
from graph_encoding.interop.to_pyg import to_pyg, to_pyg_batch
from graph_encoding.node_features import (
    FURTHER_COLUMNS,
    NODE_COLUMNS,
    describe_further,
    describe_operation,
)
from graph_encoding.ops import INPUT, OUTPUT, SIZES, Operation
from tests.property.test_encoding_laws import STRANGE, graphs

BLOCK = Operation("block", "conv2d", kernel=5, dilation=2, group_scale=2, stride=3, expansion=6)
numbers = st.floats(-1e6, 1e6, width=32)


@st.composite
def any_graphs(draw: st.DrawFn) -> CellGraph:
    """Graphs with strides, expansions and features too."""
    found = draw(st.dictionaries(st.sampled_from(("flops", "snip", "synflow")), numbers))
    return replace(draw(graphs((*STRANGE, BLOCK))), features=tuple(sorted(found.items())))


@settings(max_examples=30)
@given(any_graphs())
def test_networkx_graphs_hold_everything(graph: CellGraph) -> None:
    pytest.importorskip("networkx", reason="needs the gnn extra: pip install 'nasasr[gnn]'")
    converted = to_networkx(graph)
    ops = tuple(
        Operation(n["op"], n["kind"], **{size: n[size] for size in SIZES})
        for _, n in sorted(converted.nodes(data=True))
    )
    edges = tuple(sorted(converted.edges(data="multiplicity")))
    features = tuple(converted.graph["features"].items())
    assert CellGraph(ops, edges, converted.graph["key"], features) == graph


@settings(max_examples=30)
@given(any_graphs())
def test_pyg_graphs_hold_everything(graph: CellGraph) -> None:
    pytest.importorskip("torch_geometric", reason="needs the gnn extra: pip install 'nasasr[gnn]'")
    data = to_pyg(graph)
    assert data.x.shape == (len(graph.ops), len(NODE_COLUMNS + FURTHER_COLUMNS))
    rows = [[*describe_operation(op), *describe_further(op)] for op in graph.ops]
    assert data.x.tolist() == [pytest.approx(row) for row in rows]
    sources, targets = data.edge_index.tolist()
    multiplicities = [int(m) for (m,) in data.edge_attr.tolist()]
    assert tuple(zip(sources, targets, multiplicities, strict=True)) == graph.edges
    assert data.features.tolist() == [[value for _, value in graph.features]]
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
    assert batch.features.shape == (3, 0)
    scored = replace(made[0], features=(("snip", 0.5),))
    with pytest.raises(UserError, match=r"the same features, but they have \[\] and \['snip'\]"):
        to_pyg_batch([scored, made[1]])


def test_descriptions_distinguish_operations() -> None:
    wide, narrow = Operation("a", "conv", kernel=7), Operation("b", "conv", kernel=3)
    assert describe_operation(wide) != describe_operation(narrow)
    assert describe_operation(wide) == describe_operation(Operation("c", "conv", kernel=7))


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'nasasr\[gnn\]'"):
        to_networkx(cell_graph(Cell.parse("00")))
