"""The network around a cell as torch users deploy it: plain `nn.Conv1d`, eager, no masks.

Shape suffixes: B utterances, T frames, C channels.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from graph_encoding.cell import Cell
from graph_encoding.macro import Macro
from graph_encoding.network_plan import LAYER_NORM_EPS, RELU_CEILING, Layer, plan
from graph_encoding.semantics import Semantics
from train_benchmark.latency.engines.weights import Floats, Weights, as_conv1d
from train_benchmark.network.run_plan import run_plan


class PlainNetwork(nn.Module):
    """The network that `write_onnx` writes, as torch modules; for utterances of one length.

    Args:
        cell: any registered cell.
        macro: the network around it.
        semantics: how the cell is read.
        weights: values of its parameters.

    Raises:
        UserError: if the weights do not fit.
    """

    def __init__(self, cell: Cell, macro: Macro, semantics: Semantics, weights: Weights) -> None:
        super().__init__()
        self._plan = plan(cell, macro, semantics)
        self.layers = nn.ModuleList(_make(layer, weights.of_layer(layer)) for layer in self._plan)

    def forward(self, features_BTC: Tensor) -> Tensor:
        """Log-probabilities (B, T_out, outputs) of features (B, T, mel_bins)."""

        def compute(i: int, x_BCT: Tensor) -> Tensor:
            y_BCT: Tensor = self.layers[i](x_BCT)
            return y_BCT

        return run_plan(self._plan, features_BTC.transpose(1, 2), compute).transpose(1, 2)


def _make(layer: Layer, values: dict[str, Floats]) -> nn.Module:
    """The module of a layer, which computes (B, C, T) from (B, C, T)."""
    if layer.kind == "conv":
        return _Convolution(layer, values)
    if layer.kind == "gated_linear":
        return _Gated(values)
    if layer.kind in ("max_pool", "avg_pool"):
        return _Pool(layer)
    return _OverChannels(layer, values)


class _Convolution(nn.Module):
    """Padded convolution and clipped ReLU."""

    def __init__(self, layer: Layer, values: dict[str, Floats]) -> None:
        super().__init__()
        self.padding = layer.padding
        self.conv = nn.Conv1d(
            layer.channels_in,
            layer.channels_out,
            layer.kernel,
            stride=layer.stride,
            dilation=layer.dilation,
            groups=layer.groups,
        )
        _fill(self.conv, {**values, "weight": as_conv1d(values["weight"])})

    def forward(self, x_BCT: Tensor) -> Tensor:
        y_BCT: Tensor = self.conv(functional.pad(x_BCT, self.padding))
        return y_BCT.clamp_(0.0, RELU_CEILING)


class _Gated(nn.Module):
    """`value(x) * sigmoid(gate(x))`, both of them dense layers over channels."""

    def __init__(self, values: dict[str, Floats]) -> None:
        super().__init__()
        outputs, inputs = values["value.weight"].shape
        self.value = nn.Conv1d(inputs, outputs, 1)
        self.gate = nn.Conv1d(inputs, outputs, 1)
        _fill(self, {name: v[..., None] if v.ndim == 2 else v for name, v in values.items()})

    def forward(self, x_BCT: Tensor) -> Tensor:
        gated: Tensor = self.value(x_BCT) * torch.sigmoid(self.gate(x_BCT))
        return gated


class _Pool(nn.Module):
    """Maximum or mean over frames; padded frames count as zeros."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x_BCT: Tensor) -> Tensor:
        kernel, dilation = self.layer.kernel, self.layer.dilation
        padded = functional.pad(x_BCT, self.layer.padding)
        if self.layer.kind == "max_pool":
            return functional.max_pool1d(padded, kernel, stride=1, dilation=dilation)
        if dilation == 1:
            return functional.avg_pool1d(padded, kernel, stride=1)
        # torch's mean has no dilation.
        span = (kernel - 1) * dilation + 1
        return padded.unfold(2, span, 1)[..., ::dilation].mean(dim=-1)


class _OverChannels(nn.Module):
    """A norm, an LSTM or the classifier: torch's modules for these have channels last."""

    def __init__(self, layer: Layer, values: dict[str, Floats]) -> None:
        super().__init__()
        inputs, outputs = layer.channels_in, layer.channels_out
        self.kind = layer.kind
        self.module: nn.Module
        if layer.kind == "norm":
            self.module = nn.LayerNorm(outputs, eps=LAYER_NORM_EPS)
        elif layer.kind == "lstm":
            self.module = nn.LSTM(inputs, outputs, batch_first=True)
        else:
            self.module = nn.Linear(inputs, outputs)
        _fill(self.module, values)

    def forward(self, x_BCT: Tensor) -> Tensor:
        y_BTC = self.module(x_BCT.transpose(1, 2))
        if self.kind == "lstm":
            y_BTC, _ = y_BTC
        if self.kind == "dense":
            y_BTC = functional.log_softmax(y_BTC, dim=-1)
        y_BCT: Tensor = y_BTC.transpose(1, 2)
        return y_BCT


def _fill(module: nn.Module, values: dict[str, Floats]) -> None:
    module.load_state_dict({name: torch.from_numpy(np.array(v)) for name, v in values.items()})
