"""The network around a cell as an ONNX graph, as a deployment would run it.

The graph is the network's plan, node by node, with plain (grouped) `Conv` operators in (batch,
channel, time) layout. An export of `AsrModel` itself would have the copies and matrix products
that make training fast, and masks that utterances of one length do not need.

Shape suffixes: B utterances, T frames, C channels, 1 the directions of the LSTM.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.common.errors import MissingExtraError
from graph_encoding.macro import Macro
from graph_encoding.network_plan import LAYER_NORM_EPS, RELU_CEILING, Layer, plan
from graph_encoding.semantics import Semantics
from train_benchmark.latency.engines.weights import Floats, Weights, as_conv1d

if TYPE_CHECKING:
    import onnx

INPUT_NAME = "features"
OUTPUT_NAME = "log_probs"
OPSET = 19
"""The first opset with dilated AveragePool; every recent onnxruntime has it."""

IR_VERSION = 9
"""The version of the file format that belongs to that opset."""

_CHANNELS_LAST = (0, 2, 1)
"""From (B, C, T) to (B, T, C), and back."""


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
    """Write a network as an ONNX file, for utterances of one length.

    The model has an input `features` (batch, frames, mel_bins) and an output `log_probs`
    (batch, output frames, outputs), both float32.

    Args:
        path: the file, overwritten; an error leaves it incomplete.
        cell: any registered cell.
        macro: the network around it.
        semantics: how the cell is read.
        weights: values of its parameters.
        batch: utterances per run.
        frames: input frames of each.

    Raises:
        UserError: if the weights do not fit.
        MissingExtraError: if `onnx` is not installed.
    """
    layers = plan(cell, macro, semantics)
    try:
        with path.open("wb") as file:
            graph = _Graph(weights, batch, frames, file)
            values = [graph.node("Transpose", INPUT_NAME, perm=_CHANNELS_LAST)]
            for layer in layers:
                values.append(graph.layer(graph.weighted_sum(values, layer), layer))
            graph.finish(macro)
    except ModuleNotFoundError as e:
        raise MissingExtraError(e.name or "onnx", "latency") from e


class _Graph:
    """An ONNX graph that grows node by node; every method returns the name of its value.

    Values are (B, C, T); those of the LSTM and the classifier are (B, T, C).

    Each constant goes to the file at once, and the nodes at the end: the parts of a protobuf
    message may be written one after another. As one message of 190 MB, a network took twice as
    long to write, because each step copied all of it.
    """

    def __init__(self, weights: Weights, batch: int, frames: int, file: BinaryIO) -> None:
        self.weights = weights
        self.batch = batch
        self.frames = frames
        self.nodes: list[onnx.NodeProto] = []
        self._file = file
        self._constants: set[str] = set()
        self._channels_last = ""

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

    def weighted_sum(self, values: list[str], layer: Layer) -> str:
        total = ""
        for number, count in layer.sources:
            value = values[number]
            if count > 1:
                factor = self.constant(f"times_{count}", np.float32(count))
                value = self.node("Mul", value, factor)
            total = self.node("Add", total, value) if total else value
        if total:
            return total
        # Only layers of a cell add up nothing: their input has as many frames as their output.
        shape = (self.batch, layer.channels_in, layer.output_frames(self.frames))
        zeros = "zeros_{}_{}_{}".format(*shape)
        return self.node("Identity", self.constant(zeros, np.zeros(shape, np.float32)))

    def layer(self, value: str, layer: Layer) -> str:
        """The nodes of one layer, applied to a value."""
        given = {f"{layer.name}.{n}": v for n, v in self.weights.of_layer(layer).items()}
        match layer.kind:
            case "conv":
                name = f"{layer.name}.weight"
                given[name] = as_conv1d(given[name])
                return self.clip(self.convolution(value, layer.name, given, layer))
            case "gated_linear":
                given = {name: v[..., None] if v.ndim == 2 else v for name, v in given.items()}
                linear = self.convolution(value, f"{layer.name}.gate", given, layer)
                gate = self.node("Sigmoid", linear)
                linear = self.convolution(value, f"{layer.name}.value", given, layer)
                return self.node("Mul", linear, gate)
            case "norm":
                return self.norm(value, layer.name, given)
            case "lstm":
                return self.lstm(value, layer, given)
            case "dense":
                return self.classifier(value, layer.name, given)
            case "max_pool" | "avg_pool":
                return self.pool(value, layer)

    def convolution(self, value: str, name: str, given: dict[str, Floats], layer: Layer) -> str:
        return self.node(
            "Conv",
            value,
            self.constant(f"{name}.weight", given[f"{name}.weight"]),
            self.constant(f"{name}.bias", given[f"{name}.bias"]),
            kernel_shape=[layer.kernel],
            strides=[layer.stride],
            dilations=[layer.dilation],
            group=layer.groups,
            pads=layer.padding,
        )

    def clip(self, value: str) -> str:
        low = self.constant("relu_floor", np.float32(0.0))
        return self.node("Clip", value, low, self.constant("ceiling", np.float32(RELU_CEILING)))

    def pool(self, value: str, layer: Layer) -> str:
        before, after = layer.padding
        # The Pad node adds zeros; the pools' own padding would be minus infinity or left out.
        pads = self.constant(f"pads_{before}_{after}", np.array([0, 0, before, 0, 0, after]))
        kind = "MaxPool" if layer.kind == "max_pool" else "AveragePool"
        padded = self.node("Pad", value, pads)
        return self.node(kind, padded, kernel_shape=[layer.kernel], dilations=[layer.dilation])

    def norm(self, value: str, name: str, given: dict[str, Floats]) -> str:
        """Layer norm over channels; ONNX's normalises the last axes only."""
        gain, bias = (self.constant(n, given[n]) for n in (f"{name}.weight", f"{name}.bias"))
        last = self.node("Transpose", value, perm=_CHANNELS_LAST)
        normed = self.node("LayerNormalization", last, gain, bias, axis=-1, epsilon=LAYER_NORM_EPS)
        return self.node("Transpose", normed, perm=_CHANNELS_LAST)

    def lstm(self, value: str, layer: Layer, given: dict[str, Floats]) -> str:
        gates = {name: _onnx_gates(v) for name, v in given.items()}
        biases = np.concatenate([gates["lstm.bias_ih_l0"], gates["lstm.bias_hh_l0"]])
        output_T1BC = self.node(
            "LSTM",
            self.node("Transpose", value, perm=(2, 0, 1)),
            self.constant("lstm.input_weight", gates["lstm.weight_ih_l0"][None]),
            self.constant("lstm.state_weight", gates["lstm.weight_hh_l0"][None]),
            self.constant("lstm.biases", biases[None]),
            hidden_size=layer.channels_out,
        )
        axis = self.constant("direction_axis", np.array([1]))
        squeezed = self.node("Squeeze", output_T1BC, axis)
        self._channels_last = self.node("Transpose", squeezed, perm=(1, 0, 2))
        return self._channels_last

    def classifier(self, value: str, name: str, given: dict[str, Floats]) -> str:
        if value != self._channels_last:
            value = self.node("Transpose", value, perm=_CHANNELS_LAST)
        weight, bias = f"{name}.weight", f"{name}.bias"
        product = self.node("MatMul", value, self.constant(weight, given[weight].T))
        logits = self.node("Add", product, self.constant(bias, given[bias]))
        self.node("LogSoftmax", logits, axis=-1)
        self.nodes[-1].output[0] = OUTPUT_NAME
        return OUTPUT_NAME

    def finish(self, macro: Macro) -> None:
        """Write the nodes, the input and the output."""
        from onnx import TensorProto, helper

        shapes = {
            INPUT_NAME: (self.batch, self.frames, macro.mel_bins),
            OUTPUT_NAME: (self.batch, macro.output_frames(self.frames), macro.outputs),
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
