"""The two readings of a cell: what the paper describes, and what was really measured."""

from enum import Enum

from graph_encoding.cell import Cell
from graph_encoding.ops import OPERATIONS, Operation, undilated


class Semantics(Enum):
    """How flags and operations of a `Cell` become a network.

    PAPER: flag 1 adds a skip connection, dilation is applied. What the paper describes, and
        what this project trains.
    RELEASED: flag 0 adds a skip connection and dilation is dropped. What the original's
        TensorFlow model did, so what its published numbers belong to.

    Source: SamsungLabs/nb-asr v1.1.0, `nasbench_asr/model/tf/model.py`; the published FLOPs fit
        only the second reading.
    """

    PAPER = "paper"
    RELEASED = "released"

    @property
    def skip_flag(self) -> int:
        """The flag value that adds a skip connection."""
        return 1 if self is Semantics.PAPER else 0

    def effective_ops(self, cell: Cell) -> tuple[Operation, ...]:
        """The operations as they are computed, one a node."""
        ops = tuple(OPERATIONS.get(name) for name in cell.ops)
        return ops if self is Semantics.PAPER else tuple(undilated(op) for op in ops)
