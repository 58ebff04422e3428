"""The neutral file of graphs: it round-trips, and every fault is named with its line."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph_encoding import Cell, CellGraph, UserError, cell_graph
from graph_encoding.graph_file import GraphRow, read_graphs, write_graphs
from tests.property.test_encoding_laws import graphs

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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=st.lists(graphs(), min_size=1, max_size=4), value=st.floats(-1e6, 1e6))
def test_files_round_trip(tmp_path: Path, made: list[CellGraph], value: float) -> None:
    rows = [
        GraphRow(CellGraph(g.ops, g.edges, f"k{i}"), {"t": value + i}, {"f": float(i)})
        for i, g in enumerate(made)
    ]
    path = tmp_path / "graphs.jsonl"
    write_graphs(path, rows)
    back = list(read_graphs(path))
    assert [(r.targets, r.features, r.graph.key) for r in back] == [
        (r.targets, r.features, r.graph.key) for r in rows
    ]
    for row, again in zip(rows, back, strict=True):
        # Nodes come back in a topological order; a second trip changes nothing more.
        assert sorted(op.name for op in again.graph.ops) == sorted(op.name for op in row.graph.ops)
        assert sum(m for *_, m in again.graph.edges) == sum(m for *_, m in row.graph.edges)
    write_graphs(path, back)
    assert list(read_graphs(path)) == back


def test_a_cell_round_trips_exactly(tmp_path: Path) -> None:
    row = GraphRow(cell_graph(Cell.parse("10_110_2010")), {"per": 0.5}, {})
    write_graphs(tmp_path / "g.jsonl", [row])
    assert list(read_graphs(tmp_path / "g.jsonl")) == [row]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"edges": [[0, 1], [1, 3]]}, r"nodes 0 to 2, but got \[1, 3\]"),
        ({"edges": [[0, 1, 2]]}, "two of the nodes"),
        ({"edges": 3}, "two of the nodes"),
        ({"edges": [[1, 0]]}, "into the input"),
        ({"ops": ["input", "conv5", "conv5"]}, 'one node "input" and one "output"'),
        ({"ops": ["input", 5, "output"]}, "list of texts"),
        ({"ops": ["input", "a b", "output"]}, "without spaces"),
        ({"targets": {"per": float("nan")}}, "'per' is nan"),
        ({"targets": {"per": "0.5"}}, "'per' is '0.5'"),
        ({"targets": {}}, "at least one target"),
        ({"targets": [1]}, "must be an object"),
        ({"targets": {"error": 0.5}}, "same targets and features"),
        ({"features": {"x": True}}, "'x' is True"),
        ({"key": ""}, "a key must be a text"),
        ({"more": 1}, r"must have the fields .* but got .*'more'"),
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


@pytest.mark.parametrize("content", ["{broken\n", "[1, 2]\n", "7\n"])
def test_what_is_no_object_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "g.jsonl").write_text(content)
    with pytest.raises(UserError, match="line 1: "):
        list(read_graphs(tmp_path / "g.jsonl"))


def test_missing_and_empty_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read the graphs"):
        list(read_graphs(tmp_path / "none.jsonl"))
    with pytest.raises(UserError, match="has none"):
        list(read_graphs(write(tmp_path / "empty.jsonl")))


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = write(tmp_path / "g.jsonl", GOOD)
    before = path.read_text()
    bad = GraphRow(cell_graph(Cell.parse("00")), {"per": float("nan")}, {})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_graphs(path, [bad])
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]
