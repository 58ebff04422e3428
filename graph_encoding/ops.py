"""Operations, described by numbers, so that unseen operations can be encoded too."""

import re
from dataclasses import dataclass
from numbers import Integral
from typing import Literal, get_args

from graph_encoding.common.errors import UserError
from graph_encoding.common.registry import Registry

OpKind = Literal[
    "input",
    "output",
    "zero",
    "linear",
    "gated_linear",
    "conv",
    "max_pool",
    "avg_pool",
    "conv2d",
    "graph_conv",
    "other",
]
"""Families of operations; the last three occur in graphs of other benchmarks, not in cells."""

KINDS_TO_REGISTER: tuple[OpKind, ...] = ("linear", "gated_linear", "conv", "max_pool", "avg_pool")
"""Families that cells may use; `zero` is unique and cannot be registered again."""

SIZES = ("kernel", "dilation", "group_scale", "stride", "expansion")
"""Fields of an operation that are whole numbers >= 1."""

_MOST_SIZE = 2**31 - 1

NAME_IN_CELL = r"[A-Za-z]\w*"
NODE_BREAK = re.compile(rf"(?<=[01])_(?=[0-9]|{NAME_IN_CELL}:)")
"""Separator of nodes in the text of a cell: an underscore after a flag."""


@dataclass(frozen=True, slots=True)
class Operation:
    """The computation of a node.

    Attributes:
        name: short unique name without spaces, used in functional keys.
        kind: family of the operation.
        kernel: frames (or pixels of one side) that the operation sees, >= 1.
        dilation: distance between those, >= 1.
        group_scale: number of convolution groups as a multiple of the macro network's own
            number, >= 1; 1 for all operations of NAS-Bench-ASR.
        stride: distance between outputs, in inputs, >= 1; 1 for all operations of cells.
        expansion: channels within the operation as a multiple of its input's, >= 1, such as 6 of
            an inverted bottleneck; 1 for all operations of cells.
    """

    name: str
    kind: OpKind
    kernel: int = 1
    dilation: int = 1
    group_scale: int = 1
    stride: int = 1
    expansion: int = 1

    def __post_init__(self) -> None:
        if self.kind not in get_args(OpKind):
            raise UserError(
                f"operation {self.name!r}: kind must be one of {get_args(OpKind)}, "
                f"but got {self.kind!r}"
            )
        for field in SIZES:
            # So that float32 can hold spans and their sums over paths.
            size = getattr(self, field)
            if not isinstance(size, Integral) or not 1 <= int(size) <= _MOST_SIZE:
                raise UserError(
                    f"operation {self.name!r}: {field} must be a whole number in "
                    f"1 .. {_MOST_SIZE}, but got {size!r:.30}"
                )
        if not self.name or any(c.isspace() for c in self.name):
            raise UserError(
                f"an operation's name must be a text without spaces, but got {self.name!r}"
            )

    @property
    def span(self) -> int:
        """Frames from the first to the last one seen, >= 1."""
        return (self.kernel - 1) * self.dilation + 1


INPUT = Operation("input", "input")
OUTPUT = Operation("output", "output")
ZERO = Operation("zero", "zero")

NB_ASR_OPS: tuple[str, ...] = ("linear", "conv5", "conv5d2", "conv7", "conv7d2", "zero")
"""The six operations of NAS-Bench-ASR in the original's index order.

Source: SamsungLabs/nb-asr, `nasbench_asr/model/torch/ops.py` and `search_space.py`.
"""

OPERATIONS: Registry[Operation] = Registry("operation")
"""Operations by name; `OPERATIONS.register` adds one."""

for _operation in (
    Operation("linear", "linear"),
    Operation("conv5", "conv", kernel=5),
    Operation("conv5d2", "conv", kernel=5, dilation=2),
    Operation("conv7", "conv", kernel=7),
    Operation("conv7d2", "conv", kernel=7, dilation=2),
    ZERO,
    Operation("conv3", "conv", kernel=3),
    Operation("conv9", "conv", kernel=9),
    Operation("conv11", "conv", kernel=11),
    Operation("conv3d2", "conv", kernel=3, dilation=2),
    Operation("conv5d3", "conv", kernel=5, dilation=3),
    Operation("conv7d3", "conv", kernel=7, dilation=3),
    Operation("conv5g2", "conv", kernel=5, group_scale=2),
    Operation("conv7g2", "conv", kernel=7, group_scale=2),
    Operation("max_pool3", "max_pool", kernel=3),
    Operation("avg_pool3", "avg_pool", kernel=3),
    Operation("gated_linear", "gated_linear"),
):
    OPERATIONS.register(_operation.name, _operation)
del _operation

BUILT_IN_OPS: tuple[str, ...] = tuple(OPERATIONS)
"""Names that every process knows; later ones exist only where they are registered."""


def register_operation(operation: Operation) -> Operation:
    """Make an operation usable in cells, encodings and networks.

    Raises:
        UserError: if the name is taken by a different operation or cannot be parsed in a cell's
            text, or the kind must not be in a cell.
    """
    name, kind = operation.name, operation.kind
    if not re.fullmatch(NAME_IN_CELL, name) or NODE_BREAK.search(f"{name}:"):
        raise UserError(
            "the name of a cell's operation must be letters, digits and underscores, begin with a "
            "letter from A to Z or a to z, and have no underscore between a 0 or 1 and a letter "
            f"or digit, which separates nodes in a cell's text, but got {name!r}; choose another"
        )
    if kind not in KINDS_TO_REGISTER:
        raise UserError(
            f"the kind of a cell's operation must be one of {', '.join(KINDS_TO_REGISTER)}, but "
            f"operation {name!r} is of kind {kind!r}, which no network of a cell can compute"
        )
    if (operation.stride, operation.expansion) != (1, 1):
        raise UserError(
            "a cell's operation must have stride 1 and expansion 1, but operation "
            f"{name!r} has stride {operation.stride} and expansion {operation.expansion}; leave "
            "both out"
        )
    return OPERATIONS.register(operation.name, operation)


def undilated(operation: Operation) -> Operation:
    """The registered operation that differs from this one only by dilation 1.

    Raises:
        UserError: if no such operation is registered.
    """
    if operation.dilation == 1:
        return operation
    for other in OPERATIONS.values():
        if (other.kind, other.kernel, other.dilation, other.group_scale) == (
            operation.kind,
            operation.kernel,
            1,
            operation.group_scale,
        ):
            return other
    raise UserError(
        f"RELEASED semantics drop the dilation of {operation.name!r}, but no operation of kind "
        f"{operation.kind!r}, kernel {operation.kernel}, dilation 1 and group scale "
        f"{operation.group_scale} is registered; register one"
    )
