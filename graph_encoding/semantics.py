"""The two readings of a cell: as the paper describes it, and as the original measured it."""

from enum import Enum

from graph_encoding.cell import Cell
from graph_encoding.ops import OPERATIONS, Operation, undilated


class Semantics(Enum):
    """How the flags and operations of a `Cell` become a network.

    PAPER: flag 1 adds a skip connection and dilation is applied. The paper describes this
        reading, and this project trains it.
    RELEASED: flag 0 adds a skip connection and dilation is ignored. The original's TensorFlow
        model did this, so the published numbers belong to this reading.

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
        """The operations as they are computed, one per node."""
        ops = tuple(OPERATIONS.get(name) for name in cell.ops)
        return ops if self is Semantics.PAPER else tuple(undilated(op) for op in ops)
