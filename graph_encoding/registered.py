"""Registered operations and macro networks as one value, to pass to worker processes."""

from dataclasses import dataclass
from typing import Self

from graph_encoding.macro import MACROS, Macro
from graph_encoding.ops import OPERATIONS, Operation


@dataclass(frozen=True)
class Registered:
    """Registered operations and macro networks; a new process has only the built-in ones.

    Attributes:
        operations: all operations, in order of registration.
        macros: all macro networks with their registered names, likewise.
    """

    operations: tuple[Operation, ...]
    macros: tuple[tuple[str, Macro], ...]

    @classmethod
    def current(cls) -> Self:
        """The entries of this process."""
        return cls(OPERATIONS.values(), tuple((name, MACROS.get(name)) for name in MACROS))

    def register(self) -> None:
        """Register all entries in this process.

        Raises:
            UserError: if a name is registered with another value here.
        """
        for operation in self.operations:
            OPERATIONS.register(operation.name, operation)
        for name, macro in self.macros:
            MACROS.register(name, macro)
