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

FURTHER_COLUMNS: tuple[str, ...] = ("log_stride", "log_expansion")
"""Columns of the node matrices of graphs whose operations have strides or expansions."""


def describe_operation(op: Operation) -> list[float]:
    """An operation as one row of numbers; see `NODE_COLUMNS`."""
    sizes = (op.kernel, op.dilation, op.group_scale, op.span)
    return [*(float(op.kind == kind) for kind in _KINDS), *(math.log(size) for size in sizes)]


def describe_further(op: Operation) -> list[float]:
    """The rest of an operation as numbers; see `FURTHER_COLUMNS`."""
    return [math.log(op.stride), math.log(op.expansion)]
