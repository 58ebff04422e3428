"""The search space: its points in the original's order, and sampling by function."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.errors import UserError
from graph_encoding.functional import functional_form
from graph_encoding.ops import NB_ASR_OPS
from graph_encoding.semantics import Semantics


@dataclass(frozen=True)
class CellSpace:
    """All cells of a number of nodes over a set of operations.

    Attributes:
        nodes: operations of a cell, >= 1.
        ops: names of registered operations.

    >>> CellSpace().size
    13824
    """

    nodes: int = 3
    ops: tuple[str, ...] = NB_ASR_OPS

    def __post_init__(self) -> None:
        if self.nodes < 1:
            raise UserError(f"a space must have nodes >= 1, but got {self.nodes}")
        if not self.ops or len(set(self.ops)) != len(self.ops):
            raise UserError(f"a space must have distinct operations, but got {self.ops}")

    @property
    def _radices(self) -> tuple[int, ...]:
        """Choices at each position of the flat form: an operation, then its flags, per node."""
        return tuple(
            radix for k in range(1, self.nodes + 1) for radix in (len(self.ops), *([2] * k))
        )

    @property
    def size(self) -> int:
        """Number of points; many of them are equal functions."""
        total = 1
        for radix in self._radices:
            total *= radix
        return total

    def cell(self, index: int) -> Cell:
        """The point at an index, counting with the first flat coordinate fastest.

        Raises:
            UserError: if the index is not in 0 .. size - 1.

        Source: enumeration order of SamsungLabs/nb-asr `search_space.py`.
        """
        if not 0 <= index < self.size:
            raise UserError(f"an index must be in 0 .. {self.size - 1}, but got {index}")
        digits = []
        for radix in self._radices:
            index, digit = divmod(index, radix)
            digits.append(digit)
        ops: list[str] = []
        skips: list[tuple[int, ...]] = []
        position = 0
        for k in range(1, self.nodes + 1):
            ops.append(self.ops[digits[position]])
            skips.append(tuple(digits[position + 1 : position + 1 + k]))
            position += 1 + k
        return Cell(tuple(ops), tuple(skips))

    def index(self, cell: Cell) -> int:
        """The index of a point; the inverse of `cell`.

        Raises:
            UserError: if the cell has another number of nodes or an operation not in the space.
        """
        if cell.nodes != self.nodes or not set(cell.ops) <= set(self.ops):
            raise UserError(
                f"cell {cell.text} is not in the space of {self.nodes} nodes over {self.ops}"
            )
        digits = itertools.chain.from_iterable(
            (self.ops.index(op), *flags) for op, flags in zip(cell.ops, cell.skips, strict=True)
        )
        index, place = 0, 1
        for digit, radix in zip(digits, self._radices, strict=True):
            index += digit * place
            place *= radix
        return index

    def __iter__(self) -> Iterator[Cell]:
        return (self.cell(index) for index in range(self.size))

    def representatives(self, semantics: Semantics, *, living: bool = True) -> dict[str, Cell]:
        """One cell for each function: its first point in enumeration order.

        Args:
            semantics: how cells are read.
            living: leave out functions that do not depend on the input.

        Returns:
            Functional key -> cell, in order of first appearance.
        """
        found: dict[str, Cell] = {}
        for cell in self:
            form = functional_form(cell, semantics)
            if not (living and form.is_dead):
                found.setdefault(form.key, cell)
        return found

    def sample_keys(
        self, count: int, semantics: Semantics, rng: np.random.Generator
    ) -> dict[str, Cell]:
        """Draw distinct living functions, each with equal probability.

        The draw is a prefix of one random order: a larger count from an equal generator begins
        with the smaller one.

        Raises:
            UserError: if the space has fewer living functions.
        """
        everything = list(self.representatives(semantics).items())
        if not 0 <= count <= len(everything):
            raise UserError(
                f"count must be in 0 .. {len(everything)}, the living functions of this space "
                f"under {semantics.name}, but got {count}"
            )
        order = rng.permutation(len(everything))
        return dict(everything[i] for i in order[:count])
