"""The network around a cell as an ONNX graph: what a deployment would run.

The graph is written down from the cell's functional form, node by node, with plain (grouped)
`Conv` operators in (batch, channel, time) layout. Exporting `AsrModel` itself would give the
copies and matrix products that make training fast, and masks that one utterance does not need.

Shape suffixes: B utterances, T frames, C channels, G groups of a convolution, K kernel frames,
I and O input and output channels of one group, H units of the LSTM.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.common.errors import MissingExtraError, UserError
from graph_encoding.functional import FunctionalForm, Sum, functional_form
from graph_encoding.macro import Macro
from graph_encoding.ops import OPERATIONS, Operation
from graph_encoding.semantics import Semantics
from train_benchmark.latency.engines.weights import Floats, Weights

if TYPE_CHECKING:
    import onnx

INPUT_NAME = "features"
OUTPUT_NAME = "log_probs"
OPSET = 19
"""The first with dilated AveragePool; every onnxruntime of the last years has it."""

IR_VERSION = 9
"""The format's version of that opset."""

RELU_CEILING = 20.0
LAYER_NORM_EPS = 1e-3
"""Both as in `AsrModel`, which is not imported: an engine without torch is measured without."""

_BATCH_TIME_CHANNEL = (0, 2, 1)


def write_onnx(
    path: Path,
    cell: Cell,
    macro: Macro,
    semantics: Semantics,
    weights: Weights,
    *,
    batch: int,
    frames: int,
) -> None:
    """Write a network down as ONNX, for utterances of one length.

    The model has an input `features` (batch, frames, mel_bins) and an output `log_probs`
    (batch, output frames, outputs), both float32.

    Args:
        path: the file, overwritten; an error leaves it incomplete.
        cell: any registered cell.
        macro: the network around it.
        semantics: how the cell is read.
        weights: values of its parameters.
        batch: utterances a run.
        frames: input frames of each.

    Raises:
        UserError: if an operation has no ONNX form, or the weights do not fit.
        MissingExtraError: if `onnx` is not installed.
    """
    try:
        with path.open("wb") as file:
            graph = _Graph(macro, weights, batch, file)
            form = functional_form(cell, semantics)
            value = graph.transpose(INPUT_NAME, _BATCH_TIME_CHANNEL)
            channels_in, length = macro.mel_bins, frames
            for block, channels in enumerate(macro.filters):
                length = -(-length // macro.strides[block])
                value = graph.reduction(value, block, channels_in)
                for number in range(macro.cells_per_block[block]):
                    value = graph.cell(value, form, block, number, length)
                channels_in = channels
            graph.head(value, channels_in)
            graph.finish(frames)
    except ModuleNotFoundError as e:
        raise MissingExtraError(e.name or "onnx", "latency") from e


class _Graph:
    """An ONNX graph that grows node by node; every method gives the name of its value.

    Constants go to the file one by one, and the nodes when all are there: the parts of a protobuf
    message may be written one after the other. As one message of 190 MB, a network took twice as
    long to write: it was copied whole at each step.
    """

    def __init__(self, macro: Macro, weights: Weights, batch: int, file: BinaryIO) -> None:
        self.macro = macro
        self.weights = weights
        self.batch = batch
        self.nodes: list[onnx.NodeProto] = []
        self._file = file
        self._constants: set[str] = set()

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
        return name

    def constant(self, name: str, value: Any) -> str:
        from onnx import ModelProto, helper

        if name not in self._constants:
            self._constants.add(name)
            array = np.ascontiguousarray(value)
            part = ModelProto()
            part.graph.initializer.add(
                name=name,
                data_type=helper.np_dtype_to_tensor_dtype(array.dtype),
                dims=array.shape,
                raw_data=array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes(),
            )
            self._file.write(part.SerializeToString())
        return name

    def transpose(self, value: str, order: tuple[int, ...]) -> str:
        return self.node("Transpose", value, perm=order)

    def reduction(self, value: str, block: int, channels_in: int) -> str:
        """The strided convolution of a block, and its layer norm."""
        kernel, stride = self.macro.reduction_kernel, self.macro.strides[block]
        channels = self.macro.filters[block]
        name = f"blocks.{block}.reduction"
        weight_GKIO = self.weights.take(f"{name}.weight", (1, kernel, channels_in, channels))
        padding = self.macro.padding(kernel, stride=stride)
        convolved = self.convolution(value, name, weight_GKIO, padding, stride=stride)
        return self.norm(self.clip(convolved), f"blocks.{block}.norm", channels)

    def convolution(
        self,
        value: str,
        name: str,
        weight_GKIO: Floats,
        padding: tuple[int, int] = (0, 0),
        *,
        stride: int = 1,
        dilation: int = 1,
    ) -> str:
        groups, kernel, inputs, outputs = weight_GKIO.shape
        weight = weight_GKIO.transpose(0, 3, 2, 1).reshape(groups * outputs, inputs, kernel)
        bias = self.weights.take(f"{name}.bias", (groups * outputs,))
        return self.node(
            "Conv",
            value,
            self.constant(f"{name}.weight", weight),
            self.constant(f"{name}.bias", bias),
            kernel_shape=[kernel],
            strides=[stride],
            dilations=[dilation],
            group=groups,
            pads=padding,
        )

    def clip(self, value: str) -> str:
        low = self.constant("relu_floor", np.float32(0.0))
        return self.node("Clip", value, low, self.constant("ceiling", np.float32(RELU_CEILING)))

    def norm(self, value: str, name: str, channels: int) -> str:
        """Layer norm over channels; ONNX's normalises the last axes only."""
        gain = self.constant(f"{name}.weight", self.weights.take(f"{name}.weight", (channels,)))
        bias = self.constant(f"{name}.bias", self.weights.take(f"{name}.bias", (channels,)))
        last = self.transpose(value, _BATCH_TIME_CHANNEL)
        normed = self.node("LayerNormalization", last, gain, bias, axis=-1, epsilon=LAYER_NORM_EPS)
        return self.transpose(normed, _BATCH_TIME_CHANNEL)

    def cell(self, value: str, form: FunctionalForm, block: int, number: int, frames: int) -> str:
        """The terms of a functional form, their sum, and the closing layer norm."""
        channels = self.macro.filters[block]
        shape = (self.batch, channels, frames)
        name = f"blocks.{block}.cells.{number}"
        values = [value]
        for i, (op, argument) in enumerate(zip(form.ops, form.arguments, strict=True)):
            source = self.weighted_sum(values, argument, shape)
            values.append(self.operation(source, OPERATIONS.get(op), block, f"{name}.terms.{i}"))
        return self.norm(self.weighted_sum(values, form.output, shape), f"{name}.norm", channels)

    def weighted_sum(self, values: list[str], terms: Sum, shape: tuple[int, ...]) -> str:
        total = ""
        for number, count in terms:
            value = values[number]
            if count > 1:
                factor = self.constant(f"times_{count}", np.float32(count))
                value = self.node("Mul", value, factor)
            total = self.node("Add", total, value) if total else value
        zeros = "zeros_{}_{}_{}".format(*shape)
        return total or self.node("Identity", self.constant(zeros, np.zeros(shape, np.float32)))

    def operation(self, value: str, operation: Operation, block: int, name: str) -> str:
        """One operation of a cell."""
        kind, kernel, dilation = operation.kind, operation.kernel, operation.dilation
        channels = self.macro.filters[block]
        padding = self.macro.padding(kernel, dilation)
        if kind in ("linear", "conv"):
            scale = operation.group_scale
            groups = self.macro.conv_groups(block, scale) if kind == "conv" else 1
            shape = (groups, kernel, channels // groups, channels // groups)
            weight_GKIO = self.weights.take(f"{name}.weight", shape)
            return self.clip(self.convolution(value, name, weight_GKIO, padding, dilation=dilation))
        if kind == "gated_linear":
            gate = self.node("Sigmoid", self.pointwise(value, f"{name}.gate", channels))
            return self.node("Mul", self.pointwise(value, f"{name}.value", channels), gate)
        if kind in ("max_pool", "avg_pool"):
            # Zeros, not minus infinity, stand beyond the ends of an utterance.
            pads = np.array([0, 0, padding[0], 0, 0, padding[1]])
            padded = self.node("Pad", value, self.constant("pads_{}_{}".format(*padding), pads))
            pool = "MaxPool" if kind == "max_pool" else "AveragePool"
            return self.node(pool, padded, kernel_shape=[kernel], dilations=[dilation])
        raise UserError(
            f"operations of kind {kind!r} have no ONNX form, but {operation.name!r} is of it; "
            "measure cells of linear, conv, gated_linear, max_pool and avg_pool operations"
        )

    def pointwise(self, value: str, name: str, channels: int) -> str:
        """A dense layer over channels, as a convolution of one frame."""
        weight = self.weights.take(f"{name}.weight", (channels, channels))
        return self.convolution(value, name, weight.T[None, None])

    def head(self, value: str, channels: int) -> None:
        """The LSTM if there is one, the dense layer, and the log-softmax."""
        macro = self.macro
        if macro.lstm_units:
            last = self.lstm(self.transpose(value, (2, 0, 1)), channels)
            channels = macro.lstm_units
        else:
            last = self.transpose(value, _BATCH_TIME_CHANNEL)
        weight = self.weights.take("classifier.weight", (macro.outputs, channels))
        bias = self.weights.take("classifier.bias", (macro.outputs,))
        product = self.node("MatMul", last, self.constant("classifier.weight", weight.T))
        logits = self.node("Add", product, self.constant("classifier.bias", bias))
        self.node("LogSoftmax", logits, axis=-1)
        self.nodes[-1].output[0] = OUTPUT_NAME

    def lstm(self, value_TBC: str, channels: int) -> str:
        units = self.macro.lstm_units
        take = self.weights.take
        input_weight = take("lstm.weight_ih_l0", (4 * units, channels))
        state_weight = take("lstm.weight_hh_l0", (4 * units, units))
        biases = [_onnx_gates(take(f"lstm.bias_{part}_l0", (4 * units,))) for part in ("ih", "hh")]
        output_T1BH = self.node(
            "LSTM",
            value_TBC,
            self.constant("lstm.input_weight", _onnx_gates(input_weight)[None]),
            self.constant("lstm.state_weight", _onnx_gates(state_weight)[None]),
            self.constant("lstm.biases", np.concatenate(biases)[None]),
            hidden_size=units,
        )
        axis = self.constant("direction_axis", np.array([1]))
        return self.transpose(self.node("Squeeze", output_T1BH, axis), (1, 0, 2))

    def finish(self, frames: int) -> None:
        """Write the nodes, the input and the output."""
        from onnx import TensorProto, helper

        macro = self.macro
        shapes = {
            INPUT_NAME: (self.batch, frames, macro.mel_bins),
            OUTPUT_NAME: (self.batch, macro.output_frames(frames), macro.outputs),
        }
        given, wanted = (
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in shapes.items()
        )
        model = helper.make_model(
            helper.make_graph(self.nodes, macro.name, [given], [wanted]),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
        )
        self._file.write(model.SerializeToString())


def _onnx_gates(values: Floats) -> Floats:
    """From torch's order of gates (input, forget, cell, output) to ONNX's (i, o, f, c)."""
    i, f, c, o = np.split(values, 4)
    return np.concatenate([i, o, f, c])
