"""Adjacency matrix of the canonical positions."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graph_encoding.encodings.base import Encoding
from graph_encoding.encodings.stacked_graphs import GREATEST, to_float32
from graph_encoding.graph import CellGraph


class AdjacencyEncoding(Encoding):
    """Multiplicities of the edges between input, the first `nodes` positions and output.

    Size-dependent: edges of later positions are counted in `adjacency/beyond`. Positions are
    canonical only in graphs of functional forms.

    Args:
        nodes: positions between input and output with columns of their own.
    """

    def __init__(self, nodes: int = 3) -> None:
        self._nodes = nodes
        self._column_of_pair = {
            pair: i
            for i, pair in enumerate(
                (source, target) for target in range(1, nodes + 2) for source in range(target)
            )
        }
        names = ["input", *(str(k) for k in range(1, nodes + 1)), "output"]
        pairs = (f"adjacency/{names[i]}->{names[j]}" for i, j in self._column_of_pair)
        self._columns = (*pairs, "adjacency/beyond")

    def encode(self, graphs: Sequence[CellGraph]) -> NDArray[np.float32]:
        """Encode n graphs as a matrix of shape (n, d)."""
        rows = np.zeros((len(graphs), len(self._columns)))
        for row, graph in zip(rows, graphs, strict=True):
            output = len(graph.ops) - 1
            for source, target, multiplicity in graph.edges:
                # The output has the same columns in graphs of any size.
                place = self._nodes + 1 if target == output else target
                fits = source <= self._nodes and (target == output or target <= self._nodes)
                column = self._column_of_pair[source, place] if fits else -1
                row[column] += min(multiplicity, GREATEST)
        return to_float32(rows)
