"""The standard space for the page: its functions, their points and their nearest others."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph_encoding.cell import Cell
from graph_encoding.encodings import EdgeHistogramEncoding
from graph_encoding.functional_identity import functional_form
from graph_encoding.graph import CellGraph, graph_of_form
from graph_encoding.semantics import Semantics
from graph_encoding.space import CellSpace

NEAREST = 6
"""Nearest functions listed for each function."""

_ROWS_AT_ONCE = 512


@dataclass(frozen=True, eq=False)
class StandardSpace:
    """The functions of the standard space, in the order in which they first appear.

    Attributes:
        semantics: how cells are read.
        keys: (n,) functional keys.
        cells: (n,) the first point of each.
        living: (n,) whether the output depends on the input.
        points: (13,824,) index of each point's function, in the order of `CellSpace`.
    """

    semantics: Semantics
    keys: tuple[str, ...]
    cells: tuple[Cell, ...]
    living: NDArray[np.bool_]
    points: NDArray[np.int64]

    @classmethod
    @lru_cache(maxsize=1)
    def of(cls, semantics: Semantics) -> "StandardSpace":
        """The space under some semantics."""
        index: dict[str, int] = {}
        cells, living, points = [], [], []
        for cell in CellSpace():
            form = functional_form(cell, semantics)
            if form.key not in index:
                index[form.key] = len(index)
                cells.append(cell)
                living.append(not form.is_dead)
            points.append(index[form.key])
        return cls(semantics, tuple(index), tuple(cells), np.array(living), np.array(points))

    def graphs(self) -> list[CellGraph]:
        """Graphs of the living functions, in order."""
        forms = (functional_form(cell, self.semantics) for cell in self.cells)
        return [graph_of_form(form) for form in forms if not form.is_dead]

    def of_living(self, column: NDArray[Any], missing: Any) -> NDArray[Any]:
        """A column (..., living functions) with `missing` at dead functions: (..., n)."""
        full = np.full((*column.shape[:-1], len(self.keys)), missing, dtype=column.dtype)
        full[..., self.living] = column
        return full


@lru_cache(maxsize=1)
def nearest_functions(space: StandardSpace) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The nearest other living functions of each living function.

    The distance is that of `Forecast.distance`: Euclidean, of counts of operations and edges.

    Returns:
        (NEAREST, n) indices of functions, the nearest first, and their squared distances; -1 for
        dead functions.
    """
    ops = CellSpace().ops
    rows = np.asarray(EdgeHistogramEncoding(ops).encode(space.graphs()), dtype=np.float32)
    squares = (rows**2).sum(axis=1)
    where, squared = [], []
    numbers = np.arange(len(rows))
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        block = slice(start, start + _ROWS_AT_ONCE)
        found = squares[block, None] + squares - 2 * (rows[block] @ rows.T)
        # Whole numbers, and of equal ones the first function: no two keys are equal.
        keys = found.round().astype(np.int64) * len(rows) + numbers
        keys[numbers[: len(found)], numbers[block]] = np.iinfo(np.int64).max
        nearest = np.sort(np.partition(keys, NEAREST, axis=1)[:, :NEAREST], axis=1)
        where.append(nearest % len(rows))
        squared.append(nearest // len(rows))
    index = np.flatnonzero(space.living)[np.concatenate(where)]
    return (
        space.of_living(index.T, -1),
        space.of_living(np.concatenate(squared).T, -1),
    )
