"""Counts of the operation sequences met on the way from input to output."""

import itertools
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graph_encoding.encodings.base import Encoding
from graph_encoding.graph import CellGraph
from graph_encoding.ops import NB_ASR_OPS

_OTHER = "other"


class PathEncoding(Encoding):
    """How many paths from input to output spell each sequence of operations.

    A path through an edge of multiplicity m counts m times. Paths of more than `max_length`
    operations are counted in `path/longer`; operations outside `ops` read as `other`.

    Args:
        max_length: longest sequence with a column of its own.
        ops: operations with a name of their own in the sequences.

    Source: White et al., "BANANAS", AAAI 2021, section 3.1, with counts in place of presence.
    """

    def __init__(self, max_length: int = 3, ops: Sequence[str] = NB_ASR_OPS[:-1]) -> None:
        self._max_length = max_length
        self._known = frozenset(ops)
        alphabet = (*ops, _OTHER)
        self._column_of_path = {
            path: i
            for i, path in enumerate(
                path
                for length in range(max_length + 1)
                for path in itertools.product(alphabet, repeat=length)
            )
        }
        self._columns = (
            *(f"path/{'>'.join(path) or 'skip'}" for path in self._column_of_path),
            "path/longer",
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """One column a sequence, the shortest first, and one for all longer ones."""
        return self._columns

    def encode(self, graphs: Sequence[CellGraph]) -> NDArray[np.float32]:
        """Encode n graphs as a matrix of shape (n, d)."""
        rows = np.zeros((len(graphs), len(self._columns)), dtype=np.float32)
        for row, graph in zip(rows, graphs, strict=True):
            paths, longer = self._count_paths(graph)
            for path, count in paths.items():
                row[self._column_of_path[path]] = count
            row[-1] = longer
        return rows

    def _count_paths(self, graph: CellGraph) -> tuple[Counter[tuple[str, ...]], int]:
        """Count paths to each node in topological order: no path is walked twice."""
        reaching: list[Counter[tuple[str, ...]]] = [Counter() for _ in graph.ops]
        longer = [0] * len(graph.ops)
        reaching[0][()] = 1
        last = len(graph.ops) - 1
        for source, target, multiplicity in graph.edges:
            op = graph.ops[target].name
            step = () if target == last else (op if op in self._known else _OTHER,)
            longer[target] += multiplicity * longer[source]
            for path, count in reaching[source].items():
                if len(path) + len(step) > self._max_length:
                    longer[target] += multiplicity * count
                else:
                    reaching[target][path + step] += multiplicity * count
        return reaching[last], longer[last]
