"""The plan of the network around a cell: all its layers, in the order of computation.

One plan, several interpreters: `AsrModel` trains it, `PlainNetwork` and `write_onnx` deploy it, and
`cost` counts its parameters and products without building it.

Shape letters: C channels, G groups of a convolution, K kernel frames, I and O input and output
channels of one group, H units of the LSTM.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Literal

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.functional_identity import FunctionalForm, Sum, functional_form
from graph_encoding.macro import Macro
from graph_encoding.ops import OPERATIONS, Operation
from graph_encoding.semantics import Semantics

RELU_CEILING = 20.0
LAYER_NORM_EPS = 1e-3
"""Source of both: SamsungLabs/nb-asr `nasbench_asr/model/tf/ops.py`; the second is Keras's own."""

LayerKind = Literal["conv", "gated_linear", "max_pool", "avg_pool", "norm", "lstm", "dense"]

_KIND_OF_OPERATION: dict[str, LayerKind] = {
    "linear": "conv",
    "conv": "conv",
    "gated_linear": "gated_linear",
    "max_pool": "max_pool",
    "avg_pool": "avg_pool",
}


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: it reads a sum of earlier values and computes one new value.

    The kinds: "conv" is a zero-padded convolution over time, then a ReLU clipped at
    `RELU_CEILING`; "gated_linear" is a dense layer times the sigmoid of another one; the pools run
    over zero-padded frames; "norm" is layer normalisation over channels; "lstm" is unidirectional;
    "dense" is a dense layer, then a log-softmax.

    Attributes:
        name: prefix of the names of its parameters, such as `blocks.0.cells.0.terms.1`.
        kind: see above.
        sources: (value number, multiplicity >= 1) of each value in the sum, in rising order. Value
            0 is the network's input, value i the output of layer i, counted from 1. The empty sum
            is the constant zero.
        channels_in: channels of the sum.
        channels_out: channels of the output.
        frame_stride: frames of the network's input per frame of this layer's output.
        stride: frames of this layer's input per frame of its output.
        kernel: frames that one output frame sees.
        dilation: distance between those frames.
        groups: convolution groups.
        padding: zero frames (before, after) the input.
        operation: name of the cell's operation that this layer computes; empty for all others. The
            output of an operation may be read until its cell ends; any other output is read by
            the layers of the next cell, or by the next layer.
        untrained: names of parameters that keep their initial values.
    """

    name: str
    kind: LayerKind
    sources: Sum
    channels_in: int
    channels_out: int
    frame_stride: int
    stride: int = 1
    kernel: int = 1
    dilation: int = 1
    groups: int = 1
    padding: tuple[int, int] = (0, 0)
    operation: str = ""
    untrained: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, tuple[int, ...]]:
        """Shape of each parameter, by its name within the layer.

        A convolution's weight is (G, K, I, O), the weight of a dense layer (outputs, inputs). An
        LSTM has torch's names and its order of gates: input, forget, cell, output.
        """
        inputs, outputs = self.channels_in, self.channels_out
        dense = {"weight": (outputs, inputs), "bias": (outputs,)}
        if self.kind == "conv":
            groups = self.groups
            weight = (groups, self.kernel, inputs // groups, outputs // groups)
            return {"weight": weight, "bias": (outputs,)}
        if self.kind == "gated_linear":
            parts = ("value", "gate")
            return {f"{part}.{name}": shape for part in parts for name, shape in dense.items()}
        if self.kind == "norm":
            return {"weight": (outputs,), "bias": (outputs,)}
        if self.kind == "lstm":
            return {
                "weight_ih_l0": (4 * outputs, inputs),
                "weight_hh_l0": (4 * outputs, outputs),
                "bias_ih_l0": (4 * outputs,),
                "bias_hh_l0": (4 * outputs,),
            }
        return dense if self.kind == "dense" else {}

    @property
    def params(self) -> int:
        """Number of trainable parameters."""
        shapes = self.parameters
        return sum(prod(shape) for name, shape in shapes.items() if name not in self.untrained)

    @property
    def macs_per_frame(self) -> int:
        """Multiply-accumulates per output frame: each weight of a product is used once."""
        return sum(prod(shape) for shape in self.parameters.values() if len(shape) > 1)

    def output_frames(self, input_frames: int) -> int:
        """Frames of the output, for a number of frames of the network's input."""
        return -(-input_frames // self.frame_stride)


def plan(cell: Cell, macro: Macro, semantics: Semantics = Semantics.PAPER) -> tuple[Layer, ...]:
    """The layers of the network that computes a cell's function.

    Args:
        cell: any registered cell.
        macro: the network around it.
        semantics: how the cell is read.

    Raises:
        UserError: if the groups of a convolution do not divide the channels of a block.

    >>> from graph_encoding.macro import TIMIT_MICRO_MACRO
    >>> for layer in plan(Cell.parse("01_001"), TIMIT_MICRO_MACRO)[:5]:
    ...     print(layer.name, layer.kind, layer.sources, layer.params)
    blocks.0.reduction conv ((0, 1),) 20544
    blocks.0.norm norm ((1, 1),) 128
    blocks.0.cells.0.terms.0 conv ((2, 1),) 4160
    blocks.0.cells.0.terms.1 conv ((2, 1), (3, 1)) 4160
    blocks.0.cells.0.norm norm ((2, 1), (3, 1), (4, 1)) 128
    """
    return plan_of_form(functional_form(cell, semantics), macro)


def plan_of_form(form: FunctionalForm, macro: Macro) -> tuple[Layer, ...]:
    """As `plan`, for a cell already in its functional form."""
    ops = tuple([OPERATIONS.get(name) for name in form.ops])
    return _plan_once(ops, (*form.arguments, form.output), macro)


# Several costs of one cell are asked for in a row, and each interprets the same plan.
@lru_cache(maxsize=8)
def _plan_once(
    ops: tuple[Operation, ...], sums: tuple[Sum, ...], macro: Macro
) -> tuple[Layer, ...]:
    return plan_of_operations(ops, sums, macro)


def plan_of_operations(
    ops: Sequence[Operation], sums: Sequence[Sum], macro: Macro
) -> tuple[Layer, ...]:
    """As `plan`, for an expression of operations.

    Args:
        ops: (t,) operations of the cell.
        sums: (t + 1,) the argument of each operation and the cell's output. Value 0 of a sum is
            the cell's input, value i the result of `ops[i - 1]`.
        macro: the network around it.

    Raises:
        UserError: if the groups of a convolution do not divide the channels of a block, or no
            network can compute an operation of such a kind.
    """
    layers: list[Layer] = []
    channels_in, frame_stride = macro.mel_bins, 1
    for block, channels in enumerate(macro.filters):
        stride, kernel = macro.strides[block], macro.reduction_kernel
        frame_stride *= stride
        layers.append(
            Layer(
                f"blocks.{block}.reduction",
                "conv",
                ((len(layers), 1),),
                channels_in,
                channels,
                frame_stride,
                stride=stride,
                kernel=kernel,
                padding=macro.padding(kernel, stride=stride),
            )
        )
        layers.append(_norm(f"blocks.{block}", ((len(layers), 1),), channels, frame_stride))
        for number in range(macro.cells_per_block[block]):
            name, first = f"blocks.{block}.cells.{number}", len(layers)
            of_network = [tuple([(first + value, m) for value, m in terms]) for terms in sums]
            for i, op in enumerate(ops):
                term = f"{name}.terms.{i}"
                layers.append(_operation(term, op, of_network[i], macro, block, frame_stride))
            layers.append(_norm(name, of_network[-1], channels, frame_stride))
        channels_in = channels
    return (*layers, *_head(len(layers), channels_in, frame_stride, macro))


def _head(last: int, channels_in: int, frame_stride: int, macro: Macro) -> list[Layer]:
    """The LSTM, if there is one, and the classifier, after the value `last`."""
    layers: list[Layer] = []
    if units := macro.lstm_units:
        untrained = ("bias_hh_l0",) if macro.lstm_biases == 1 else ()
        sources = ((last, 1),)
        layers.append(
            Layer("lstm", "lstm", sources, channels_in, units, frame_stride, untrained=untrained)
        )
        last, channels_in = last + 1, units
    dense = Layer("classifier", "dense", ((last, 1),), channels_in, macro.outputs, frame_stride)
    return [*layers, dense]


def _norm(name: str, sources: Sum, channels: int, frame_stride: int) -> Layer:
    return Layer(f"{name}.norm", "norm", sources, channels, channels, frame_stride)


def _operation(
    name: str, op: Operation, sources: Sum, macro: Macro, block: int, frame_stride: int
) -> Layer:
    kind = _KIND_OF_OPERATION.get(op.kind)
    if kind is None:
        raise UserError(
            f"a network must have operations of the kinds {', '.join(_KIND_OF_OPERATION)}, but "
            f"operation {op.name!r} is of kind {op.kind!r}, which belongs to graphs of other "
            "search spaces; use cells only"
        )
    channels = macro.filters[block]
    sees_frames = kind != "gated_linear"
    kernel, dilation = (op.kernel, op.dilation) if sees_frames else (1, 1)
    return Layer(
        name,
        kind,
        sources,
        channels,
        channels,
        frame_stride,
        kernel=kernel,
        dilation=dilation,
        groups=macro.conv_groups(block, op.group_scale) if op.kind == "conv" else 1,
        padding=macro.padding(kernel, dilation),
        operation=op.name,
    )
