"""Many graphs as a few arrays, so that encodings can walk all of them at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from graph_encoding.graph import CellGraph
from graph_encoding.ops import Operation


@dataclass(frozen=True, eq=False)
class DenseGraphs:
    """n graphs of the same number of nodes v.

    Attributes:
        rows: (n,) places of these graphs among those that were asked for.
        ops: all operations that occur in them.
        op_index: (n, v) number of each node's operation in `ops`.
        multiplicity: (n, v, v) how often node s feeds node t, at [:, s, t]; 0 without an edge.
    """

    rows: NDArray[np.intp]
    ops: tuple[Operation, ...]
    op_index: NDArray[np.intp]
    multiplicity: NDArray[np.float32]

    @property
    def nodes(self) -> int:
        """v, input and output included."""
        return int(self.op_index.shape[1])

    @cached_property
    def sources(self) -> list[list[tuple[int, NDArray[np.float32]]]]:
        """Of each node, those that feed it in any graph, with their multiplicities (n,)."""
        fed_VV: NDArray[np.bool_] = np.any(self.multiplicity, axis=0)
        by_edge_VVN = np.ascontiguousarray(self.multiplicity.transpose(1, 2, 0))
        return [
            [(source, by_edge_VVN[source, target]) for source in np.flatnonzero(fed).tolist()]
            for target, fed in enumerate(fed_VV.T)
        ]

    @cached_property
    def targets(self) -> list[list[tuple[int, NDArray[np.float32]]]]:
        """Of each node, those that it feeds in any graph, with their multiplicities (n,)."""
        fed: list[list[tuple[int, NDArray[np.float32]]]] = [[] for _ in range(self.nodes)]
        for target, sources in enumerate(self.sources):
            for source, weight_N in sources:
                fed[source].append((target, weight_N))
        return fed

    @cached_property
    def path_counts(self) -> NDArray[np.float32]:
        """Paths from the input to each node, (n, v); an edge of multiplicity m is m edges."""
        paths_NV = np.zeros(self.op_index.shape, dtype=np.float32)
        paths_NV[:, 0] = 1.0
        for target in range(1, self.nodes):
            for source, weight_N in self.sources[target]:
                paths_NV[:, target] += weight_N * paths_NV[:, source]
        return paths_NV


class GroupedGraphs(tuple[CellGraph, ...]):
    """Graphs that several encodings read one after another: they are stacked once for all."""

    @cached_property
    def groups(self) -> list[DenseGraphs]:
        """The graphs by size; every graph is in one group."""
        by_size: dict[int, list[int]] = {}
        for row, graph in enumerate(self):
            by_size.setdefault(len(graph.ops), []).append(row)
        return [_stack(self, rows) for _, rows in sorted(by_size.items())]


def grouped(graphs: Sequence[CellGraph]) -> GroupedGraphs:
    """The same graphs, to be stacked at most once."""
    return graphs if isinstance(graphs, GroupedGraphs) else GroupedGraphs(graphs)


def dense_graphs(graphs: Sequence[CellGraph]) -> list[DenseGraphs]:
    """Group graphs by size; every graph is in one group."""
    return grouped(graphs).groups


def _stack(graphs: Sequence[CellGraph], rows: list[int]) -> DenseGraphs:
    chosen = [graphs[row] for row in rows]
    # Operations are mostly the registry's own: to know one by its place takes a tenth of the time
    # that hashing its fields does.
    number: dict[Operation, int] = {}
    number_at = {
        place: number.setdefault(op, len(number))
        for place, op in {id(op): op for graph in chosen for op in graph.ops}.items()
    }
    op_index = np.array([[number_at[id(op)] for op in graph.ops] for graph in chosen], np.intp)
    nodes = op_index.shape[1]
    edges = np.array([edge for graph in chosen for edge in graph.edges], np.intp).reshape(-1, 3)
    owner = np.repeat(np.arange(len(chosen)), [len(graph.edges) for graph in chosen])
    multiplicity = np.zeros((len(rows), nodes, nodes), dtype=np.float32)
    multiplicity[owner, edges[:, 0], edges[:, 1]] = edges[:, 2]
    return DenseGraphs(np.array(rows, dtype=np.intp), tuple(number), op_index, multiplicity)


def path_sums(
    group: DenseGraphs, added_NVK: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """What k quantities of nodes add up to along the paths from input to output.

    Sums, not lists of paths, are carried along the edges, so that the cost grows with the edges.

    Args:
        group: n graphs of v nodes.
        added_NVK: (n, v, k) what each node adds; nothing for the output.

    Returns:
        The least, the greatest and the mean sum over paths, (n, k) each; infinity, minus
        infinity and zero where there is no path.
    """
    least = np.full(added_NVK.shape, np.inf, np.float32)
    greatest = np.full(added_NVK.shape, -np.inf, np.float32)
    least[:, 0] = greatest[:, 0] = 0.0
    total = np.zeros(added_NVK.shape, np.float32)
    paths_NV = group.path_counts
    for target in range(1, group.nodes):
        added_NK = added_NVK[:, target]
        for source, weight_N in group.sources[target]:
            fed_N1 = (weight_N > 0)[:, None]
            low = np.where(fed_N1, least[:, source] + added_NK, np.float32(np.inf))
            np.minimum(least[:, target], low, out=least[:, target])
            high = np.where(fed_N1, greatest[:, source] + added_NK, np.float32(-np.inf))
            np.maximum(greatest[:, target], high, out=greatest[:, target])
            sum_of_paths = total[:, source] + paths_NV[:, source, None] * added_NK
            total[:, target] += weight_N[:, None] * sum_of_paths
    mean = (total[:, -1] / np.maximum(paths_NV[:, -1, None], 1.0)).astype(np.float32)
    return least[:, -1], greatest[:, -1], mean
