"""Histogram of node neighbourhoods."""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from graph_encoding.encodings.base import Encoding
from graph_encoding.graph import CellGraph


class WeisfeilerLehmanEncoding(Encoding):
    """Number of nodes per neighbourhood of growing radius, hashed into bins.

    A node's first label is its operation's name; each iteration appends the sorted labels of its
    sources and targets, with multiplicities. The hash is CRC-32, the same in every process.
    Defined for any size and any operation; different neighbourhoods may share a bin.

    Args:
        iterations: radius of the largest neighbourhood, >= 0.
        bins: columns per radius, >= 1.

    Raises:
        UserError: if an argument is too small.

    Source: Shervashidze et al., "Weisfeiler-Lehman graph kernels", JMLR 2011, section 3.
    """

    def __init__(self, iterations: int = 2, bins: int = 64) -> None:
        if iterations < 0 or bins < 1:
            raise UserError(
                "neighbourhoods need iterations >= 0 and bins >= 1, but got "
                f"iterations={iterations!r} and bins={bins!r}; the defaults are 2 and 64"
            )
        self._iterations = iterations
        self._bins = bins
        self._columns = tuple(
            f"wl/radius{radius}:bin{i}" for radius in range(iterations + 1) for i in range(bins)
        )

    def encode(self, graphs: Sequence[CellGraph]) -> NDArray[np.float32]:
        """Encode n graphs as a matrix of shape (n, d)."""
        rows = np.zeros((len(graphs), len(self._columns)), dtype=np.float32)
        for row, graph in zip(rows, graphs, strict=True):
            labels = [_hash(op.name) for op in graph.ops]
            for label in labels:
                row[label % self._bins] += 1.0
            for radius in range(1, self._iterations + 1):
                fed_by: list[list[tuple[int, int]]] = [[] for _ in labels]
                feeds: list[list[tuple[int, int]]] = [[] for _ in labels]
                for source, target, multiplicity in graph.edges:
                    fed_by[target].append((labels[source], multiplicity))
                    feeds[source].append((labels[target], multiplicity))
                labels = [
                    _hash(f"{own}|{sorted(before)}|{sorted(after)}")
                    for own, before, after in zip(labels, fed_by, feeds, strict=True)
                ]
                for label in labels:
                    row[radius * self._bins + label % self._bins] += 1.0
        return rows


def _hash(text: str) -> int:
    return zlib.crc32(text.encode())
