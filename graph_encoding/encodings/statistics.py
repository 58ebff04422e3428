"""Counts, degrees and the longest and shortest ways through a graph."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from graph_encoding.encodings.base import Encoding
from graph_encoding.graph import CellGraph
from graph_encoding.ops import NB_ASR_OPS, Operation

_GROUPS: dict[str, Callable[[Operation], bool]] = {
    "any": lambda _: True,
    "dense": lambda op: op.kind in ("linear", "gated_linear"),
    "convolution": lambda op: op.kind in ("conv", "conv2d", "graph_conv"),
    "pooling": lambda op: op.kind in ("max_pool", "avg_pool"),
    "wide": lambda op: op.kernel > 5,  # the larger half of the kernels of NAS-Bench-ASR
    "dilated": lambda op: op.dilation > 1,
}
"""Subsets of operations by what they are, so that an unseen one has its place."""


class GraphStatisticsEncoding(Encoding):
    """Numbers of operations, edges and paths; for subsets of operations, path lengths.

    The length of a path over a subset is how many of its operations belong to it; the shortest
    and the longest one from input to output are given. A graph without such a path has 0 there
    and 1 in `statistics/dead`. Defined for any size and any operation.

    Args:
        ops: operations with a count of their own; all others count as `other`.

    Source: the idea of Kadlecova et al., "Surprisingly strong performance prediction with neural
    graph features" (GRAF), ICML 2024, with subsets by kind in place of all subsets.
    """

    def __init__(self, ops: Sequence[str] = NB_ASR_OPS[:-1]) -> None:
        self._column_of_op = {name: i for i, name in enumerate(ops)}
        self._columns = (
            *(f"statistics/count:{name}" for name in (*ops, "other")),
            *(f"statistics/{end}:{group}" for group in _GROUPS for end in ("shortest", "longest")),
            "statistics/nodes",
            "statistics/edges",
            "statistics/edges_with_multiplicity",
            "statistics/paths",
            "statistics/skips_from_input_to_output",
            "statistics/input_out_degree",
            "statistics/output_in_degree",
            "statistics/max_in_degree",
            "statistics/max_out_degree",
            "statistics/dead",
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """Counts of operations, two lengths for each subset, counts of the graph."""
        return self._columns

    def encode(self, graphs: Sequence[CellGraph]) -> NDArray[np.float32]:
        """Encode n graphs as a matrix of shape (n, d)."""
        rows = [self._row(graph) for graph in graphs]
        return np.array(rows, dtype=np.float32).reshape(len(graphs), len(self._columns))

    def _row(self, graph: CellGraph) -> list[float]:
        last = len(graph.ops) - 1
        counts = [0.0] * (len(self._column_of_op) + 1)
        for op in graph.ops[1:-1]:
            counts[self._column_of_op.get(op.name, -1)] += 1
        lengths = [length for member in _GROUPS.values() for length in _path_lengths(graph, member)]
        paths = [1.0] + [0.0] * last
        into, out_of = [0] * (last + 1), [0] * (last + 1)
        for source, target, multiplicity in graph.edges:
            paths[target] += multiplicity * paths[source]
            into[target] += multiplicity
            out_of[source] += multiplicity
        direct = sum(m for source, target, m in graph.edges if (source, target) == (0, last))
        return [
            *counts,
            *lengths,
            graph.inner_nodes,
            len(graph.edges),
            sum(into),
            paths[last],
            direct,
            out_of[0],
            into[last],
            max(into[1:last], default=0),
            max(out_of[1:last], default=0),
            float(paths[last] == 0),
        ]


def _path_lengths(graph: CellGraph, member: Callable[[Operation], bool]) -> tuple[int, int]:
    """Fewest and most members on a path from input to output; zeros if there is none."""
    last = len(graph.ops) - 1
    steps = [int(0 < node < last and member(op)) for node, op in enumerate(graph.ops)]
    fewest: list[int | None] = [0] + [None] * last
    most = [0] * (last + 1)
    # Edges rise by source, and a node's value is whole before it is a source.
    for source, target, _ in graph.edges:
        here = fewest[source]
        if here is None:
            continue
        there = fewest[target]
        fewest[target] = min(here + steps[target], here + steps[target] if there is None else there)
        most[target] = max(most[source] + steps[target], most[target])
    return fewest[last] or 0, most[last] if fewest[last] is not None else 0
