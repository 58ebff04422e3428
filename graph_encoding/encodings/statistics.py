"""Counts, degrees, and longest and shortest paths of a graph."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from graph_encoding.encodings.base import PathSumEncoding, PathSums
from graph_encoding.encodings.stacked_graphs import DenseGraphs, to_float32
from graph_encoding.ops import NB_ASR_OPS, Operation

_GROUPS: dict[str, Callable[[Operation], bool]] = {
    "any": lambda _: True,
    "dense": lambda op: op.kind in ("linear", "gated_linear"),
    "convolution": lambda op: op.kind in ("conv", "conv2d", "graph_conv"),
    "pooling": lambda op: op.kind in ("max_pool", "avg_pool"),
    "wide": lambda op: op.kernel > 5,  # the larger half of the kernels of NAS-Bench-ASR
    "dilated": lambda op: op.dilation > 1,
}
"""Subsets of operations by their properties, which unseen operations have too."""


class GraphStatisticsEncoding(PathSumEncoding):
    """Numbers of operations, edges and paths; path lengths per subset of operations.

    The length of a path is its number of operations in the subset; columns are the shortest and
    the longest path from input to output. Without a path they are 0, and `statistics/dead` is 1.
    Defined for any size and any operation.

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

    def _quantities(self, op: Operation) -> list[float]:
        is_inner = op.kind not in ("input", "output")
        return [float(is_inner and member(op)) for member in _GROUPS.values()]

    def counts(self, group: DenseGraphs) -> NDArray[np.float32]:
        """(n, c) number of nodes of each counted name, the first columns of the encoding."""
        others = len(self._column_of_op)
        counted_OC = np.zeros((len(group.ops), others + 1), dtype=np.float32)
        for row, op in enumerate(group.ops):
            if op.kind not in ("input", "output"):
                counted_OC[row, self._column_of_op.get(op.name, others)] = 1.0
        counts_NC: NDArray[np.float32] = counted_OC[group.op_index].sum(axis=1)
        return counts_NC

    def encode_sums(self, group: DenseGraphs, sums: PathSums) -> NDArray[np.float32]:
        """Shape suffixes: N graphs, V nodes, C counted names, L subsets, E edges."""
        lengths_NL2 = np.stack([sums.least, sums.greatest], axis=2)
        lengths_NL2[~np.isfinite(lengths_NL2)] = 0.0
        into_NV = group.degrees(group.edge_target)
        out_of_NV = group.degrees(group.edge_source)
        paths = group.path_counts.at_node(-1)
        n = len(group.rows)
        direct_E = (group.edge_source == 0) & (group.edge_target == group.nodes - 1)
        columns = (
            np.full(n, group.nodes - 2.0),
            np.bincount(group.edge_graph, minlength=n),
            into_NV.sum(axis=1),
            paths.float64,
            np.bincount(group.edge_graph, group.multiplicity * direct_E, minlength=n),
            out_of_NV[:, 0],
            into_NV[:, -1],
            into_NV[:, 1:-1].max(axis=1, initial=0),
            out_of_NV[:, 1:-1].max(axis=1, initial=0),
            paths.value == 0,
        )
        return to_float32(
            np.column_stack([self.counts(group), lengths_NL2.reshape(n, -1), *columns])
        )
