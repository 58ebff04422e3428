"""The network around a cell as torch users deploy it: plain `nn.Conv1d`, eager, no masks.

Shape suffixes: B utterances, T frames, C channels, G groups of a convolution, K kernel frames,
I and O input and output channels of one group.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.functional import FunctionalForm, Sum, functional_form
from graph_encoding.macro import Macro
from graph_encoding.ops import OPERATIONS, Operation
from graph_encoding.semantics import Semantics
from train_benchmark.latency.engines.weights import Floats, Weights
from train_benchmark.network.time_convolution import RELU_CEILING

LAYER_NORM_EPS = 1e-3


class PlainNetwork(nn.Module):
    """What `write_onnx` writes down, as torch modules on (B, C, T); for utterances of one length.

    Args:
        cell: any registered cell.
        macro: the network around it.
        semantics: how the cell is read.
        weights: values of its parameters.

    Raises:
        UserError: if an operation has no module, or the weights do not fit.
    """

    def __init__(self, cell: Cell, macro: Macro, semantics: Semantics, weights: Weights) -> None:
        super().__init__()
        form = functional_form(cell, semantics)
        layers: list[nn.Module] = []
        channels_in = macro.mel_bins
        for block, channels in enumerate(macro.filters):
            kernel, stride = macro.reduction_kernel, macro.strides[block]
            name = f"blocks.{block}.reduction"
            weight_GKIO = weights.take(f"{name}.weight", (1, kernel, channels_in, channels))
            padding = macro.padding(kernel, stride=stride)
            layers += [
                _Convolution(weights, name, weight_GKIO, padding, stride=stride, clip=True),
                _Norm(weights, f"blocks.{block}.norm", channels),
                *(
                    _PlainCell(form, macro, block, f"blocks.{block}.cells.{number}", weights)
                    for number in range(macro.cells_per_block[block])
                ),
            ]
            channels_in = channels
        self.layers = nn.Sequential(*layers)
        self.lstm: nn.LSTM | None = None
        if macro.lstm_units:
            self.lstm = nn.LSTM(channels_in, macro.lstm_units, batch_first=True)
            _fill(self.lstm, "lstm", weights)
            channels_in = macro.lstm_units
        self.classifier = nn.Linear(channels_in, macro.outputs)
        _fill(self.classifier, "classifier", weights)

    def forward(self, features_BTC: Tensor) -> Tensor:
        """Log-probabilities (B, T_out, outputs) of features (B, T, mel_bins)."""
        x_BTC = self.layers(features_BTC.transpose(1, 2)).transpose(1, 2)
        if self.lstm is not None:
            x_BTC, _ = self.lstm(x_BTC)
        return functional.log_softmax(self.classifier(x_BTC), dim=-1)


class _PlainCell(nn.Module):
    """The terms of a functional form, and the layer norm that closes a cell."""

    def __init__(
        self, form: FunctionalForm, macro: Macro, block: int, name: str, weights: Weights
    ) -> None:
        super().__init__()
        self.form = form
        self.terms = nn.ModuleList(
            _operation(OPERATIONS.get(op), macro, block, f"{name}.terms.{i}", weights)
            for i, op in enumerate(form.ops)
        )
        self.norm = _Norm(weights, f"{name}.norm", macro.filters[block])

    def forward(self, x_BCT: Tensor) -> Tensor:
        values = [x_BCT]
        for term, argument in zip(self.terms, self.form.arguments, strict=True):
            values.append(term(_weighted_sum(values, argument)))
        normed: Tensor = self.norm(_weighted_sum(values, self.form.output))
        return normed


class _Convolution(nn.Module):
    """Padded convolution with or without the clipped ReLU."""

    def __init__(
        self,
        weights: Weights,
        name: str,
        weight_GKIO: Floats,
        padding: tuple[int, int] = (0, 0),
        *,
        stride: int = 1,
        dilation: int = 1,
        clip: bool = False,
    ) -> None:
        super().__init__()
        groups, kernel, inputs, outputs = weight_GKIO.shape
        self.padding = padding
        self.clip = clip
        self.conv = nn.Conv1d(
            groups * inputs,
            groups * outputs,
            kernel,
            stride=stride,
            dilation=dilation,
            groups=groups,
        )
        weight = weight_GKIO.transpose(0, 3, 2, 1).reshape(groups * outputs, inputs, kernel)
        bias = weights.take(f"{name}.bias", (groups * outputs,))
        assert self.conv.bias is not None
        _set(self.conv.weight, weight)
        _set(self.conv.bias, bias)

    def forward(self, x_BCT: Tensor) -> Tensor:
        y_BCT: Tensor = self.conv(functional.pad(x_BCT, self.padding))
        return y_BCT.clamp_(0.0, RELU_CEILING) if self.clip else y_BCT


class _Gated(nn.Module):
    """`value(x) * sigmoid(gate(x))`, both of them dense layers over channels."""

    def __init__(self, weights: Weights, name: str, channels: int) -> None:
        super().__init__()
        self.value = self._make(weights, f"{name}.value", channels)
        self.gate = self._make(weights, f"{name}.gate", channels)

    @staticmethod
    def _make(weights: Weights, name: str, channels: int) -> "_Convolution":
        matrix = weights.take(f"{name}.weight", (channels, channels)).T
        return _Convolution(weights, name, matrix[None, None])

    def forward(self, x_BCT: Tensor) -> Tensor:
        gated: Tensor = self.value(x_BCT) * torch.sigmoid(self.gate(x_BCT))
        return gated


class _Pool(nn.Module):
    """Maximum or mean over frames; frames beyond the ends count as zero."""

    def __init__(self, operation: Operation, padding: tuple[int, int]) -> None:
        super().__init__()
        self.operation = operation
        self.padding = padding

    def forward(self, x_BCT: Tensor) -> Tensor:
        kernel, dilation = self.operation.kernel, self.operation.dilation
        padded = functional.pad(x_BCT, self.padding)
        if self.operation.kind == "max_pool":
            return functional.max_pool1d(padded, kernel, stride=1, dilation=dilation)
        if dilation == 1:
            return functional.avg_pool1d(padded, kernel, stride=1)
        # torch's mean has no dilation.
        return padded.unfold(2, self.operation.span, 1)[..., ::dilation].mean(dim=-1)


class _Norm(nn.Module):
    """Layer norm over channels."""

    def __init__(self, weights: Weights, name: str, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=LAYER_NORM_EPS)
        _fill(self.norm, name, weights)

    def forward(self, x_BCT: Tensor) -> Tensor:
        normed: Tensor = self.norm(x_BCT.transpose(1, 2))
        return normed.transpose(1, 2)


def _operation(
    operation: Operation, macro: Macro, block: int, name: str, weights: Weights
) -> nn.Module:
    kind, channels = operation.kind, macro.filters[block]
    padding = macro.padding(operation.kernel, operation.dilation)
    if kind in ("linear", "conv"):
        groups = macro.conv_groups(block, operation.group_scale) if kind == "conv" else 1
        shape = (groups, operation.kernel, channels // groups, channels // groups)
        weight_GKIO = weights.take(f"{name}.weight", shape)
        dilation = operation.dilation
        return _Convolution(weights, name, weight_GKIO, padding, dilation=dilation, clip=True)
    if kind == "gated_linear":
        return _Gated(weights, name, channels)
    if kind in ("max_pool", "avg_pool"):
        return _Pool(operation, padding)
    raise UserError(
        f"operations of kind {kind!r} have no torch module, but {operation.name!r} is of it; "
        "measure cells of linear, conv, gated_linear, max_pool and avg_pool operations"
    )


def _weighted_sum(values: list[Tensor], terms: Sum) -> Tensor:
    total: Tensor | None = None
    for number, count in terms:
        value = values[number] if count == 1 else values[number] * count
        total = value if total is None else total + value
    return torch.zeros_like(values[0]) if total is None else total


def _fill(module: nn.Module, name: str, weights: Weights) -> None:
    for parameter_name, parameter in module.named_parameters():
        _set(parameter, weights.take(f"{name}.{parameter_name}", tuple(parameter.shape)))


def _set(parameter: Tensor, value: Floats) -> None:
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(np.array(value)))
