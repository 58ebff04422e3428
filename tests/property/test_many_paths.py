"""Graphs of more paths than floats can count: means and logarithms over paths stay right."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graph_encoding import Cell, CellGraph, UserError, cell_graph
from graph_encoding.encodings import Encoding, PathDescriptorEncoding
from graph_encoding.encodings.stacked_graphs import GREATEST, dense_graphs
from graph_encoding.ops import INPUT, OPERATIONS, OUTPUT, Operation
from surrogate.calibration import Neighbourhood
from tests.property.test_encoding_laws import ALL, each_encoding

CONV, JOIN = OPERATIONS.get("conv5"), Operation("add", "other")

Block = tuple[int, ...]
"""Operations in series on each branch of a diamond; a branch of none is a skip connection."""

RESIDUAL: Block = (0, 1)


def chain(blocks: list[Block]) -> CellGraph:
    """Diamonds one after another, each with a joining operation at its end."""
    ops, edges, before = [INPUT], [], 0
    for block in blocks:
        ends = []
        for branch in block:
            last = before
            for _ in range(branch):
                ops.append(CONV)
                edges.append((last, len(ops) - 1))
                last = len(ops) - 1
            ends.append(last)
        ops.append(JOIN)
        edges += [(end, len(ops) - 1) for end in ends]
        before = len(ops) - 1
    ops.append(OUTPUT)
    edges.append((before, len(ops) - 1))
    counted = [(*edge, edges.count(edge)) for edge in set(edges)]
    return CellGraph(tuple(ops), tuple(sorted(counted)), "made up")


def named(encoding: Encoding, graph: CellGraph) -> dict[str, float]:
    (row,) = encoding.encode([graph]).tolist()
    return dict(zip(encoding.columns, row, strict=True))


blocks = st.lists(st.integers(0, 2), min_size=1, max_size=4).map(tuple)


@settings(max_examples=25)
@given(kinds=st.lists(blocks, min_size=1, max_size=3), repeats=st.integers(1, 120))
@example(kinds=[RESIDUAL], repeats=120)
@example(kinds=[RESIDUAL], repeats=127)
@example(kinds=[RESIDUAL], repeats=1100)
def test_chains_of_diamonds_of_any_length(kinds: list[Block], repeats: int) -> None:
    chained = kinds * repeats
    graph = chain(chained)
    rows = {type(e).__name__: named(e, graph) for e in ALL}
    assert all(math.isfinite(v) for row in rows.values() for v in row.values())
    mean = repeats * sum(1 + sum(block) / len(block) for block in kinds)
    described = rows["PathDescriptorEncoding"]
    assert described["path_descriptor/operations:mean"] == pytest.approx(mean, rel=1e-6)
    log_paths = repeats * sum(math.log(len(block)) for block in kinds)
    subsets = rows["OpSubsetEncoding"]
    log_1p = log_paths + math.log1p(math.exp(-log_paths))
    assert subsets["subset/log_paths"] == pytest.approx(log_1p, rel=1e-6)
    convolutions = repeats * sum(sum(block) / len(block) for block in kinds)
    assert subsets["subset/conv5:mean"] == pytest.approx(convolutions, rel=1e-6)
    paths = math.prod(len(block) for block in chained)
    counted = rows["GraphStatisticsEncoding"]["statistics/paths"]
    assert counted == pytest.approx(min(paths, GREATEST), rel=1e-6)


def test_pure_paths_are_counted_however_many() -> None:
    # Every join is a convolution too, so that all 2 ** 200 paths have no other operation.
    graph = chain([RESIDUAL] * 200)
    pure = CellGraph(tuple(CONV if op == JOIN else op for op in graph.ops), graph.edges, graph.key)
    for encoding in ALL:
        if type(encoding).__name__ == "OpSubsetEncoding":
            row = named(encoding, pure)
    assert row["subset/conv5:log_pure_paths"] == pytest.approx(200 * math.log(2), rel=1e-6)
    assert row["subset/linear:log_pure_paths"] == 0
    assert row["subset/conv5:longest_pure"] == 400


def test_one_path_beside_very_many_that_lead_nowhere_is_a_path() -> None:
    tower = chain([RESIDUAL] * 1200)
    last = len(tower.ops) - 1
    edges = [edge for edge in tower.edges if edge[1] != last]
    graph = CellGraph(tower.ops, tuple(sorted([*edges, (0, last, 1)])), "tower")
    row = named(PathDescriptorEncoding(), graph)
    assert set(row.values()) == {0.0}
    (group,) = dense_graphs([graph])
    assert group.path_counts.at_node(-1).float64.tolist() == [1.0]


@pytest.mark.parametrize("nodes", [60, 140, 1100])
@each_encoding
def test_edges_of_any_multiplicity_have_finite_rows(encoding: Encoding, nodes: int) -> None:
    ops, edges = (INPUT, CONV, OUTPUT), ((0, 1, 2**nodes), (1, 2, 3**nodes))
    graph = CellGraph(ops, edges, "made up")
    rows = encoding.encode([graph, graph])
    assert np.isfinite(rows).all()
    assert (rows[0] == rows[1]).all()


def test_a_deep_cell_of_skips_has_a_row_and_a_distance() -> None:
    deep = Cell(("conv5",) * 140, tuple((1,) * k for k in range(1, 141)))
    graph = cell_graph(deep)
    assert max(m for _, _, m in graph.edges) == 2**139
    for encoding in ALL:
        assert np.isfinite(encoding.encode([graph])).all()
    small = cell_graph(Cell.parse("10_100_1000"))
    known = Neighbourhood.of([small])
    assert known.distance([small, graph]).tolist()[0] == 0
    assert np.isfinite(known.distance([graph])).all() and known.distance([graph])[0] > 1e6


@pytest.mark.parametrize("size", ["kernel", "dilation", "group_scale"])
def test_sizes_of_operations_are_such_as_floats_can_add_up(size: str) -> None:
    largest = Operation("huge", "conv", **{size: 2**31 - 1})
    graph = CellGraph((INPUT, largest, OUTPUT), ((0, 1, 1), (1, 2, 1)), "made up")
    assert np.isfinite(PathDescriptorEncoding().encode([graph])).all()
    with pytest.raises(
        UserError, match=rf"{size} must be a whole number in 1 \.\. 2147483647, but got"
    ):
        Operation("huge", "conv", **{size: 10**400})
