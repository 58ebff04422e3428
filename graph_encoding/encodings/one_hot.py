"""One-hot operations of the canonical positions."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graph_encoding.encodings.base import Encoding
from graph_encoding.graph import CellGraph
from graph_encoding.ops import NB_ASR_OPS


class OneHotEncoding(Encoding):
    """One-hot operation of each of the first `nodes` positions.

    Size-dependent: of larger graphs the first `nodes` operations are encoded; `onehot/nodes` is the
    true size. Other operations than `ops` set the column `other`. Positions are canonical only in
    graphs of functional forms.

    Args:
        nodes: positions with columns of their own.
        ops: operations with columns of their own.
    """

    def __init__(self, nodes: int = 3, ops: Sequence[str] = NB_ASR_OPS[:-1]) -> None:
        self._nodes = nodes
        self._column_of_op = {name: i for i, name in enumerate(ops)}
        self._width = len(self._column_of_op) + 1
        op_columns = (
            f"onehot/op{k}={name}" for k in range(1, nodes + 1) for name in (*ops, "other")
        )
        self._columns = (*op_columns, "onehot/nodes")

    def encode(self, graphs: Sequence[CellGraph]) -> NDArray[np.float32]:
        """Encode n graphs as a matrix of shape (n, d)."""
        rows = np.zeros((len(graphs), len(self._columns)), dtype=np.float32)
        other = self._width - 1
        for row, graph in zip(rows, graphs, strict=True):
            size = graph.inner_nodes
            for position in range(min(size, self._nodes)):
                op = graph.ops[position + 1].name
                row[position * self._width + self._column_of_op.get(op, other)] = 1.0
            row[-1] = size
        return rows
