"""Graphs of cells: what a `CellGraph` refuses, so that every encoding reads the same."""

import pytest

from graph_encoding import OPERATIONS, CellGraph, UserError
from graph_encoding.ops import INPUT, OUTPUT, Operation

OPS = (INPUT, OPERATIONS.get("conv5"), OPERATIONS.get("linear"), OUTPUT)
EDGES = ((0, 1, 1), (0, 3, 2), (1, 2, 1), (2, 3, 1))


def test_edges_in_rising_order_are_taken() -> None:
    assert CellGraph(OPS, EDGES, "made up").edges == EDGES


@pytest.mark.parametrize(
    ("edges", "part"),
    [
        (((0, 1, 1), (0, 1, 1)), r"has \(0, 1, 1\) after one from 0 to 1; sort them"),
        (((0, 1, 1), (0, 1, 2)), r"\(0, 1, 2\) after one from 0 to 1"),
        (((0, 3, 1), (0, 1, 1)), r"\(0, 1, 1\) after one from 0 to 3"),
        (((1, 2, 1), (0, 3, 1)), r"\(0, 3, 1\) after one from 1 to 2"),
        (((1, 1, 1),), "go from a node to a later one"),
        (((2, 1, 1),), "go from a node to a later one"),
        (((0, 4, 1),), r"of 4 nodes has \(0, 4, 1\)"),
        (((-1, 1, 1),), "go from a node to a later one"),
        (((0, 1, 0),), "a multiplicity >= 1"),
    ],
)
def test_edges_that_encodings_would_read_differently_are_refused(
    edges: tuple[tuple[int, int, int], ...], part: str
) -> None:
    with pytest.raises(UserError, match=part):
        CellGraph(OPS, edges, "made up")


@pytest.mark.parametrize(
    "ops",
    [(), (INPUT,), (OUTPUT, INPUT), (INPUT, INPUT, OUTPUT), (INPUT, Operation("a", "other"))],
)
def test_a_graph_has_one_input_and_one_output(ops: tuple[Operation, ...]) -> None:
    with pytest.raises(UserError, match="begin with its one input and end with its one output"):
        CellGraph(ops, (), "made up")
