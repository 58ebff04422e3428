"""Published parameters and FLOPs: two formulas, for look-ups only.

They describe the last member of a published class under RELEASED semantics, with 48 outputs,
although the trained network has 49. The costs of networks that are built are in `cost.py`.

Source: fitted to the published values and exact on all of them; the coefficients follow from the
macro network of SamsungLabs/nb-asr `nasbench_asr/model/tf/model.py`.
"""

from collections import Counter

from graph_encoding.cell import Cell
from graph_encoding.published.graph_hash import published_class

_BASE_PARAMS = 23_695_248
_PARAMS_OF_OP = {
    "linear": 17_297_200,
    "conv5": 881_200,
    "conv5d2": 881_200,
    "conv7": 1_226_800,
    "conv7d2": 1_226_800,
    "zero": 0,
}

_BASE_FLOPS = 1_967_147_266
_FLOPS_OF_ADDITION = 930_000
_FLOPS_OF_OP = {
    "linear": 1_660_000_000,
    "conv5": 83_000_000,
    "conv5d2": 83_000_000,
    "conv7": 116_200_000,
    "conv7d2": 116_200_000,
    "zero": 0,
}


def released_params(cell: Cell) -> int:
    """Published number of parameters of a cell's class.

    Raises:
        UserError: if the cell is not of the published space.

    >>> released_params(Cell.parse("10_100_1000"))
    26338848
    """
    stored = published_class(cell).representative
    return _BASE_PARAMS + sum(_PARAMS_OF_OP[op] for op in stored.ops)


def released_flops(cell: Cell) -> int:
    """Published FLOPs of a cell's class: TensorFlow's profiler on one second of speech.

    The profiler counts the addition of each skip, and the multiplication by zero in place of an
    absent one: under RELEASED semantics flag 1 means absent.

    Raises:
        UserError: if the cell is not of the published space.
    """
    stored = published_class(cell).representative
    counts = Counter(stored.ops)
    zeros = counts["zero"]
    operations = stored.nodes - zeros
    flags = sum(sum(node) for node in stored.skips)
    additions = 8 + 3 * operations + zeros + flags
    work = sum(_FLOPS_OF_OP[op] for op in stored.ops)
    return _BASE_FLOPS + _FLOPS_OF_ADDITION * additions + work
