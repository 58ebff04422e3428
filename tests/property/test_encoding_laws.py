"""What holds of every encoding, whatever the graph."""

import json
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from graph_encoding import OPERATIONS, Cell, CellGraph, CellSpace, Semantics, cell_graph, encodings
from graph_encoding.encodings import AdjacencyEncoding, Encoding, OneHotEncoding, PathEncoding
from graph_encoding.encodings.stacked_graphs import GroupedGraphs
from graph_encoding.interop.graph_file import GraphRow, read_graphs, write_graphs
from graph_encoding.ops import BUILT_IN_OPS, INPUT, NB_ASR_OPS, OUTPUT, Operation
from tests.unit.graph_encoding.test_cell import cells

ALL = [
    found()
    for name in encodings.__all__
    if name not in ("Encoding", "Composition") and (found := getattr(encodings, name))
]
POSITIONAL = (OneHotEncoding, AdjacencyEncoding)
KNOWN = tuple(OPERATIONS.get(name) for name in BUILT_IN_OPS)
STRANGE = (*KNOWN, Operation("3x3-dw", "conv2d", kernel=3), Operation("?", "other"))
each_encoding = pytest.mark.parametrize("encoding", ALL, ids=lambda e: type(e).__name__)
each_encoding_of_structure = pytest.mark.parametrize(
    "encoding",
    [e for e in ALL if not isinstance(e, POSITIONAL)],
    ids=lambda e: type(e).__name__,
)


@st.composite
def graphs(draw: st.DrawFn, ops: tuple[Operation, ...] = STRANGE) -> CellGraph:
    """Any graph of up to six operations, known or not, some of them cut off."""
    inner = draw(st.lists(st.sampled_from(ops), max_size=6))
    size = len(inner) + 2
    pairs = [(s, t) for t in range(1, size) for s in range(t)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    edges = tuple((s, t, draw(st.integers(1, 3))) for s, t in sorted(chosen))
    return CellGraph((INPUT, *inner, OUTPUT), edges, "made up")


def renamed(graph: CellGraph, draw: st.DrawFn) -> CellGraph:
    """The same graph with its operations in another topological order."""
    last = len(graph.ops) - 1
    order, waiting = [0], list(range(1, last))
    while waiting:
        ready = [v for v in waiting if not any(t == v and s in waiting for s, t, _ in graph.edges)]
        order.append(draw(st.sampled_from(ready)))
        waiting.remove(order[-1])
    place = {node: i for i, node in enumerate([*order, last])}
    edges = sorted((place[s], place[t], m) for s, t, m in graph.edges)
    ops = [graph.ops[node] for node in order]
    return CellGraph((*ops, graph.ops[last]), tuple(edges), graph.key)


@each_encoding
@settings(max_examples=40)
@given(graph=graphs())
def test_every_row_is_finite_and_has_its_columns(encoding: Encoding, graph: CellGraph) -> None:
    rows = encoding.encode([graph, graph])
    assert rows.shape == (2, len(encoding.columns))
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()
    assert (rows[0] == rows[1]).all()


@each_encoding
def test_columns_are_named_once_and_no_graph_has_no_row(encoding: Encoding) -> None:
    assert len(set(encoding.columns)) == len(encoding.columns)
    assert encoding.encode([]).shape == (0, len(encoding.columns))


@each_encoding_of_structure
@settings(max_examples=40)
@given(data=st.data())
def test_renaming_nodes_changes_no_row(encoding: Encoding, data: st.DataObject) -> None:
    graph = data.draw(graphs())
    other = renamed(graph, data.draw)
    np.testing.assert_allclose(encoding.encode([graph]), encoding.encode([other]), rtol=1e-6)


@each_encoding_of_structure
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graph=graphs(), random=st.randoms(use_true_random=False))
def test_the_numbering_in_a_file_changes_no_row(
    tmp_path: Path, encoding: Encoding, graph: CellGraph, random: Random
) -> None:
    path = tmp_path / "graphs.jsonl"
    write_graphs(path, [GraphRow(graph, {"t": 0.5}, {})])
    line = json.loads(path.read_text())
    order = list(range(len(graph.ops)))
    random.shuffle(order)
    line["ops"] = [line["ops"][node] for node in order]
    line["edges"] = [[order.index(s), order.index(t)] for s, t in line["edges"]]
    path.write_text(json.dumps(line))
    (row,) = read_graphs(path)
    assert row.graph.key == graph.key
    np.testing.assert_allclose(encoding.encode([graph]), encoding.encode([row.graph]), rtol=1e-6)


@each_encoding
@settings(max_examples=40)
@given(
    cell=cells(max_nodes=3, ops=("zero", "conv5", "linear")),
    semantics=st.sampled_from(Semantics),
    data=st.data(),
)
def test_every_encoding_is_constant_on_a_key(
    encoding: Encoding, cell: Cell, semantics: Semantics, data: st.DataObject
) -> None:
    others = set(CellSpace(nodes=cell.nodes).equivalent(cell, semantics)) - {cell}
    assume(others)
    other = data.draw(st.sampled_from(sorted(others, key=str)))
    (row,) = encoding.encode([cell_graph(cell, semantics)])
    (again,) = encoding.encode([cell_graph(other, semantics)])
    assert (row == again).all()


@each_encoding
@settings(max_examples=40)
@given(many=st.lists(graphs(), min_size=1, max_size=6))
def test_a_row_is_the_same_alone_and_among_others(
    encoding: Encoding, many: list[CellGraph]
) -> None:
    alone = np.concatenate([encoding.encode([graph]) for graph in many])
    np.testing.assert_array_equal(encoding.encode(many), alone)
    np.testing.assert_array_equal(encoding.encode(GroupedGraphs(many)), alone)


def walked(graph: CellGraph) -> Counter[tuple[str, ...]]:
    """Every path's operations, with how often they are met: one path after another."""
    found: Counter[tuple[str, ...]] = Counter()

    def walk(node: int, met: tuple[str, ...], ways: int) -> None:
        if node == len(graph.ops) - 1:
            found[met] += ways
            return
        for source, target, multiplicity in graph.edges:
            if source == node:
                step = () if target == len(graph.ops) - 1 else (graph.ops[target].name,)
                walk(target, met + step, ways * multiplicity)

    walk(0, (), 1)
    return found


@settings(max_examples=100)
@given(graph=graphs(), length=st.integers(0, 3))
def test_path_counts_are_those_of_walking_every_path(graph: CellGraph, length: int) -> None:
    encoding = PathEncoding(length)
    expected: Counter[str] = Counter()
    for path, count in walked(graph).items():
        named = [op if op in NB_ASR_OPS[:-1] else "other" for op in path]
        name = "longer" if len(path) > length else ">".join(named) or "skip"
        expected[f"path/{name}"] += count
    (row,) = encoding.encode([graph])
    assert {c: n for c, n in zip(encoding.columns, row.tolist(), strict=True) if n} == expected
