"""The interface of encodings."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from graph_encoding.encodings.stacked_graphs import (
    DenseGraphs,
    dense_graphs,
    grouped,
    path_sums,
)
from graph_encoding.graph import CellGraph
from graph_encoding.ops import Operation


class Encoding(ABC):
    """Encodes graphs as rows of numbers.

    An encoding is a pure function of the graph: equal keys give equal rows. Every graph has a
    row and every entry is finite, also for operations and sizes without a column of their own.
    Counts above the range of float32, such as that of the paths of 130 residual blocks, become
    the largest float32; logarithms of counts and means over paths are exact there too.

    Subclasses set `_columns`.
    """

    _columns: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """(d,) unique column names."""
        return self._columns

    @abstractmethod
    def encode(self, graphs: Sequence[CellGraph]) -> NDArray[np.float32]:
        """Encode n graphs as a matrix of shape (n, d)."""


class GroupEncoding(Encoding):
    """An encoding that computes all graphs of one size at once."""

    def encode(self, graphs: Sequence[CellGraph]) -> NDArray[np.float32]:
        """Encode n graphs as a matrix of shape (n, d)."""
        encoded = np.zeros((len(graphs), len(self._columns)), dtype=np.float32)
        for group in dense_graphs(graphs):
            encoded[group.rows] = self.encode_group(group)
        return encoded

    @abstractmethod
    def encode_group(self, group: DenseGraphs) -> NDArray[np.float32]:
        """Encode the graphs of a group as a matrix of shape (n, d)."""


class PathSums(NamedTuple):
    """Sums of k quantities of nodes along the paths of n graphs, see `path_sums`.

    Attributes:
        added: (n, v, k) the quantities of each node.
        least: (n, k) minima over the paths from input to output.
        greatest: (n, k) maxima.
        mean: (n, k) means.
    """

    added: NDArray[np.float32]
    least: NDArray[np.float32]
    greatest: NDArray[np.float32]
    mean: NDArray[np.float32]


class PathSumEncoding(GroupEncoding):
    """An encoding of sums of quantities of operations along paths."""

    def encode_group(self, group: DenseGraphs) -> NDArray[np.float32]:
        """Encode the graphs of a group as a matrix of shape (n, d)."""
        return encoded_together([(self, group)])[0]

    @cached_property
    def _known(self) -> dict[Operation, NDArray[np.float32]]:
        return {}

    def quantities(self, op: Operation) -> NDArray[np.float32]:
        """(k,) quantities of an operation, computed once; zero for input and output."""
        found = self._known.get(op)
        if found is None:
            found = self._known[op] = np.array(self._quantities(op), dtype=np.float32)
        return found

    @abstractmethod
    def _quantities(self, op: Operation) -> Sequence[float]:
        """(k,) quantities of an operation; zero for input and output."""

    @abstractmethod
    def encode_sums(self, group: DenseGraphs, sums: PathSums) -> NDArray[np.float32]:
        """Encode the graphs of a group, from the sums of the quantities, as a matrix (n, d)."""


def encoded_together(
    parts: Sequence[tuple[PathSumEncoding, DenseGraphs]],
) -> list[NDArray[np.float32]]:
    """Encode graphs with several encodings, at little more than the cost of one.

    Args:
        parts: encodings, each with the same graphs; their operations may differ, their edges not.
    """
    rows = [
        np.array([encoding.quantities(op) for op in group.ops]).reshape(len(group.ops), -1)
        for encoding, group in parts
    ]
    group = parts[0][1]
    added = np.concatenate(rows, axis=1)[group.op_index]
    whole = PathSums(added, *path_sums(group, added))
    encoded, start = [], 0
    for (encoding, of_part), row in zip(parts, rows, strict=True):
        part = slice(start, start := start + row.shape[1])
        sums = PathSums(*(of[..., part] for of in whole))
        encoded.append(encoding.encode_sums(of_part, sums))
    return encoded


class Composition(Encoding):
    """Several encodings side by side.

    Raises:
        UserError: if two of them share a column name.
    """

    def __init__(self, parts: Sequence[Encoding]) -> None:
        self._parts = tuple(parts)
        self._columns = tuple(column for part in self._parts for column in part.columns)
        repeated = {c for c, count in Counter(self._columns).items() if count > 1}
        if repeated:
            raise UserError(
                f"composed encodings must have distinct columns, but share {sorted(repeated)}"
            )

    def encode(self, graphs: Sequence[CellGraph]) -> NDArray[np.float32]:
        """Encode n graphs as a matrix of shape (n, sum of the parts' d)."""
        together = grouped(graphs)
        return np.concatenate([part.encode(together) for part in self._parts], axis=1)
