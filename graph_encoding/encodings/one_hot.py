"""Which operation stands at each canonical position, and which positions feed which."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graph_encoding.encodings.base import Encoding
from graph_encoding.graph import CellGraph
from graph_encoding.ops import NB_ASR_OPS


class OneHotEncoding(Encoding):
    """One-hot operation of each of the first `nodes` positions, and edge multiplicities.

    Size-dependent: a graph with more operations than `nodes` is described by its first ones,
    its true size in `onehot/nodes` and the number of edges that do not fit in
    `onehot/edges_beyond`. An operation outside `ops` sets the column `other`.

    Args:
        nodes: positions that get columns of their own.
        ops: operations that get columns of their own.
    """

    def __init__(self, nodes: int = 3, ops: Sequence[str] = NB_ASR_OPS[:-1]) -> None:
        self._nodes = nodes
        self._column_of_op = {name: i for i, name in enumerate(ops)}
        self._width = len(self._column_of_op) + 1
        op_columns = [
            f"onehot/op{k}={name}" for k in range(1, nodes + 1) for name in (*ops, "other")
        ]
        self._pairs = {
            pair: i
            for i, pair in enumerate(
                (source, target) for target in range(1, nodes + 2) for source in range(target)
            )
        }
        names = ["input", *(str(k) for k in range(1, nodes + 1)), "output"]
        edge_columns = [f"onehot/edge:{names[i]}->{names[j]}" for i, j in self._pairs]
        self._columns = (*op_columns, *edge_columns, "onehot/nodes", "onehot/edges_beyond")

    @property
    def columns(self) -> tuple[str, ...]:
        """Nodes * (ops + 1) operation columns, one for each pair of positions, and the size."""
        return self._columns

    def encode(self, graphs: Sequence[CellGraph]) -> NDArray[np.float32]:
        """Encode n graphs as a matrix of shape (n, d)."""
        rows = np.zeros((len(graphs), len(self._columns)), dtype=np.float32)
        first_edge = self._nodes * self._width
        other = self._width - 1
        for row, graph in zip(rows, graphs, strict=True):
            size = graph.inner_nodes
            for position in range(min(size, self._nodes)):
                op = graph.ops[position + 1].name
                row[position * self._width + self._column_of_op.get(op, other)] = 1.0
            for source, target, multiplicity in graph.edges:
                # The output always has the same columns, whatever the graph's size.
                place = self._nodes + 1 if target == size + 1 else target
                fits = source <= self._nodes and (target <= self._nodes or target == size + 1)
                if fits:
                    row[first_edge + self._pairs[source, place]] = multiplicity
                else:
                    row[-1] += multiplicity
            row[-2] = size
        return rows
