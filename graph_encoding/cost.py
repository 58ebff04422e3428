"""Static cost of networks, exact, without building them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.functional import FunctionalForm, Sum, functional_form
from graph_encoding.graph import CellGraph
from graph_encoding.macro import Macro
from graph_encoding.ops import KINDS_TO_REGISTER, OPERATIONS, Operation
from graph_encoding.semantics import Semantics


def params(cell: Cell, macro: Macro, semantics: Semantics = Semantics.PAPER) -> int:
    """Trainable parameters of the network that computes a cell's function.

    Branches that do not reach the output have no parameters, and a convolution that nothing feeds
    has those of the linear operation that its form names: equal functional keys have equal
    counts. (The original counts both as they stand; that published formula is another function.)

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

    Raises:
        UserError: if an operation is of a kind that stands in no cell.

    >>> from graph_encoding.graph import cell_graph
    >>> from graph_encoding.macro import TIMIT_MICRO_MACRO
    >>> cell = Cell.parse("10_110_1010")
    >>> params_of_graph(cell_graph(cell), TIMIT_MICRO_MACRO) == params(cell, TIMIT_MICRO_MACRO)
    True
    """
    return _total(graph.ops[1:-1], macro)


def macs(
    cell: Cell, macro: Macro, semantics: Semantics = Semantics.PAPER, *, input_frames: int
) -> int:
    """Multiply-accumulates of one forward pass over one utterance.

    Counted are the products of convolutions, dense layers and the LSTM's gates, on zero-padded
    frames too; not counted are biases, sums, activations, pooling and layer normalisation.

    Args:
        cell: any registered cell.
        macro: the network around it.
        semantics: how the cell is read.
        input_frames: length of the utterance, >= 1; see `Macro.frame_shift_s`.

    Raises:
        UserError: if the length is less than 1.
    """
    return macs_of_form(functional_form(cell, semantics), macro, input_frames=input_frames)


def macs_of_form(form: FunctionalForm, macro: Macro, *, input_frames: int) -> int:
    """As `macs`, for a cell already in its functional form."""
    return _total_macs([OPERATIONS.get(op) for op in form.ops], macro, input_frames)


def macs_of_graph(graph: CellGraph, macro: Macro, *, input_frames: int) -> int:
    """As `macs`, for the graph of a cell's function.

    Raises:
        UserError: if the length is less than 1, or an operation of a kind that stands in no cell.
    """
    return _total_macs(graph.ops[1:-1], macro, input_frames)


def _total_macs(ops: Sequence[Operation], macro: Macro, input_frames: int) -> int:
    _check_frames(input_frames)
    total, frames, channels_in = 0, input_frames, macro.mel_bins
    for block, channels in enumerate(macro.filters):
        frames = math.ceil(frames / macro.strides[block])
        a_frame = channels_in * channels * macro.reduction_kernel
        a_frame += macro.cells_per_block[block] * sum(_op_macs(op, block, macro) for op in ops)
        total += frames * a_frame
        channels_in = channels
    if macro.lstm_units:
        total += frames * 4 * macro.lstm_units * (channels_in + macro.lstm_units)
        channels_in = macro.lstm_units
    return total + frames * channels_in * macro.outputs


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """Input frames that can change one output frame of the last block.

    An output frame t stands at input frame t times the macro network's total stride.

    Attributes:
        past_frames: how far before that frame, >= 0.
        future_frames: how far after it, >= 0.
        depends_on_input: False for dead cells, which see nothing.
        unbounded_past: whether an LSTM follows, which adds everything before.
        frame_shift_s: seconds from one input frame to the next.
        frame_length_s: seconds of signal in one input frame.
    """

    past_frames: int
    future_frames: int
    depends_on_input: bool
    unbounded_past: bool
    frame_shift_s: float
    frame_length_s: float

    @property
    def frames(self) -> int:
        """Frames from the first to the last one; 0 for a dead cell."""
        return self.past_frames + 1 + self.future_frames if self.depends_on_input else 0

    @property
    def seconds(self) -> float:
        """Seconds of signal in those frames."""
        if not self.depends_on_input:
            return 0.0
        return (self.frames - 1) * self.frame_shift_s + self.frame_length_s


def receptive_field(
    cell: Cell, macro: Macro, semantics: Semantics = Semantics.PAPER
) -> ReceptiveField:
    """What one output frame of the convolutional part can see.

    Args:
        cell: any registered cell.
        macro: the network around it.
        semantics: how the cell is read.

    >>> from graph_encoding.macro import TIMIT_MICRO_MACRO
    >>> receptive_field(Cell.parse("01_001_0001"), TIMIT_MICRO_MACRO).frames
    78
    """
    return receptive_field_of_form(functional_form(cell, semantics), macro)


def receptive_field_of_form(form: FunctionalForm, macro: Macro) -> ReceptiveField:
    """As `receptive_field`, for a cell already in its functional form."""
    past, future, jump = 0, 0, 1
    cell_past, cell_future = _reach(form, macro)
    for stride, cells in zip(macro.strides, macro.cells_per_block, strict=True):
        before, after = macro.padding(macro.reduction_kernel, stride=stride)
        past, future = past + jump * before, future + jump * after
        jump *= stride
        past, future = past + jump * cells * cell_past, future + jump * cells * cell_future
    return ReceptiveField(
        past_frames=past,
        future_frames=future,
        depends_on_input=not form.is_dead,
        unbounded_past=macro.lstm_units > 0,
        frame_shift_s=macro.frame_shift_s,
        frame_length_s=macro.frame_length_s,
    )


def peak_activation_bytes(
    cell: Cell,
    macro: Macro,
    semantics: Semantics = Semantics.PAPER,
    *,
    input_frames: int | None = None,
) -> int:
    """Most bytes of activations alive at once in inference: one utterance, float32, no padding.

    Layers run one after another. Alive at a moment are what the running layer reads and writes
    and every value that a later one of the same cell needs; sums of several values, layer
    normalisations and operations each write a tensor of their own.

    Args:
        cell: any registered cell.
        macro: the network around it.
        semantics: how the cell is read.
        input_frames: length of the utterance, >= 1; by default one second.

    Raises:
        UserError: if the length is less than 1.
    """
    frames = round(1 / macro.frame_shift_s) if input_frames is None else input_frames
    _check_frames(frames)
    tensors = _tensors_alive(functional_form(cell, semantics))
    peak, channels_in = 0, macro.mel_bins
    for stride, channels in zip(macro.strides, macro.filters, strict=True):
        reads = frames * channels_in
        frames = math.ceil(frames / stride)
        # The convolution reads the block's input; its layer norm reads what it wrote.
        peak = max(peak, reads + frames * channels, frames * channels * max(2, tensors))
        channels_in = channels
    if macro.lstm_units:
        peak = max(peak, frames * (channels_in + macro.lstm_units))
        channels_in = macro.lstm_units
    return 4 * max(peak, frames * (channels_in + macro.outputs))


def _tensors_alive(form: FunctionalForm) -> int:
    """Most tensors of a cell alive at once; see `peak_activation_bytes`."""
    sums = (*form.arguments, form.output)
    last_use = {source: step for step, terms in enumerate(sums) for source, _ in terms}
    values, peak = {0} & last_use.keys(), 1
    for step, terms in enumerate(sums):
        # A sum of one value taken once is that value; any other is written first.
        is_written = len(terms) != 1 or terms[0][1] != 1
        peak = max(peak, len(values) + is_written)
        still_needed = {value for value in values if last_use[value] > step}
        read = is_written or terms[0][0] not in still_needed
        # The operation (or the closing layer norm) reads the sum and writes its value.
        peak = max(peak, len(still_needed) + read + 1)
        values = still_needed | {step + 1}
    return peak


def _reach(form: FunctionalForm, macro: Macro) -> tuple[int, int]:
    """Frames before and after that one output frame of a cell can see, at the cell's own rate."""
    reaches: list[tuple[int, int] | None] = [(0, 0)]

    def union(terms: Sum) -> tuple[int, int] | None:
        found = [reach for source, _ in terms if (reach := reaches[source]) is not None]
        return (max(p for p, _ in found), max(f for _, f in found)) if found else None

    for name, argument in zip(form.ops, form.arguments, strict=True):
        operation = OPERATIONS.get(name)
        before, after = macro.padding(operation.kernel, operation.dilation)
        seen = union(argument)
        reaches.append(None if seen is None else (seen[0] + before, seen[1] + after))
    return union(form.output) or (0, 0)


def _check_frames(frames: int) -> None:
    if frames < 1:
        raise UserError(f"an utterance must have input_frames >= 1, but got {frames}")


def _op_macs(op: Operation, block: int, macro: Macro) -> int:
    """Multiply-accumulates of an operation for one frame: its weights without the biases."""
    channels = macro.filters[block]
    biases = {"linear": 1, "conv": 1, "gated_linear": 2}.get(op.kind, 0) * channels
    return _op_params(op, block, macro) - biases


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
    if op.kind in ("zero", "max_pool", "avg_pool"):
        return 0
    raise UserError(
        f"cost is known of operations of kind {', '.join(KINDS_TO_REGISTER)} and zero, but "
        f"{op.name!r} is of kind {op.kind!r}, which stands in no cell; ask for the cost of cells "
        "only"
    )
