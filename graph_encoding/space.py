"""The search space: enumeration in the original's order, and sampling by function."""

import itertools
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from numbers import Integral
from typing import TypeVar

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.functional_identity import functional_form, functional_key
from graph_encoding.ops import NB_ASR_OPS, OPERATIONS
from graph_encoding.semantics import Semantics

MAX_ENUMERABLE = 2_000_000
"""Largest space that is enumerated; it takes half a minute."""

_MAX_IDLE_DRAWS = 100_000

_T = TypeVar("_T")


@dataclass(frozen=True)
class CellSpace:
    """All cells of a number of nodes over a set of operations.

    Attributes:
        nodes: nodes of a cell, >= 1.
        ops: names of registered operations.

    >>> CellSpace().size
    13824
    """

    nodes: int = 3
    ops: tuple[str, ...] = NB_ASR_OPS

    def __post_init__(self) -> None:
        if not isinstance(self.nodes, Integral) or self.nodes < 1:
            raise UserError(
                f"a space must have a whole number of nodes >= 1, but got {self.nodes!r}"
            )
        # Of a list too: spaces are compared and hashed.
        object.__setattr__(self, "ops", tuple(self.ops))
        if not self.ops or len(set(self.ops)) != len(self.ops):
            raise UserError(f"a space must have distinct operations, but got {self.ops}")
        for op in self.ops:
            OPERATIONS.get(op)

    @property
    def _radices(self) -> tuple[int, ...]:
        """Number of choices at each position of the flat form."""
        return tuple(
            radix for k in range(1, self.nodes + 1) for radix in (len(self.ops), *([2] * k))
        )

    @property
    def size(self) -> int:
        """Number of points; many of them compute the same function."""
        total = 1
        for radix in self._radices:
            total *= radix
        return total

    def cell(self, index: int) -> Cell:
        """The point at an index; the first coordinate of the flat form varies fastest.

        Raises:
            UserError: if the index is not in 0 .. size - 1.

        Source: enumeration order of SamsungLabs/nb-asr `search_space.py`.
        """
        if not 0 <= index < self.size:
            raise UserError(f"an index must be in 0 .. {self.size - 1}, but got {index}")
        index, digits = operator.index(index), []
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
        self.require_member(cell)
        digits = itertools.chain.from_iterable(
            (self.ops.index(op), *flags) for op, flags in zip(cell.ops, cell.skips, strict=True)
        )
        index, place = 0, 1
        for digit, radix in zip(digits, self._radices, strict=True):
            index += digit * place
            place *= radix
        return index

    def __iter__(self) -> Iterator[Cell]:
        """All points, in the order of `cell`."""
        if self.size > MAX_ENUMERABLE:
            yield from (self.cell(index) for index in range(self.size))
            return
        # The last node varies slowest, and in it the last flag.
        nodes = [
            [(op, flags[::-1]) for flags in itertools.product((0, 1), repeat=k) for op in self.ops]
            for k in range(self.nodes, 0, -1)
        ]
        for reversed_nodes in itertools.product(*nodes):
            ops, skips = zip(*reversed_nodes[::-1], strict=True)
            yield Cell(ops, skips)

    def representatives(self, semantics: Semantics, *, living: bool = True) -> dict[str, Cell]:
        """One cell per function: its first point in enumeration order.

        Args:
            semantics: how cells are read.
            living: leave out dead functions.

        Returns:
            Functional key -> cell, in order of first appearance.

        Raises:
            UserError: if the space is too large to enumerate.
        """
        self.require_enumerable()
        if self == CellSpace():
            return dict(_standard_representatives(semantics, living))
        return _first_points(self, semantics, living)

    def sample_keys(
        self, count: int, semantics: Semantics, rng: np.random.Generator
    ) -> dict[str, Cell]:
        """Draw distinct living functions with equal probabilities.

        A larger count, drawn with an equal generator, begins with the smaller draw.

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

    def sample(self, rng: np.random.Generator) -> Iterator[Cell]:
        """Draw points without end, with equal probabilities and with replacement.

        Spaces that are too large to enumerate are sampled too.
        """
        while True:
            # Digit by digit: the size of a large space exceeds 64 bits.
            ops = rng.integers(len(self.ops), size=self.nodes).tolist()
            flags = rng.integers(2, size=self.nodes * (self.nodes + 1) // 2).tolist()
            starts = [k * (k + 1) // 2 for k in range(self.nodes + 1)]
            yield Cell(
                tuple([self.ops[op] for op in ops]),
                tuple([tuple(flags[a:b]) for a, b in itertools.pairwise(starts)]),
            )

    def sample_distinct(
        self, count: int, semantics: Semantics, rng: np.random.Generator
    ) -> dict[str, Cell]:
        """Draw points until there are `count` distinct living functions.

        The probability of a function is proportional to its number of points; `sample_keys` draws
        the functions of an enumerable space with equal probabilities.

        Raises:
            UserError: if 100,000 draws in a row find no new function.
        """
        found: dict[str, Cell] = {}
        idle = 0
        for cell in self.sample(rng):
            if len(found) >= count:
                break
            form = functional_form(cell, semantics)
            idle = idle + 1 if form.is_dead or form.key in found else 0
            if idle > _MAX_IDLE_DRAWS:
                raise UserError(
                    f"count must not exceed the living functions of the space of {self.nodes} "
                    f"nodes over {self.ops}, but {count} were asked for and {len(found)} found"
                )
            if idle == 0:
                found[form.key] = cell
        return found

    def neighbours(self, cell: Cell) -> tuple[Cell, ...]:
        """All points that differ by one operation or one skip flag; 21 in the standard space.

        Raises:
            UserError: if the cell is not in the space.
        """
        self.require_member(cell)
        other_ops = (
            Cell(_replaced(cell.ops, k, other), cell.skips)
            for k, op in enumerate(cell.ops)
            for other in self.ops
            if other != op
        )
        other_flags = (
            Cell(cell.ops, _replaced(cell.skips, k, _replaced(flags, i, 1 - flag)))
            for k, flags in enumerate(cell.skips)
            for i, flag in enumerate(flags)
        )
        return (*other_ops, *other_flags)

    def mutate(self, cell: Cell, rng: np.random.Generator) -> Cell:
        """A random neighbour, with equal probabilities.

        Raises:
            UserError: if the cell is not in the space.
        """
        neighbours = self.neighbours(cell)
        return neighbours[int(rng.integers(len(neighbours)))]

    def crossover(self, a: Cell, b: Cell, rng: np.random.Generator) -> Cell:
        """A point that takes each operation and each flag from one of two others, at random.

        Raises:
            UserError: if one of them is not in the space.
        """
        self.require_member(a)
        self.require_member(b)

        def either(x: str | int, y: str | int) -> str | int:
            return x if rng.integers(2) else y

        ops = tuple(str(either(x, y)) for x, y in zip(a.ops, b.ops, strict=True))
        skips = tuple(
            tuple(int(either(x, y)) for x, y in zip(flags_a, flags_b, strict=True))
            for flags_a, flags_b in zip(a.skips, b.skips, strict=True)
        )
        return Cell(ops, skips)

    def distance(self, a: Cell, b: Cell) -> int:
        """Number of operations and flags in which two points differ.

        Raises:
            UserError: if one of them is not in the space.
        """
        self.require_member(a)
        self.require_member(b)
        ops = sum(x != y for x, y in zip(a.ops, b.ops, strict=True))
        pairs = zip(itertools.chain(*a.skips), itertools.chain(*b.skips), strict=True)
        return ops + sum(x != y for x, y in pairs)

    def equivalent(self, cell: Cell, semantics: Semantics) -> tuple[Cell, ...]:
        """All points of the space that compute a cell's function, in enumeration order.

        Args:
            cell: any cell; it need not be in the space.
            semantics: how cells are read.

        Raises:
            UserError: if the space is too large to enumerate.
        """
        index = _points_by_key(self, semantics)
        return tuple(self.cell(i) for i in index.get(functional_key(cell, semantics), ()))

    def require_enumerable(self) -> None:
        """Check that the space is small enough to enumerate.

        Raises:
            UserError: if there are more than `MAX_ENUMERABLE`.
        """
        if self.size > MAX_ENUMERABLE:
            raise UserError(
                f"only spaces of at most {MAX_ENUMERABLE:,} points are enumerated, but this one "
                f"({self.nodes} nodes over {len(self.ops)} operations) has {self.size:,}; "
                "draw from it with `sample_distinct`"
            )

    def require_member(self, cell: Cell) -> None:
        """Check that a cell is a point of the space.

        Raises:
            UserError: if its nodes or operations are others.
        """
        if cell.nodes != self.nodes or not set(cell.ops) <= set(self.ops):
            raise UserError(
                f"cell {cell.text} is not in the space of {self.nodes} nodes over {self.ops}"
            )


def equivalent(cell: Cell, semantics: Semantics = Semantics.PAPER) -> tuple[Cell, ...]:
    """All points of the standard space that compute a cell's function, in enumeration order.

    >>> [same.text for same in equivalent(Cell.parse("00_510_1010"))]
    ['10_510_0010', '00_510_1010']
    """
    return CellSpace().equivalent(cell, semantics)


@lru_cache(maxsize=4)
def _standard_representatives(semantics: Semantics, living: bool) -> dict[str, Cell]:
    """Those of the standard space, cached.

    Other spaces are not: their operations may be registered anew with another meaning.
    """
    return _first_points(CellSpace(), semantics, living)


def _first_points(space: CellSpace, semantics: Semantics, living: bool) -> dict[str, Cell]:
    found: dict[str, Cell] = {}
    for cell in space:
        form = functional_form(cell, semantics)
        if not (living and form.is_dead):
            found.setdefault(form.key, cell)
    return found


@lru_cache(maxsize=4)
def _points_by_key(space: CellSpace, semantics: Semantics) -> dict[str, list[int]]:
    space.require_enumerable()
    points: dict[str, list[int]] = {}
    for index, cell in enumerate(space):
        points.setdefault(functional_key(cell, semantics), []).append(index)
    return points


def _replaced(values: tuple[_T, ...], place: int, value: _T) -> tuple[_T, ...]:
    return (*values[:place], value, *values[place + 1 :])
