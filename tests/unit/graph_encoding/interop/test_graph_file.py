"""The neutral file of graphs: it round-trips, and every fault is named with its line."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from graph_encoding import (
    OPERATIONS,
    Cell,
    CellGraph,
    Operation,
    Semantics,
    UserError,
    cell_graph,
    nasbench101,
    nasbench201,
    nasbench_graph,
    register_operation,
)
from graph_encoding.interop import graph_file
from graph_encoding.interop.graph_file import GraphRow, read_graphs, write_graphs
from graph_encoding.ops import BUILT_IN_OPS, INPUT, OUTPUT, OpKind
from tests.property.test_encoding_laws import graphs
from tests.unit.graph_encoding.test_cell import cells

GOOD = {
    "key": "a",
    "ops": ["input", "conv5", "output"],
    "edges": [[0, 1], [1, 2], [0, 2], [0, 2]],
    "targets": {"per": 0.5},
}


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_line_is_a_graph(tmp_path: Path) -> None:
    (row,) = read_graphs(write(tmp_path / "g.jsonl", GOOD))
    assert [op.name for op in row.graph.ops] == ["input", "conv5", "output"]
    assert row.graph.ops[1].kernel == 5
    assert row.graph.edges == ((0, 1, 1), (0, 2, 2), (1, 2, 1))
    assert (row.targets, row.features) == ({"per": 0.5}, {})


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    path = write(tmp_path / "g.jsonl", GOOD)
    path.write_text("\ufeff" + path.read_text(), encoding="utf-8")
    (row,) = read_graphs(path)
    assert row.targets == {"per": 0.5}


def test_nodes_may_come_in_any_order(tmp_path: Path) -> None:
    shuffled = {
        **GOOD,
        "ops": ["output", "b-2", "input", "a.1"],
        "edges": [[2, 1], [1, 3], [3, 0], [1, 0]],
    }
    (row,) = read_graphs(write(tmp_path / "g.jsonl", shuffled))
    assert [op.name for op in row.graph.ops] == ["input", "b-2", "a.1", "output"]
    assert row.graph.edges == ((0, 1, 1), (1, 2, 1), (1, 3, 1), (2, 3, 1))
    assert row.graph.ops[1].kind == "other"


def test_a_topological_order_is_kept(tmp_path: Path) -> None:
    deep_first = {
        **GOOD,
        "ops": ["input", "a", "b", "c", "output"],
        "edges": [[0, 1], [1, 2], [2, 4], [0, 3], [3, 4]],
    }
    (row,) = read_graphs(write(tmp_path / "g.jsonl", deep_first))
    assert [op.name for op in row.graph.ops] == deep_first["ops"]


def slow_order(nodes: int, edges: set[tuple[int, int]]) -> list[int]:
    """Node 0, then again and again the first node whose sources are all placed."""
    order = [0]
    while len(order) < nodes:
        order.append(
            next(
                node
                for node in range(1, nodes)
                if node not in order and all(s in order for s, t in edges if t == node)
            )
        )
    return order


@given(data=st.data())
def test_the_first_node_that_may_come_next_comes_next(data: st.DataObject) -> None:
    nodes = data.draw(st.integers(1, 8))
    # Edges follow a hidden order of the nodes, so that there is no cycle in them.
    hidden = [0, *data.draw(st.permutations(range(1, nodes)))]
    pairs = [(hidden[i], hidden[j]) for j in range(1, nodes) for i in range(j)]
    edges = data.draw(st.sets(st.sampled_from(pairs))) if pairs else set()
    labels = ["input", *map(str, range(1, nodes)), "output"]
    found = graph_file._topological_order(labels, sorted(edges))
    assert found == [*slow_order(nodes, edges), nodes]


def test_a_long_chain_is_read_from_either_end(tmp_path: Path) -> None:
    nodes = 5_000
    ops = ["output", *["conv5"] * nodes, "input"]
    edges = [[node + 1, node] for node in range(nodes + 1)]
    path = write(tmp_path / "g.jsonl", {**GOOD, "ops": ops, "edges": edges})
    started = time.process_time()
    (row,) = read_graphs(path)
    assert row.graph.edges == tuple((node, node + 1, 1) for node in range(nodes + 1))
    # A tenth of a second; with work that grows with the square of the nodes it is half a minute.
    assert time.process_time() - started < 5


def test_operations_follow_the_descriptions_in_the_file(tmp_path: Path) -> None:
    described = {
        **GOOD,
        "ops": ["input", "conv5", "conv13", "mystery", "output"],
        "operations": {
            "conv5": {"kind": "conv2d", "kernel": 5},
            "conv13": {"kind": "conv", "kernel": 13, "dilation": 2, "group_scale": 4},
        },
    }
    (row,) = read_graphs(write(tmp_path / "g.jsonl", described))
    assert row.graph.ops[1:-1] == (
        Operation("conv5", "conv2d", kernel=5),
        Operation("conv13", "conv", kernel=13, dilation=2, group_scale=4),
        Operation("mystery", "other"),
    )


@st.composite
def described_graphs(draw: st.DrawFn) -> CellGraph:
    """Graphs of operations that no reader knows, or knows by another description."""
    operations = st.builds(
        Operation,
        st.sampled_from(["conv5", "zero", "a", "1x1-bn", "é"]),
        st.sampled_from(sorted(set(get_args(OpKind)) - {"input", "output"})),
        *[st.integers(1, 3)] * 3,
    )
    unique = st.lists(operations, min_size=1, max_size=4, unique_by=lambda op: op.name)
    return draw(graphs(tuple(draw(unique))))


def trip(folder: Path, rows: list[GraphRow]) -> list[GraphRow]:
    """What is read after it was written."""
    write_graphs(folder / "graphs.jsonl", rows)
    return list(read_graphs(folder / "graphs.jsonl"))


def measured(made: Sequence[CellGraph], value: float = 0.5) -> list[GraphRow]:
    """Rows with a key each."""
    return [
        GraphRow(replace(graph, key=f"k{i}"), {"t": value + i}, {"f": float(i)})
        for i, graph in enumerate(made)
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    made=st.lists(st.one_of(graphs(), described_graphs()), min_size=1, max_size=4),
    value=st.floats(-1e6, 1e6),
)
def test_written_graphs_are_read_back(tmp_path: Path, made: list[CellGraph], value: float) -> None:
    rows = measured(made, value)
    assert trip(tmp_path, rows) == rows


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells(min_nodes=3, max_nodes=5, ops=BUILT_IN_OPS), st.sampled_from(Semantics))
@example(Cell.parse("10_100_5100_00010"), Semantics.PAPER)
def test_cells_keep_their_canonical_order(tmp_path: Path, cell: Cell, semantics: Semantics) -> None:
    row = GraphRow(cell_graph(cell, semantics), {"per": 0.5}, {})
    assert trip(tmp_path, [row]) == [row]


def test_operations_of_other_benchmarks_survive_a_round_trip(tmp_path: Path) -> None:
    text = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|none~1|avg_pool_3x3~2|"
    module = [[0, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    rows = measured(
        [
            nasbench201(text),
            nasbench201(text, executed=True),
            nasbench101(module, ["input", "conv3x3-bn-relu", "maxpool3x3", "output"]),
            nasbench_graph([0, 1, 1, 0], ["gcn", "skip", "gat", "fc"]),
        ]
    )
    again = trip(tmp_path, rows)
    assert again == rows
    assert {op.kind for op in again[0].graph.ops} == {"input", "conv2d", "avg_pool", "output"}


def test_registered_operations_are_described_in_the_file(tmp_path: Path) -> None:
    operation = register_operation(Operation("conv13", "conv", kernel=13))
    row = GraphRow(cell_graph(Cell.parse("conv13:0_111")), {"per": 0.5}, {})
    write_graphs(tmp_path / "g.jsonl", [row])
    del OPERATIONS._entries[operation.name]
    assert list(read_graphs(tmp_path / "g.jsonl")) == [row]


def test_a_file_without_descriptions_is_read_and_written_as_it_was(tmp_path: Path) -> None:
    path = Path(__file__).parents[4] / "configs" / "benchmark" / "example-graphs.jsonl"
    rows = list(read_graphs(path))
    assert {op.kind for row in rows for op in row.graph.ops} & {"other"} == set()
    write_graphs(tmp_path / "again.jsonl", rows)
    assert (tmp_path / "again.jsonl").read_text() == path.read_text()


@pytest.mark.parametrize(
    ("ops", "part"),
    [
        ((Operation("a", "conv"), Operation("a", "linear")), "stand for one operation"),
        ((Operation("input", "other"),), "stand for one operation"),
    ],
)
def test_graphs_that_a_file_cannot_hold_are_refused(
    tmp_path: Path, ops: tuple[Operation, ...], part: str
) -> None:
    graph = CellGraph((INPUT, *ops, OUTPUT), (), "k")
    with pytest.raises(UserError, match=part):
        write_graphs(tmp_path / "g.jsonl", [GraphRow(graph, {"t": 0.5}, {})])
    renamed = CellGraph((Operation("in", "input"), OUTPUT), (), "k")
    with pytest.raises(UserError, match='must be called "input" and "output"'):
        write_graphs(tmp_path / "g.jsonl", [GraphRow(renamed, {"t": 0.5}, {})])


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ([], "must have one graph per line"),
        ([GraphRow(CellGraph((INPUT, OUTPUT), (), "k"), {}, {})], "at least one target"),
        ([GraphRow(CellGraph((INPUT, OUTPUT), (), "k"), {"t": 1}, {})] * 2, "that of line 1 too"),
        (
            [GraphRow(CellGraph((INPUT, OUTPUT), (), name), {name: 1}, {}) for name in "ab"],
            "same targets and features",
        ),
    ],
)
def test_unreadable_rows_are_not_written(tmp_path: Path, rows: list[GraphRow], part: str) -> None:
    with pytest.raises(UserError, match=part):
        write_graphs(tmp_path / "g.jsonl", rows)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"edges": [[0, 1], [1, 3]]}, r"nodes 0 to 2, but got \[1, 3\]"),
        ({"edges": [[0, 1, 2]]}, r"edges\.0.*at most 2 items"),
        ({"edges": 3}, "edges.*valid array"),
        ({"edges": [[0, 1.0]]}, r"edges\.0\.1.*valid integer, but got 1\.0"),
        ({"edges": [[1, 0]]}, "into the input"),
        ({"ops": ["input", "conv5", "conv5"]}, 'one node "input" and one "output"'),
        ({"ops": ["input", 5, "output"]}, r"ops\.1.*valid string, but got 5"),
        ({"ops": ["input", "a b", "output"]}, "without spaces"),
        ({"targets": {"per": float("nan")}}, r"targets\.per.*finite number, but got nan"),
        ({"targets": {"per": "0.5"}}, r"targets\.per.*valid number, but got '0\.5'"),
        ({"targets": {"per": 10**400}}, r"targets\.per.*finite number, but got 1000"),
        ({"targets": {}}, "at least one target"),
        ({"targets": [1]}, "targets.*an object"),
        ({"targets": {"error": 0.5}}, "same targets and features"),
        ({"features": {"x": True}}, r"features\.x.*valid number, but got True"),
        ({"operations": []}, "operations.*should be an object"),
        (
            {"operations": {"conv6": {"kind": "conv"}}},
            r"inner nodes, \['conv5'\], but describes .*conv6",
        ),
        ({"operations": {"input": {"kind": "conv"}}}, "labels of the graph's inner nodes"),
        ({"operations": {"conv5": "conv"}}, r"operations\.conv5.*but got 'conv'"),
        ({"operations": {"conv5": {"kernel": 5}}}, r"operations\.conv5\.kind' is required"),
        ({"operations": {"conv5": {"kind": "conv", "width": 5}}}, "unknown key .*width"),
        (
            {"operations": {"conv5": {"kind": "conv", "kernel": True}}},
            "valid integer, but got True",
        ),
        (
            {"operations": {"conv5": {"kind": "conv", "kernel": 0}}},
            r"kernel must be a whole number in 1 \.\. 2147483647, but got 0",
        ),
        ({"operations": {"conv5": {"kind": "convolution"}}}, "kind must be one of"),
        ({"operations": {"conv5": {"kind": ["conv"]}}}, r"conv5\.kind.*valid string"),
        ({"operations": {"conv5": {"kind": "output"}}}, "is for the ends of a graph"),
        ({"key": ""}, "a key must be a text"),
        ({"more": 1}, "unknown key 'more'; known: key, ops, edges"),
        ({"key": "first"}, "'first' is that of line 1 too"),
    ],
)
def test_faults_are_named_with_their_line(
    tmp_path: Path, change: dict[str, object], part: str
) -> None:
    path = write(tmp_path / "g.jsonl", {**GOOD, "key": "first"}, {**GOOD, **change})
    with pytest.raises(UserError, match=f"line 2: .*{part}"):
        list(read_graphs(path))


def test_a_cycle_is_named(tmp_path: Path) -> None:
    looped = {**GOOD, "ops": ["input", "a", "b", "output"], "edges": [[0, 1], [1, 2], [2, 1]]}
    with pytest.raises(UserError, match=r"line 1: .*no cycle, but the nodes \[1, 2\]"):
        list(read_graphs(write(tmp_path / "g.jsonl", looped)))


@pytest.mark.parametrize("content", ["{broken\n", "[1, 2]\n", "7\n", "7" * 5000, "[" * 100_000])
def test_lines_that_are_not_objects_are_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "g.jsonl").write_text(content)
    with pytest.raises(UserError, match="line 1: "):
        list(read_graphs(tmp_path / "g.jsonl"))


def test_missing_and_empty_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read the graphs"):
        list(read_graphs(tmp_path / "none.jsonl"))
    with pytest.raises(UserError, match="has none"):
        list(read_graphs(write(tmp_path / "empty.jsonl")))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("field", ["targets", "features"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, field: str, value: float
) -> None:
    path = write(tmp_path / "g.jsonl", GOOD)
    before = path.read_text()
    good = GraphRow(cell_graph(Cell.parse("00")), {"x": 0.5}, {"x": 0.5})
    bad = replace(good, graph=replace(good.graph, key="bad"), **{field: {"x": value}})
    message = f"`{field}` must be finite numbers, but 'x' of graph .* is {value}"
    with pytest.raises(UserError, match=message):
        write_graphs(path, [good, bad])
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "changed",
    [
        {"key": "\ud800"},
        {"ops": ["input", "\udce9", "output"]},
        {"targets": {"acc\udfff": 1.0}},
        {"features": {"\ud800": 1.0}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_halves_of_characters_are_refused(tmp_path: Path, changed: dict[str, object]) -> None:
    """Nothing that has one can be written: no file, and no message."""
    small = {"ops": ["input", "a", "output"], "edges": [[0, 1], [1, 2]], **changed}
    with pytest.raises(UserError, match="line 1: a line must be one JSON object") as error:
        list(read_graphs(write(tmp_path / "g.jsonl", {**GOOD, **small})))
    str(error.value).encode()


@pytest.mark.parametrize("field", ["key", "ops", "edges", "targets", "features", "operations"])
@pytest.mark.parametrize("value", ["z" * 100_000, [7] * 50_000, [["z" * 100_000]]])
def test_messages_are_short_however_long_a_value_is(
    tmp_path: Path, field: str, value: object
) -> None:
    if field == "key" and isinstance(value, str):
        return
    with pytest.raises(UserError) as error:
        list(read_graphs(write(tmp_path / "g.jsonl", {**GOOD, field: value})))
    assert len(str(error.value)) < 1000
