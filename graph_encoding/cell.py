"""The cell: a chain of operations with skip flags, and its three text and list forms."""

import operator
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TypeVar

from graph_encoding.common.errors import CellFormatError, shown
from graph_encoding.ops import NAME_IN_CELL, NB_ASR_OPS, NODE_BREAK, OPERATIONS

T = TypeVar("T")

_NODE = re.compile(rf"(?:(?P<index>[0-9]):?|(?P<name>{NAME_IN_CELL}):)(?P<flags>[01]+)")
_INDEX_OF_OP = {name: index for index, name in enumerate(NB_ASR_OPS)}


@dataclass(frozen=True, slots=True)
class Cell:
    """A point of the search space: node k computes `op_k(out_{k-1})` plus flagged earlier outputs.

    Attributes:
        ops: (n,) names of registered operations, one per node.
        skips: n tuples; `skips[k]` has k + 1 flags (0 or 1), one per out_0 .. out_k, where out_0
            is the cell's input. `Semantics` defines the meaning of a flag.

    Raises:
        CellFormatError: if a name is not registered, the flags have the wrong shape, or a flag is
            not the integer 0 or 1.

    Source: Mehrotra et al., ICLR 2021, section 3; SamsungLabs/nb-asr `search_space.py`.

    >>> Cell.parse("10_100_1000").ops
    ('conv5', 'conv5', 'conv5')
    """

    ops: tuple[str, ...]
    skips: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        flags_of_nodes = self.skips if isinstance(self.skips, tuple) else ()
        for field in (self.ops, self.skips, *flags_of_nodes):
            if not isinstance(field, tuple):
                raise CellFormatError(
                    "a cell's operations, its skips and the flags of each node must be tuples, "
                    f"but got {shown(field)}; `Cell.from_arch_vec` takes lists"
                )
        if not self.ops:
            raise CellFormatError("a cell must have at least one node, but got none")
        if len(self.skips) != len(self.ops):
            raise CellFormatError(
                "a cell must have one tuple of skip flags for each operation, "
                f"but got {len(self.ops)} operations and {len(self.skips)} tuples"
            )
        for k, (op, flags) in enumerate(zip(self.ops, self.skips, strict=True), start=1):
            if not isinstance(op, str) or op not in OPERATIONS:
                raise CellFormatError(
                    f"node {k}: unknown operation {shown(op)}; known: {', '.join(OPERATIONS)}"
                )
            # `True` and 1.0 equal 1 too, but their text differs.
            if len(flags) != k or any(
                type(flag) is not int or flag not in (0, 1) for flag in flags
            ):
                raise CellFormatError(
                    f"node {k} must have {k} skip flag{'s' * (k > 1)}, the integers 0 or 1, one "
                    f"for the cell's input and each earlier node, but got {shown(flags)}"
                )

    @classmethod
    def parse(cls, text: str) -> "Cell":
        """Read the text form: nodes joined by `_`, each an operation and its flags.

        An operation is its index in `NB_ASR_OPS`, with or without a colon, or, for any registered
        one, `name:`.

        Raises:
            CellFormatError: if the text does not follow the grammar.

        >>> Cell.parse("conv3:0_410").text
        'conv3:0_410'
        >>> Cell.parse("0:1_5:00").text
        '01_500'
        """
        if not isinstance(text, str):
            raise CellFormatError(
                "a cell's text form must be a text such as 10_100_1000, but got "
                f"{type(text).__name__} {shown(text)}; `Cell.from_arch_vec` takes lists"
            )
        tokens = NODE_BREAK.split(text.strip())
        ops: list[str] = []
        skips: list[tuple[int, ...]] = []
        for k, token in enumerate(tokens, start=1):
            match = _NODE.fullmatch(token)
            if match is None:
                raise CellFormatError(
                    f"cell {shown(text)}: node {k} must be an operation (an index 0-"
                    f"{len(NB_ASR_OPS) - 1} or a name and ':') followed by {k} skip flag"
                    f"{'s' * (k > 1)}, but got {shown(token)}; a valid cell is 10_100_1000"
                )
            ops.append(match["name"] or _op_name(int(match["index"]), k, text))
            skips.append(tuple(int(flag) for flag in match["flags"]))
        try:
            return cls(tuple(ops), tuple(skips))
        except CellFormatError as e:
            raise CellFormatError(f"cell {shown(text)}: {e}; a valid cell is 10_100_1000") from e

    @classmethod
    def from_flat(cls, values: Sequence[int]) -> "Cell":
        """Read the flat form: per node the operation's index and then its flags.

        Args:
            values: n + n (n + 1) / 2 integers; 9 for a standard cell.

        Raises:
            CellFormatError: if the length fits no number of nodes, or a value is not an integer or
                out of range.
        """
        nested: list[list[int]] = []
        try:
            flat = _ordered(values)
        except TypeError as e:
            raise CellFormatError(
                "a cell's flat form must be a list of integers such as [1, 0, 1, 0, 0], "
                f"but got {type(values).__name__} {shown(values)}"
            ) from e
        rest = flat
        while rest:
            width = len(nested) + 2
            if len(rest) < width:
                raise CellFormatError(
                    "a flat cell of n nodes must have n (n + 3) / 2 integers (2, 5, 9, 14, ...), "
                    f"but got {len(flat)}: {shown(flat)}"
                )
            nested.append(rest[:width])
            rest = rest[width:]
        return cls.from_arch_vec(nested)

    @classmethod
    def from_arch_vec(cls, nested: Sequence[Sequence[int]]) -> "Cell":
        """Read the original's nested form, such as [[1, 0], [1, 0, 0], [1, 0, 0, 0]].

        Raises:
            CellFormatError: if a node is empty, a value is not an integer, an index is unknown or a
                flag is not 0 or 1.
        """
        try:
            nodes = [
                [int(operator.index(value)) for value in _ordered(node)]
                for node in _ordered(nested)
            ]
        except TypeError as e:
            raise CellFormatError(
                f"a cell's nested form must have integers for each node, but got {shown(nested)}"
            ) from e
        if not all(nodes):
            raise CellFormatError(
                f"every node must begin with an operation's index, but got {shown(nested)}"
            )
        ops = tuple(_op_name(node[0], k, nested) for k, node in enumerate(nodes, start=1))
        return cls(ops, tuple(tuple(node[1:]) for node in nodes))

    @property
    def nodes(self) -> int:
        """Number of nodes, >= 1."""
        return len(self.ops)

    @property
    def text(self) -> str:
        """The text form that `parse` reads; standard operations as their index."""
        return "_".join(
            (str(_INDEX_OF_OP[op]) if op in _INDEX_OF_OP else f"{op}:")
            + "".join(str(flag) for flag in flags)
            for op, flags in zip(self.ops, self.skips, strict=True)
        )

    @property
    def arch_vec(self) -> list[list[int]]:
        """The original's nested form.

        Raises:
            CellFormatError: if an operation is not one of `NB_ASR_OPS`: others have no index.
        """
        for op in self.ops:
            if op not in _INDEX_OF_OP:
                raise CellFormatError(
                    f"only the operations {NB_ASR_OPS} have an index, but cell {self.text!r} "
                    f"has {op!r}; use its text form"
                )
        return [[_INDEX_OF_OP[op], *flags] for op, flags in zip(self.ops, self.skips, strict=True)]

    @property
    def flat(self) -> tuple[int, ...]:
        """The flat form that `from_flat` reads; raises as `arch_vec` does."""
        return tuple(value for node in self.arch_vec for value in node)

    def __str__(self) -> str:
        return self.text


def _ordered(values: Iterable[T]) -> list[T]:
    """The values as a list.

    Raises:
        TypeError: if they are unordered, such as those of a set.
    """
    if isinstance(values, Set | Mapping):
        raise TypeError(f"a {type(values).__name__} has no order")
    return list(values)


def _op_name(index: int, node: int, source: object) -> str:
    if not 0 <= index < len(NB_ASR_OPS):
        raise CellFormatError(
            f"cell {shown(source)}: node {node} must have an operation index from 0 to "
            f"{len(NB_ASR_OPS) - 1} ({', '.join(NB_ASR_OPS)}), but got {shown(index)}; a valid "
            "cell is 10_100_1000"
        )
    return NB_ASR_OPS[index]
