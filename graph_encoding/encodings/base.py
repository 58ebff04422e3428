"""The interface of encodings."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from graph_encoding.encodings.stacked_graphs import DenseGraphs, dense_graphs, grouped
from graph_encoding.graph import CellGraph


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
            encoded[group.rows] = self._encode_group(group)
        return encoded

    @abstractmethod
    def _encode_group(self, group: DenseGraphs) -> NDArray[np.float32]:
        """Encode the graphs of a group as a matrix of shape (n, d)."""


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
