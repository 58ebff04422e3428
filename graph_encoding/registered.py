"""What a process has registered, as one value that goes to the processes it starts."""

from dataclasses import dataclass
from typing import Self

from graph_encoding.macro import MACROS, Macro
from graph_encoding.ops import OPERATIONS, Operation


@dataclass(frozen=True)
class Registered:
    """Operations and macro networks: a process that is started anew knows only the built-in ones.

    Attributes:
        operations: in order of registration, the built-in ones too.
        macros: macro networks with their registered names, likewise.
    """

    operations: tuple[Operation, ...]
    macros: tuple[tuple[str, Macro], ...]

    @classmethod
    def here(cls) -> Self:
        """What is registered in this process."""
        return cls(OPERATIONS.values(), tuple((name, MACROS.get(name)) for name in MACROS))

    def register(self) -> None:
        """Register all of it in this process.

        Raises:
            UserError: if a name is taken by something else here.
        """
        for operation in self.operations:
            OPERATIONS.register(operation.name, operation)
        for name, macro in self.macros:
            MACROS.register(name, macro)
