"""Novelty of a graph relative to the training set: unseen operations, larger size, distance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from graph_encoding.encodings import EdgeHistogramEncoding
from graph_encoding.graph import CellGraph
from surrogate.data.targets import FloatArray

Way = Literal["new_operation", "larger"]
"""A way of being out of support: an operation, or a size, that no training graph has."""

WAYS: tuple[Way, ...] = ("new_operation", "larger")

Novelty = Mapping[Way, int]
"""Number of novel nodes for each way in which a graph is out of support, each >= 1: nodes with an
unseen operation, and nodes above the size of the largest training graph. Empty in support."""

_ROWS_AT_ONCE = 64  # their distances from all points stay in the cache
_MOST_COUNTED = np.float32(2.0**50)


def novel_nodes(novelty: Novelty) -> int:
    """One number for a graph's novelty: the larger of its counts; 0 in support."""
    return max(novelty.values(), default=0)


@dataclass(frozen=True)
class TrainedOn:
    """The support of a fit. All questions of whether a graph is novel are decided here.

    Attributes:
        ops: names of the operations in the training graphs, sorted.
        nodes: most operations of a training graph.
    """

    ops: tuple[str, ...]
    nodes: int

    @classmethod
    def of(cls, graphs: Sequence[CellGraph]) -> "TrainedOn":
        """The support of a fit on some graphs."""
        names = {op.name for graph in graphs for op in graph.ops[1:-1]}
        return cls(tuple(sorted(names)), max(graph.inner_nodes for graph in graphs))

    def novelty(self, graph: CellGraph) -> Novelty:
        """In which ways a graph is novel, and by how many nodes."""
        return self.novelty_of([op.name for op in graph.ops[1:-1]])

    def novelty_of(self, operations: Sequence[str]) -> Novelty:
        """Novelty of a graph with these operations, one per node."""
        counts = (sum(name not in self.ops for name in operations), len(operations) - self.nodes)
        return {way: count for way, count in zip(WAYS, counts, strict=True) if count > 0}

    def reasons(self, operations: Sequence[str]) -> tuple[str, ...]:
        """Why a graph with these operations is out of support, for people; empty in support."""
        novelty = self.novelty_of(operations)
        unseen = sorted(set(operations) - set(self.ops)) if "new_operation" in novelty else []
        found = [f"no training cell has the operation {name}" for name in unseen]
        if "larger" in novelty:
            found.append(
                f"it has {len(operations)} operations, the training cells at most {self.nodes}"
            )
        return tuple(found)


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """The training graphs as points, for the distance of a query to the nearest of them.

    Attributes:
        ops: operations that are counted by name.
        points: (m, d) distinct rows of `EdgeHistogramEncoding`.
    """

    ops: tuple[str, ...]
    points: NDArray[np.float32]

    @classmethod
    def of(cls, graphs: Sequence[CellGraph]) -> "Neighbourhood":
        """The neighbourhood of some graphs."""
        ops = TrainedOn.of(graphs).ops
        return cls(ops, np.unique(_counts(EdgeHistogramEncoding(ops), graphs), axis=0))

    def distance(self, graphs: Sequence[CellGraph]) -> FloatArray:
        """(n,) distance of each of n graphs to the nearest training graph.

        Euclidean distance of counts of operations and edges: about the square root of how many of
        them must be added and removed. A different graph with the same counts has distance 0.
        """
        rows = _counts(self._encoding, graphs)
        nearest = [
            self._least(rows[start : start + _ROWS_AT_ONCE])
            for start in range(0, len(rows), _ROWS_AT_ONCE)
        ]
        squared = (rows**2).sum(axis=1) + np.concatenate([np.zeros(0), *nearest])
        distances: FloatArray = np.sqrt(np.maximum(squared, 0.0)).astype(np.float64)
        return distances

    def _least(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,) least squared distances of rows, without their own squared lengths."""
        by_column = self._by_column
        if len(rows) == 1:  # a graph has few operations and edges: most columns are zero
            used = rows[0].nonzero()[0]
            rows, by_column = rows[:, used], by_column[used]
        squared = (-2 * rows) @ by_column
        squared += self._squared_lengths
        least: NDArray[np.float32] = squared.min(axis=1)
        return least

    @cached_property
    def _by_column(self) -> NDArray[np.float32]:
        return np.ascontiguousarray(self.points.T)

    @cached_property
    def _encoding(self) -> EdgeHistogramEncoding:
        return EdgeHistogramEncoding(self.ops)

    @cached_property
    def _squared_lengths(self) -> NDArray[np.float32]:
        lengths: NDArray[np.float32] = (self.points**2).sum(axis=1)
        return lengths


def _counts(encoding: EdgeHistogramEncoding, graphs: Sequence[CellGraph]) -> NDArray[np.float32]:
    """(n, d) counts, small enough for float32 to hold sums of their squares."""
    return np.minimum(encoding.encode(graphs), _MOST_COUNTED)
