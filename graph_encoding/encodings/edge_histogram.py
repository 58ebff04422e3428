"""Histogram of edges by the operations at their ends."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graph_encoding.encodings.base import GroupEncoding
from graph_encoding.encodings.stacked_graphs import DenseGraphs, to_float32
from graph_encoding.ops import NB_ASR_OPS, Operation

_INPUT, _OUTPUT, _OTHER = "input", "output", "other"


class EdgeHistogramEncoding(GroupEncoding):
    """Number of nodes per operation, and of edges per pair of operations.

    Edges count with their multiplicity. The Euclidean distance of two rows measures the
    dissimilarity of graphs: its square is at most the sum of squares of the counts to be added and
    removed. Defined for any size; other operations than `ops` count as `other`.

    Args:
        ops: operations with columns of their own.

    Source: histograms as a bound of the edit distance: Zeng et al., "Comparing stars: on
    approximating graph edit distance", VLDB 2009.
    """

    def __init__(self, ops: Sequence[str] = NB_ASR_OPS[:-1]) -> None:
        labels = (*ops, _OTHER)
        self._label = {name: i for i, name in enumerate((_INPUT, *labels, _OUTPUT))}
        self._inner = {name: self._label[name] for name in labels}
        self._columns = (
            *(f"histogram/{name}" for name in labels),
            *(
                f"histogram/{source}->{target}"
                for source in (_INPUT, *labels)
                for target in (*labels, _OUTPUT)
            ),
        )

    def encode_group(self, group: DenseGraphs) -> NDArray[np.float32]:
        """Shape suffixes: N graphs, L labels, E edges of all graphs."""
        label_NV = np.array([self._label_of(op) for op in group.ops])[group.op_index]
        labels = len(self._label)
        nodes_NL = np.zeros((len(label_NV), labels), dtype=np.float32)
        np.add.at(nodes_NL, (np.arange(len(label_NV))[:, None], label_NV), 1.0)
        graph_E = group.edge_graph
        pairs_NLL = np.zeros((len(label_NV), labels, labels))
        np.add.at(
            pairs_NLL,
            (graph_E, label_NV[graph_E, group.edge_source], label_NV[graph_E, group.edge_target]),
            group.multiplicity,
        )
        pairs = to_float32(pairs_NLL[:, :-1, 1:].reshape(len(label_NV), -1))
        return np.concatenate([nodes_NL[:, 1:-1], pairs], axis=1)

    def _label_of(self, op: Operation) -> int:
        if op.kind in (_INPUT, _OUTPUT):
            return self._label[op.kind]
        return self._inner.get(op.name, self._label[_OTHER])
