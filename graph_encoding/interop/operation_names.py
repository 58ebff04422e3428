"""Names of operations that carry structure, such as `k7d4s2`, read into descriptions."""

import re
from collections.abc import Callable
from typing import Any

from graph_encoding.ops import OPERATIONS, Operation, OpKind

NameParser = Callable[[str], Operation]
"""Returns the operation that a name describes; it must keep the name."""

_KINDS: tuple[tuple[str, OpKind], ...] = (
    ("max_?pool(?:ing)?", "max_pool"),
    ("(?:avg|average|mean)_?pool(?:ing)?", "avg_pool"),
    ("gated_linear|glu", "gated_linear"),
    ("linear|fc|dense", "linear"),
    ("(?:fused_?)?mb_?conv|inverted_(?:residual|bottleneck)|conv_?2d", "conv2d"),
    ("conv|conv_?1d", "conv"),
    ("gcn|gat|gin|cheb|sage|arma|graph", "graph_conv"),
)
"""Keywords between separators or digits, and the kind that each stands for; the first wins."""

_FIELDS = {"k": "kernel", "d": "dilation", "s": "stride", "e": "expansion", "g": "group_scale"}
_NUMBER = "[1-9][0-9]{0,3}"
_FIELD = f"([kdseg])({_NUMBER})"
_TOKEN = re.compile(
    rf"(?:{_FIELD})+|(?P<word>[a-z]*)(?P<size>{_NUMBER}(?:x{_NUMBER})*)(?:{_FIELD})*|(?P<dil>dil)"
)
_DIMENSIONS = re.compile(r"conv_?(?P<dimensions>[12])d")


def operation_of_name(name: str) -> Operation:
    """The operation that a name describes, as far as its spelling shows.

    A registered name is that operation. Any other is divided at underscores, hyphens, dots and
    slashes. Letters followed by a number are fields: k is the kernel, d the dilation, s the
    stride, e the expansion, g the groups. A keyword gives the kind: conv, mbconv, maxpool,
    avgpool, linear, fc, gcn and their like. The number after it, or any `3x3`, is the kernel;
    after mbconv it is the expansion. `dil` means dilation 2. With two sizes, as in `conv_7x1_1x7`,
    the larger one is the kernel; a convolution with such a size is of kind `conv2d`. A kernel
    without a keyword makes a `conv`. Everything else is ignored. A name without a kind is of kind
    `other`, of which predictors know the name alone.

    To override the rules for one name, describe it in the graph file or register it with
    `register_operation`. To override them for all, pass another parser to `read_graphs`.

    >>> found = operation_of_name("k7d4s2")
    >>> found.kind, found.kernel, found.dilation, found.stride
    ('conv', 7, 4, 2)
    >>> operation_of_name("mbconv_e6_k5").expansion, operation_of_name("MBConv6_5x5").expansion
    (6, 6)
    >>> [(op.kind, op.kernel) for op in map(operation_of_name, ("conv3x3-bn-relu", "nor_conv_3x3"))]
    [('conv2d', 3), ('conv2d', 3)]
    >>> operation_of_name("attention").kind
    'other'
    """
    if name in OPERATIONS:
        return OPERATIONS.get(name)
    text = re.sub(r"[-./]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", name)).lower()
    kind = _kind_of(text)
    sizes, squares = _sizes_of(text, kind)
    if kind is None and "kernel" not in sizes:
        return Operation(name, "other")
    if kind in (None, "conv"):
        kind = "conv2d" if squares else "conv"
    return Operation(name, kind or "conv", **sizes)


def _kind_of(text: str) -> OpKind | None:
    for pattern, kind in _KINDS:
        if re.search(rf"(?<![a-z])(?:{pattern})(?![a-z])", text):
            return kind
    return None


def _sizes_of(text: str, kind: OpKind | None) -> tuple[dict[str, Any], bool]:
    """Fields of a name, and whether it has a size such as 3x3."""
    found: dict[str, Any] = {}
    squares = False
    # The dimensions of a convolution are no size.
    for token in _DIMENSIONS.sub("conv", text).split("_"):
        match = _TOKEN.fullmatch(token)
        if match is None:
            continue
        if match["dil"]:
            found.setdefault("dilation", 2)
        size = match["size"] or ""
        numbers = [int(n) for n in size.split("x") if n]
        squares |= len(numbers) > 1
        if numbers and (kind is not None or len(numbers) > 1):
            is_expansion = match["word"] == "mbconv" and len(numbers) == 1
            place = "expansion" if is_expansion else "kernel"
            found[place] = max(*numbers, found.get(place, 1))
        fields = token[match.end("size") if size else 0 :]
        found |= {_FIELDS[letter]: int(n) for letter, n in re.findall(_FIELD, fields)}
    return found, squares
