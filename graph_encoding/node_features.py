"""Numbers that describe a node's operation, so that unseen operations can be encoded too."""

import math
from typing import get_args

from graph_encoding.ops import Operation, OpKind

_KINDS: tuple[str, ...] = get_args(OpKind)

NODE_COLUMNS: tuple[str, ...] = (
    *(f"kind={kind}" for kind in _KINDS),
    "log_kernel",
    "log_dilation",
    "log_group_scale",
    "log_span",
)
"""Columns of the node matrix."""


def describe_operation(op: Operation) -> list[float]:
    """An operation as one row of numbers; see `NODE_COLUMNS`."""
    sizes = (op.kernel, op.dilation, op.group_scale, op.span)
    return [*(float(op.kind == kind) for kind in _KINDS), *(math.log(size) for size in sizes)]
