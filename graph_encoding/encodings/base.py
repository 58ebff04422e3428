"""The seam of all encodings."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from graph_encoding.encodings.stacked_graphs import grouped
from graph_encoding.graph import CellGraph


class Encoding(ABC):
    """Turns graphs into rows of numbers.

    An encoding is a pure function of the graph: equal keys give equal rows. Every graph has a
    row and every entry is finite, also for operations and sizes the encoding has no column of
    its own for. A count that is too large for float32, such as that of the paths of 130 residual
    blocks, is the greatest float32; logarithms of counts and means over paths are right beyond.
    """

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """(d,) unique column names."""

    @abstractmethod
    def encode(self, graphs: Sequence[CellGraph]) -> NDArray[np.float32]:
        """Encode n graphs as a matrix of shape (n, d)."""


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

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of all parts, in order."""
        return self._columns

    def encode(self, graphs: Sequence[CellGraph]) -> NDArray[np.float32]:
        """Encode n graphs as a matrix of shape (n, sum of the parts' d)."""
        together = grouped(graphs)
        return np.concatenate([part.encode(together) for part in self._parts], axis=1)
