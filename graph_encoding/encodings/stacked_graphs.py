"""Graphs of equal size as arrays, for vectorised encodings."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from graph_encoding.graph import CellGraph
from graph_encoding.ops import Operation

GREATEST = float(np.finfo(np.float32).max)
"""The largest float32; encodings clip larger numbers to it."""

_LARGE = 2.0**500
"""Bound of multiplicities and of the values of `Counts`: sums over a graph's edges of products of
two of them stay finite in float64."""

_GRAPHS_AT_ONCE = 128
"""Graphs in one group: more have arrays that leave the processor's cache."""


@dataclass(frozen=True, eq=False)
class Counts:
    """Counts of paths without an upper bound: each is `value * 2 ** exponent`.

    A network of n residual blocks has 2 ** n paths, which exceeds float64 for large n.

    Attributes:
        value: float64, >= 0; counts below 2 ** 53 are exact.
        exponent: int32 of the same shape, >= 0; 0 unless some count is very large.
    """

    value: NDArray[np.float64]
    exponent: NDArray[np.int32]

    def at_node(self, node: int) -> "Counts":
        """The counts of one node of n graphs: (n,) or (n, s) of (n, v) or (n, v, s)."""
        return Counts(self.value[:, node], self.exponent[:, node])

    @cached_property
    def float64(self) -> NDArray[np.float64]:
        """The counts, infinite where they exceed float64."""
        with np.errstate(over="ignore"):
            counts: NDArray[np.float64] = np.ldexp(self.value, self.exponent)
        return counts

    def log1p(self) -> NDArray[np.float32]:
        """Natural logarithms of 1 + the counts."""
        rounded = to_float32(self.float64)
        fraction, further = np.frexp(self.value)
        large = np.log(np.maximum(fraction, 0.5)) + np.log(2.0) * (self.exponent + further)
        return np.where(rounded < GREATEST, np.log1p(rounded), large).astype(np.float32)


def to_float32(numbers: NDArray[np.float64]) -> NDArray[np.float32]:
    """The numbers as float32, clipped to `GREATEST`."""
    return np.minimum(numbers, GREATEST).astype(np.float32)


@dataclass(frozen=True, eq=False)
class DenseGraphs:
    """n graphs of the same number of nodes v, with e edges in all.

    Attributes:
        rows: (n,) positions of these graphs in the given sequence.
        ops: the distinct operations of these graphs.
        op_index: (n, v) index in `ops` of each node's operation.
        edge_graph: (e,) graph of each edge, sorted.
        edge_source: (e,) node where each edge begins.
        edge_target: (e,) node where each edge ends.
        multiplicity: (e,) multiplicity of each edge, >= 1.
    """

    rows: NDArray[np.intp]
    ops: tuple[Operation, ...]
    op_index: NDArray[np.intp]
    edge_graph: NDArray[np.intp]
    edge_source: NDArray[np.intp]
    edge_target: NDArray[np.intp]
    multiplicity: NDArray[np.float64]

    @property
    def nodes(self) -> int:
        """v, input and output included."""
        return int(self.op_index.shape[1])

    @cached_property
    def sources(self) -> list[list[tuple[int, NDArray[np.float64]]]]:
        """Per node, its sources in any graph, with their multiplicities (n,)."""
        # Only pairs of nodes with an edge have a row: large graphs have many more pairs than edges.
        pairs, pair_of_edge = np.unique(
            self.edge_target * self.nodes + self.edge_source, return_inverse=True
        )
        weight_PN = np.zeros((len(pairs), len(self.rows)))
        weight_PN[pair_of_edge, self.edge_graph] = self.multiplicity
        found: list[list[tuple[int, NDArray[np.float64]]]] = [[] for _ in range(self.nodes)]
        for pair, weight_N in zip(pairs.tolist(), weight_PN, strict=True):
            target, source = divmod(pair, self.nodes)
            found[target].append((source, weight_N))
        return found

    @cached_property
    def fed_by(self) -> list[tuple[NDArray[np.intp], NDArray[np.float64]]]:
        """Of a single graph, each node's sources (s,) and their multiplicities (s, 1)."""
        found: list[list[tuple[int, float]]] = [[] for _ in range(self.nodes)]
        edges = (self.edge_source.tolist(), self.edge_target.tolist(), self.multiplicity.tolist())
        for source, target, multiplicity in sorted(zip(*edges, strict=True)):
            found[target].append((source, multiplicity))
        return [
            (
                np.array([source for source, _ in of], np.intp),
                np.array([multiplicity for _, multiplicity in of], np.float64)[:, None],
            )
            for of in found
        ]

    @cached_property
    def targets(self) -> list[list[tuple[int, NDArray[np.float64]]]]:
        """Per node, its targets in any graph, with their multiplicities (n,)."""
        fed: list[list[tuple[int, NDArray[np.float64]]]] = [[] for _ in range(self.nodes)]
        for target, sources in enumerate(self.sources):
            for source, weight_N in sources:
                fed[source].append((target, weight_N))
        return fed

    def degrees(self, ends: NDArray[np.intp]) -> NDArray[np.float64]:
        """(n, v) sum of the multiplicities of each node's edges.

        Args:
            ends: (e,) the node of each edge, such as `edge_target`.
        """
        place = self.edge_graph * self.nodes + ends
        counted = np.bincount(place, self.multiplicity, minlength=self.op_index.size)
        # Without any edge `bincount` returns integers.
        return counted.astype(np.float64).reshape(self.op_index.shape)

    @cached_property
    def path_counts(self) -> Counts:
        """(n, v) number of paths from the input to each node; multiplicity m is m edges."""
        counts = count_paths(self, np.ones((*self.op_index.shape, 1), dtype=np.bool_))
        return Counts(counts.value[:, :, 0], counts.exponent[:, :, 0])


class GroupedGraphs(tuple[CellGraph, ...]):
    """Graphs for several encodings, which share their stacked form."""

    @cached_property
    def groups(self) -> list[DenseGraphs]:
        """The graphs, grouped by size, some at a time."""
        by_size: dict[int, list[int]] = {}
        for row, graph in enumerate(self):
            by_size.setdefault(len(graph.ops), []).append(row)
        return [
            _stack(self, rows[start : start + _GRAPHS_AT_ONCE])
            for _, rows in sorted(by_size.items())
            for start in range(0, len(rows), _GRAPHS_AT_ONCE)
        ]


def grouped(graphs: Sequence[CellGraph]) -> GroupedGraphs:
    """The same graphs, stacked at most once."""
    return graphs if isinstance(graphs, GroupedGraphs) else GroupedGraphs(graphs)


def with_operations(
    groups: Sequence[DenseGraphs], replacement: Callable[[Operation], Operation]
) -> list[DenseGraphs]:
    """Groups of graphs with their operations replaced; what depends on edges alone is shared."""
    found = []
    for group in groups:
        _ = group.targets, group.path_counts
        other = copy.copy(group)
        object.__setattr__(other, "ops", tuple(replacement(op) for op in group.ops))
        found.append(other)
    return found


def dense_graphs(graphs: Sequence[CellGraph]) -> list[DenseGraphs]:
    """Group graphs by size."""
    return grouped(graphs).groups


def _stack(graphs: Sequence[CellGraph], rows: list[int]) -> DenseGraphs:
    chosen = [graphs[row] for row in rows]
    # Identity of objects first: it takes a tenth of the time of hashing an operation's fields.
    number: dict[Operation, int] = {}
    number_at = {
        place: number.setdefault(op, len(number))
        for place, op in {id(op): op for graph in chosen for op in graph.ops}.items()
    }
    op_index = np.array([[number_at[id(op)] for op in graph.ops] for graph in chosen], np.intp)
    edges = [edge for graph in chosen for edge in graph.edges]
    # Consecutive skip connections double a multiplicity each: it can exceed any float.
    multiplicity = [edge[2] if edge[2] < _LARGE else _LARGE for edge in edges]
    return DenseGraphs(
        np.array(rows, dtype=np.intp),
        tuple(number),
        op_index,
        np.repeat(np.arange(len(chosen)), [len(graph.edges) for graph in chosen]),
        np.array([edge[0] for edge in edges], np.intp),
        np.array([edge[1] for edge in edges], np.intp),
        np.array(multiplicity, np.float64),
    )


def count_paths(group: DenseGraphs, through_NVS: NDArray[np.bool_]) -> Counts:
    """Count the paths from the input through allowed nodes.

    Args:
        group: n graphs of v nodes.
        through_NVS: (n, v, s) the allowed nodes of each of s counts.

    Returns:
        (n, v, s) counts of the paths to each node; multiplicity m is m edges.
    """
    value_NVS = np.zeros(through_NVS.shape)
    exponent_NVS = np.zeros(through_NVS.shape, dtype=np.int32)
    value_NVS[:, 0] = 1.0
    if len(value_NVS) == 1 and _count_paths_of_one(group, through_NVS[0], value_NVS[0]):
        return Counts(value_NVS, exponent_NVS)
    has_exponents = False
    for target in range(1, group.nodes):
        sources = group.sources[target]
        if has_exponents:
            exponent_NVS[:, target] = _largest_exponent(sources, value_NVS, exponent_NVS)
        for source, weight_N in sources:
            share_NS = weight_N[:, None]
            if has_exponents:
                share_NS = _shares(weight_N, exponent_NVS, source, target)
            value_NVS[:, target] += share_NS * value_NVS[:, source]
        value_NVS[:, target] *= through_NVS[:, target]
        exponent_NVS[:, target] *= through_NVS[:, target]
        if value_NVS[:, target].max(initial=0.0) > _LARGE:
            has_exponents = True
            value_NVS[:, target], further = np.frexp(value_NVS[:, target])
            exponent_NVS[:, target] += further
    return Counts(value_NVS, exponent_NVS)


def _count_paths_of_one(
    group: DenseGraphs, through_VS: NDArray[np.bool_], value_VS: NDArray[np.float64]
) -> bool:
    """As `count_paths`, of a single graph, into `value_VS`; False if some count is very large.

    All edges to a node are summed in one call, in the order of `count_paths`.
    """
    for target, (sources, weight_E1) in enumerate(group.fed_by[1:], 1):
        sum_S = np.add.reduce(weight_E1 * value_VS[sources], axis=0)
        np.multiply(sum_S, through_VS[target], out=value_VS[target])
        if np.maximum.reduce(value_VS[target], initial=0.0) > _LARGE:
            value_VS[1:] = 0.0
            return False
    return True


def _largest_exponent(
    sources: list[tuple[int, NDArray[np.float64]]],
    value_NVS: NDArray[np.float64],
    exponent_NVS: NDArray[np.int32],
) -> NDArray[np.int32]:
    """(n, s) the exponent of a sum of counts: the largest exponent of its summands."""
    largest_NS = np.zeros_like(exponent_NVS[:, 0])
    for source, weight_N in sources:
        is_added = (weight_N > 0)[:, None] & (value_NVS[:, source] > 0)
        np.maximum(largest_NS, exponent_NVS[:, source], out=largest_NS, where=is_added)
    return largest_NS


def _shares(
    weight_N: NDArray[np.float64], exponent_NVS: NDArray[np.int32], source: int, target: int
) -> NDArray[np.float64]:
    """(n, s) factors of a source's values in the sum at a target."""
    shift_NS = np.minimum(exponent_NVS[:, source] - exponent_NVS[:, target], 0)
    shares: NDArray[np.float64] = np.ldexp(weight_N[:, None], shift_NS)
    return shares


def path_sums(
    group: DenseGraphs, added_NVK: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Sums of k quantities of nodes along the paths from input to output.

    The cost is linear in the edges: sums are propagated, paths are not listed.

    Args:
        group: n graphs of v nodes.
        added_NVK: (n, v, k) summand of each node; zero for the output.

    Returns:
        The minimum, maximum and mean sum over paths, (n, k) each; infinity, minus infinity and
        zero where no path exists.
    """
    paths = group.path_counts
    if len(added_NVK) == 1 and not paths.exponent.any():
        return _path_sums_of_one(group, added_NVK[0], paths.value[0])
    least = np.full(added_NVK.shape, np.inf, np.float32)
    greatest = np.full(added_NVK.shape, -np.inf, np.float32)
    least[:, 0] = greatest[:, 0] = 0.0
    # The sum over all paths to a node, scaled by the exponent of their count.
    total = np.zeros(added_NVK.shape)
    value_NV1, exponent_NV1 = paths.value[:, :, None], paths.exponent[:, :, None]
    for target in range(1, group.nodes):
        added_NK = added_NVK[:, target]
        for source, weight_N in group.sources[target]:
            low, high = least[:, source] + added_NK, greatest[:, source] + added_NK
            fed_N = weight_N > 0
            if not fed_N.all():
                low[~fed_N], high[~fed_N] = np.inf, -np.inf
            np.minimum(least[:, target], low, out=least[:, target])
            np.maximum(greatest[:, target], high, out=greatest[:, target])
            share_N1 = _shares(weight_N, exponent_NV1, source, target)
            total[:, target] += share_N1 * (total[:, source] + value_NV1[:, source] * added_NK)
    has_path_N1 = value_NV1[:, -1] > 0
    mean = np.where(has_path_N1, total[:, -1] / np.where(has_path_N1, value_NV1[:, -1], 1.0), 0.0)
    return least[:, -1], greatest[:, -1], mean.astype(np.float32)


def _path_sums_of_one(
    group: DenseGraphs, added_VK: NDArray[np.float32], value_V: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """As `path_sums`, of a single graph whose counts of paths have no exponents; (1, k) each."""
    least = np.full(added_VK.shape, np.inf, np.float32)
    greatest = np.full(added_VK.shape, -np.inf, np.float32)
    least[0] = greatest[0] = 0.0
    total = np.zeros(added_VK.shape)
    for target, (sources, weight_E1) in enumerate(group.fed_by[1:], 1):
        if len(sources):
            added_K = added_VK[target]
            np.add(np.minimum.reduce(least[sources], axis=0), added_K, out=least[target])
            np.add(np.maximum.reduce(greatest[sources], axis=0), added_K, out=greatest[target])
            through_EK = total[sources] + value_V[sources, None] * added_K
            np.add.reduce(weight_E1 * through_EK, axis=0, out=total[target])
    mean = total[-1:] / value_V[-1] if value_V[-1] > 0 else np.zeros_like(total[-1:])
    return least[-1:], greatest[-1:], mean.astype(np.float32)
