"""Cells as named parameters: the one codec of all searchers and plug-ins of other tools."""

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError, shown
from graph_encoding.space import CellSpace


@dataclass(frozen=True)
class CellParameters:
    """Names the operations and skip flags of the cells of a space.

    `op_k` is the name of the operation of node k, from 1. `skip_k_j` is 1 if node k has the flag
    of output j, where output 0 is the cell's input. `CellParameters()` has 3 + 6 parameters.

    Attributes:
        space: the cells.

    >>> CellParameters().encode("10_501_1000")["op_2"]
    'zero'
    >>> list(CellParameters(CellSpace(nodes=2)).choices)
    ['op_1', 'op_2', 'skip_1_0', 'skip_2_0', 'skip_2_1']
    """

    space: CellSpace = field(default_factory=CellSpace)

    @cached_property
    def choices(self) -> Mapping[str, tuple[str, ...] | tuple[int, ...]]:
        """Name of a parameter -> its values: names of operations, or the integers 0 and 1."""
        nodes = range(1, self.space.nodes + 1)
        ops = {f"op_{k}": self.space.ops for k in nodes}
        return {**ops, **{f"skip_{k}_{j}": (0, 1) for k in nodes for j in range(k)}}

    def encode(self, cell: Cell | str) -> dict[str, str | int]:
        """The parameters of a cell, in the order of `choices`.

        Raises:
            UserError: if the cell is not in the space.
        """
        cell = Cell.parse(cell) if isinstance(cell, str) else cell
        if cell.nodes != self.space.nodes or not set(cell.ops) <= set(self.space.ops):
            raise UserError(
                f"a cell must have {self.space.nodes} nodes and operations out of "
                f"{', '.join(self.space.ops)}, but got {cell.text!r}; choose the space of the cell"
            )
        flags = [flag for of_node in cell.skips for flag in of_node]
        return dict(zip(self.choices, (*cell.ops, *flags), strict=True))

    def decode(self, parameters: Mapping[str, Any]) -> Cell:
        """The cell of some parameters, in any order; the inverse of `encode`.

        Args:
            parameters: a value of each name in `choices`; NumPy's strings and integers are
                accepted.

        Raises:
            UserError: if a name is missing or unknown, or a value is not one of its choices.
        """
        if set(parameters) != set(self.choices):
            missing = [name for name in self.choices if name not in parameters]
            unknown = sorted(shown(name) for name in parameters if name not in self.choices)
            raise UserError(
                f"a cell of {self.space.nodes} nodes must have the parameters "
                f"{', '.join(self.choices)}, but {', '.join(missing) or 'none'} are missing and "
                f"{', '.join(unknown) or 'none'} are unknown; give a value of each name"
            )
        values = iter([self._checked(name, parameters[name]) for name in self.choices])
        ops = tuple(str(next(values)) for _ in range(self.space.nodes))
        skips = (tuple(int(next(values)) for _ in range(k + 1)) for k in range(self.space.nodes))
        return Cell(ops, tuple(skips))

    def to_indices(self, cell: Cell | str) -> tuple[int, ...]:
        """The place of each parameter among its choices, in the order of `choices`.

        Raises:
            UserError: if the cell is not in the space.
        """
        encoded = self.encode(cell)
        return tuple(self.choices[name].index(encoded[name]) for name in self.choices)

    def from_indices(self, indices: Iterable[Any]) -> Cell:
        """The cell of some places; the inverse of `to_indices`.

        Args:
            indices: whole numbers, as integers or as floats such as 1.0, which optimisers of
                vectors use.

        Raises:
            UserError: if the length is wrong, or a place is not whole or out of range.
        """
        places = [_whole(i) if _whole(i) is not None else _whole_float(i) for i in indices]
        sizes = [len(values) for values in self.choices.values()]
        if len(places) != len(sizes) or not all(
            place is not None and 0 <= place < size
            for place, size in zip(places, sizes, strict=True)
        ):
            raise UserError(
                f"a cell of {self.space.nodes} nodes must have {len(sizes)} whole numbers, each "
                f"from 0 and below {sizes}, but got {shown(indices)}; round them first"
            )
        return self.decode(
            {
                name: values[place or 0]
                for (name, values), place in zip(self.choices.items(), places, strict=True)
            }
        )

    def _checked(self, name: str, value: Any) -> str | int:
        """The value of a parameter, as `choices` has it."""
        choices = self.choices[name]
        plain = value if isinstance(value, str) else _whole(value)
        for choice in choices:
            if plain == choice:
                return choice
        raise UserError(
            f"parameter {name!r} must be one of {', '.join(map(repr, choices))}, but got "
            f"{shown(value)}; choose one of them"
        )


def _whole(value: object) -> int | None:
    """The integer that a value is; None for others, such as 1.0."""
    try:
        return operator.index(value)  # type: ignore[arg-type]  # which raises for other types
    except TypeError:
        return None


def _whole_float(value: object) -> int | None:
    """The integer that a float such as 1.0 equals; None for others."""
    try:
        plain = float(value)  # type: ignore[arg-type]  # which raises for other types
    except (TypeError, ValueError):
        return None
    return int(plain) if plain.is_integer() else None
