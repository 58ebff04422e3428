"""Static cost of networks, exact, without building them."""

from collections.abc import Sequence

from graph_encoding.cell import Cell
from graph_encoding.functional import FunctionalForm, functional_form
from graph_encoding.graph import CellGraph
from graph_encoding.macro import Macro
from graph_encoding.ops import OPERATIONS, Operation
from graph_encoding.semantics import Semantics


def params(cell: Cell, macro: Macro, semantics: Semantics = Semantics.PAPER) -> int:
    """Trainable parameters of the network that computes a cell's function.

    Branches that do not reach the output have no parameters: equal functional keys have equal
    counts. (The original counts them; that published formula is another function.)

    Args:
        cell: any registered cell.
        macro: the network around it.
        semantics: how the cell is read.

    >>> from dataclasses import replace
    >>> from graph_encoding.macro import PAPER_MACRO
    >>> params(Cell.parse("10_100_1000"), replace(PAPER_MACRO, outputs=48), Semantics.RELEASED)
    26338848
    """
    return params_of_form(functional_form(cell, semantics), macro)


def params_of_form(form: FunctionalForm, macro: Macro) -> int:
    """As `params`, for a cell already in its functional form."""
    return _total([OPERATIONS.get(op) for op in form.ops], macro)


def params_of_graph(graph: CellGraph, macro: Macro) -> int:
    """As `params`, for the graph of a cell's function.

    >>> from graph_encoding.graph import cell_graph
    >>> from graph_encoding.macro import TIMIT_MICRO_MACRO
    >>> cell = Cell.parse("10_110_1010")
    >>> params_of_graph(cell_graph(cell), TIMIT_MICRO_MACRO) == params(cell, TIMIT_MICRO_MACRO)
    True
    """
    return _total(graph.ops[1:-1], macro)


def _total(ops: Sequence[Operation], macro: Macro) -> int:
    total = 0
    channels_in = macro.mel_bins
    for block, channels in enumerate(macro.filters):
        layer_norm = 2 * channels
        cell_ops = sum(_op_params(op, block, macro) for op in ops)
        total += channels_in * channels * macro.reduction_kernel + channels + layer_norm
        total += macro.cells_per_block[block] * (layer_norm + cell_ops)
        channels_in = channels
    if macro.lstm_units:
        units = macro.lstm_units
        total += 4 * units * (channels_in + units + macro.lstm_biases)
        channels_in = units
    return total + channels_in * macro.outputs + macro.outputs


def _op_params(op: Operation, block: int, macro: Macro) -> int:
    channels = macro.filters[block]
    if op.kind == "linear":
        return channels * channels + channels
    if op.kind == "gated_linear":
        return 2 * (channels * channels + channels)
    if op.kind == "conv":
        groups = macro.conv_groups(block, op.group_scale)
        return channels * (channels // groups) * op.kernel + channels
    return 0
