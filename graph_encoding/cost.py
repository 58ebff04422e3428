"""Static cost of networks, counted exactly on their plan, without building them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.functional_identity import FunctionalForm, functional_form
from graph_encoding.graph import CellGraph
from graph_encoding.macro import Macro
from graph_encoding.network_plan import plan, plan_of_form, plan_of_operations
from graph_encoding.ops import OPERATIONS, Operation
from graph_encoding.semantics import Semantics


def params(cell: Cell, macro: Macro, semantics: Semantics = Semantics.PAPER) -> int:
    """Trainable parameters of the network that computes a cell's function.

    Branches that do not reach the output have no parameters. A convolution without any input
    has those of the linear operation that its form names, so equal functional keys have equal
    counts. (The original counts both as they are; `released_params` has that published formula.)

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
    return _count(_ops_of_form(form), macro)[0]


def params_of_graph(graph: CellGraph, macro: Macro) -> int:
    """As `params`, for the graph of a cell's function.

    Raises:
        UserError: if no network can compute an operation of such a kind.

    >>> from graph_encoding.graph import cell_graph
    >>> from graph_encoding.macro import TIMIT_MICRO_MACRO
    >>> cell = Cell.parse("10_110_1010")
    >>> params_of_graph(cell_graph(cell), TIMIT_MICRO_MACRO) == params(cell, TIMIT_MICRO_MACRO)
    True
    """
    return _count(_ops_of_graph(graph), macro)[0]


def macs(
    cell: Cell, macro: Macro, semantics: Semantics = Semantics.PAPER, *, input_frames: int
) -> int:
    """Multiply-accumulates of one forward pass over one utterance.

    This counts the products of convolutions, dense layers and the LSTM's gates, also those with
    padded frames. It does not count biases, sums, activations, pooling and layer normalisation.

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
    return _total_macs(_ops_of_form(form), macro, input_frames)


def macs_of_graph(graph: CellGraph, macro: Macro, *, input_frames: int) -> int:
    """As `macs`, for the graph of a cell's function.

    Raises:
        UserError: if the length is less than 1, or no network can compute an operation of such
            a kind.
    """
    return _total_macs(_ops_of_graph(graph), macro, input_frames)


def _ops_of_form(form: FunctionalForm) -> tuple[Operation, ...]:
    return tuple([OPERATIONS.get(name) for name in sorted(form.ops)])


def _ops_of_graph(graph: CellGraph) -> tuple[Operation, ...]:
    ops = [op for op in graph.ops[1:-1] if op.kind != "zero"]
    return tuple(sorted(ops, key=lambda op: op.name))


def _total_macs(ops: tuple[Operation, ...], macro: Macro, input_frames: int) -> int:
    _check_frames(input_frames)
    _, macs_at_stride = _count(ops, macro)
    return sum(-(-input_frames // stride) * macs for stride, macs in macs_at_stride.items())


def _count(ops: Sequence[Operation], macro: Macro) -> tuple[int, Counter[int]]:
    """The counts of a network with some operations, in any order and however connected.

    Every operation adds layers of its own, whatever the others are.

    Returns:
        Trainable parameters, and multiply-accumulates per output frame, as the sum over all layers
        by their frame stride.
    """
    empty_params, empty_macs = _count_alone((), macro)
    total, macs_at_stride = empty_params, Counter(empty_macs)
    for op in ops:
        params_with, macs_with = _count_alone((op,), macro)
        total += params_with - empty_params
        for stride, with_op in macs_with.items():
            macs_at_stride[stride] += with_op - empty_macs[stride]
    return total, macs_at_stride


@lru_cache(maxsize=4096)
def _count_alone(ops: tuple[Operation, ...], macro: Macro) -> tuple[int, Counter[int]]:
    """As `_count`, by the layers of a plan."""
    unconnected = [()] * (len(ops) + 1)
    macs_at_stride: Counter[int] = Counter()
    total = 0
    for layer in plan_of_operations(ops, unconnected, macro):
        total += layer.params
        macs_at_stride[layer.frame_stride] += layer.macs_per_frame
    return total, macs_at_stride


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """Input frames that can change one output frame of the last block.

    Output frame t corresponds to input frame t times the macro network's total stride.

    Attributes:
        past_frames: frames before that one, >= 0.
        future_frames: frames after it, >= 0.
        depends_on_input: False for dead cells, whose receptive field is empty.
        unbounded_past: whether an LSTM follows, which adds all earlier frames.
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
        """Frames from the first to the last; 0 for a dead cell."""
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
    """The input frames that one output frame of the convolutional part depends on.

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
    # Per value (past, future) in input frames; None if it does not depend on the input.
    reaches: list[tuple[int, int] | None] = [(0, 0)]
    for layer in plan_of_form(form, macro):
        read = [reach for value, _ in layer.sources if (reach := reaches[value]) is not None]
        if not read:
            reaches.append(None)
            continue
        pasts, futures = zip(*read, strict=True)
        before, after = (n * layer.frame_stride // layer.stride for n in layer.padding)
        reaches.append((max(pasts) + before, max(futures) + after))
    past, future = reaches[-1] or (0, 0)
    return ReceptiveField(
        past_frames=past,
        future_frames=future,
        depends_on_input=reaches[-1] is not None,
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

    Layers run one after another. Alive are what the running layer reads and writes, and every
    value that a later layer reads. A sum of several values is a tensor of its own, and so is the
    output of each layer.

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
    layers = plan(cell, macro, semantics)
    last_use = {value: i for i, layer in enumerate(layers) for value, _ in layer.sources}
    alive, peak = {0: frames * macro.mel_bins}, 0
    for i, layer in enumerate(layers):
        frames_in = -(-frames * layer.stride // layer.frame_stride)
        sum_size = frames_in * layer.channels_in
        output_size = layer.output_frames(frames) * layer.channels_out
        # A sum of one value taken once is that value; any other is written first.
        is_written = len(layer.sources) != 1 or layer.sources[0][1] != 1
        peak = max(peak, sum(alive.values()) + is_written * sum_size)
        alive = {value: size for value, size in alive.items() if last_use[value] > i}
        is_extra = is_written or layer.sources[0][0] not in alive
        peak = max(peak, sum(alive.values()) + is_extra * sum_size + output_size)
        if i + 1 in last_use:
            alive[i + 1] = output_size
    return 4 * peak


def _check_frames(frames: int) -> None:
    if frames < 1:
        raise UserError(f"an utterance must have input_frames >= 1, but got {frames}")
