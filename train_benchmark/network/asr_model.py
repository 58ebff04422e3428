"""The speech-recognition network around a cell, laid out for fast training of small models.

Shape suffixes: B utterances, T frames, C channels, V outputs, 1 a channel axis of length 1.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from graph_encoding.cell import Cell
from graph_encoding.macro import Macro
from graph_encoding.network_plan import LAYER_NORM_EPS, Layer, plan
from graph_encoding.semantics import Semantics
from train_benchmark.network.run_plan import run_plan
from train_benchmark.network.time_convolution import TimeConvolution


class AsrModel(nn.Module):
    """The layers of `plan`, with trainable weights, for batches of utterances of any length.

    The plan comes from the cell's functional form: cells with equal functional keys give
    identical networks, and with equal generators identical weights. Every layer sets the frames
    after an utterance's end to zero, so an output does not depend on the rest of the batch.

    Args:
        cell: any registered cell.
        macro: the network around it.
        semantics: how the cell is read.
        generator: source of the initial weights.
        dropout: probability of dropping an activation after each operation of a cell.
        lstm_dropout: probability of dropping an input of the LSTM, drawn anew for each frame.
        glorot: whether the initial weights are TensorFlow's.

    Attributes:
        lstm: the LSTM, if the macro network has one.
        classifier: the last layer.
        plain_lstm: compute the LSTM in single precision, also under autocast.

    Source: Mehrotra et al., ICLR 2021, section 3; SamsungLabs/nb-asr `model/tf/model.py`.
    """

    lstm: nn.LSTM
    classifier: nn.Linear

    def __init__(
        self,
        cell: Cell,
        macro: Macro,
        semantics: Semantics,
        generator: torch.Generator,
        *,
        dropout: float = 0.0,
        lstm_dropout: float = 0.0,
        glorot: bool = False,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.lstm_dropout = lstm_dropout
        self.plain_lstm = False
        self._plan = plan(cell, macro, semantics)
        self._has_lstm = self._plan[-2].kind == "lstm"
        self._head = len(self._plan) - 1 - self._has_lstm
        initial = Initial(generator, glorot=glorot)
        self._in_order = [make_layer(layer, initial) for layer in self._plan]
        for layer, module in zip(self._plan, self._in_order, strict=True):
            _add_submodule(self, layer.name, module)

    def forward(self, features_BTC: Tensor, frames_B: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities of the outputs for each output frame.

        Args:
            features_BTC: (B, T, mel_bins) features, zero after each utterance's end.
            frames_B: (B,) int64 lengths in frames, at most T.

        Returns:
            (B, T_out, V) log-probabilities and (B,) int64 lengths T_out of each utterance.
        """
        lengths_B: dict[int, Tensor] = {}
        masks_BT1: dict[int, Tensor] = {}
        for stride in dict.fromkeys(layer.frame_stride for layer in self._plan):
            lengths_B[stride] = torch.div(frames_B + stride - 1, stride, rounding_mode="floor")
            frames = torch.arange(-(-features_BTC.shape[1] // stride), device=features_BTC.device)
            is_inside_BT = frames < lengths_B[stride][:, None]
            masks_BT1[stride] = is_inside_BT.to(features_BTC.dtype)[:, :, None]

        def compute(i: int, x_BTC: Tensor) -> Tensor:
            layer = self._plan[i]
            return self._compute(layer, self._in_order[i], x_BTC, masks_BT1[layer.frame_stride])

        x_BTC = run_plan(self._plan[: self._head], features_BTC, compute)
        # The LSTM is called here and not by `run_plan`: torch cannot compile it, and only what
        # surrounds the call in this function is then still compiled as a whole.
        if self._has_lstm:
            # Keras's LSTM drops the inputs of each frame independently wherever it can run as one
            # GPU kernel, although its documentation draws once for all frames.
            if self.lstm_dropout:
                x_BTC = functional.dropout(x_BTC, self.lstm_dropout, self.training)
            if self.plain_lstm:
                with torch.autocast(x_BTC.device.type, enabled=False):
                    x_BTC, _ = self.lstm(x_BTC.float())
            else:
                x_BTC, _ = self.lstm(x_BTC)
        # In single precision also under autocast: CTC sums many small terms.
        log_probs_BTV = functional.log_softmax(self.classifier(x_BTC).float(), dim=-1)
        return log_probs_BTV, lengths_B[stride]

    def _compute(self, layer: Layer, module: nn.Module, x_BTC: Tensor, mask_BT1: Tensor) -> Tensor:
        if layer.kind == "norm":
            normed: Tensor = module(x_BTC)
            return normed * mask_BT1
        y_BTC: Tensor = module(x_BTC, mask_BT1)
        if self.dropout and layer.operation:
            return functional.dropout(y_BTC, self.dropout, self.training)
        return y_BTC

    def use_library_convolutions(self) -> None:
        """Compute with torch's own convolutions, which suit GPUs, autocast and compilation."""
        for module in self.modules():
            if isinstance(module, TimeConvolution):
                module.library = True

    def kernel_squares(self) -> Tensor:
        """Sum of squares of all convolution kernels except those of one frame, which are dense."""
        kernels = [
            module.weight
            for module in self.modules()
            if isinstance(module, TimeConvolution) and module.weight.shape[1] > 1
        ]
        return torch.stack([(kernel**2).sum() for kernel in kernels]).sum()

    @property
    def trainable_params(self) -> int:
        """Trainable parameters, counted."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)


def _add_submodule(root: nn.Module, name: str, module: nn.Module) -> None:
    """Register a module at a path of names, such as `blocks.0.norm`."""
    *path, last = name.split(".")
    for part in path:
        if not hasattr(root, part):
            root.add_module(part, nn.Module())
        root = root.get_submodule(part)
    root.add_module(last, module)


@dataclass(frozen=True)
class Initial:
    """Source and distribution of initial values.

    Attributes:
        generator: source of the values.
        glorot: whether they are distributed as TensorFlow's; by default as torch's own.
    """

    generator: torch.Generator
    glorot: bool = False


def make_layer(layer: Layer, initial: Initial) -> nn.Module:
    """The module of a layer, with initial values.

    Convolutions, gated layers and pools are called with values (B, T, C) and a mask (B, T, 1),
    all others with values alone.
    """
    if layer.kind == "conv":
        return TimeConvolution(
            layer.channels_in,
            layer.channels_out,
            kernel=layer.kernel,
            stride=layer.stride,
            dilation=layer.dilation,
            groups=layer.groups,
            padding=layer.padding,
            generator=initial.generator,
            glorot=initial.glorot,
        )
    if layer.kind == "gated_linear":
        return _GatedLinear(layer, initial)
    if layer.kind == "norm":
        return nn.LayerNorm(layer.channels_out, eps=LAYER_NORM_EPS)
    if layer.kind == "lstm":
        return _make_lstm(layer, initial.generator)
    if layer.kind == "dense":
        return _make_linear(layer, initial)
    return _Pool(layer)


class _GatedLinear(nn.Module):
    """`(x W + b) * sigmoid(x V + c)`. Source: Dauphin et al., ICML 2017, eq. 1, with kernel 1."""

    def __init__(self, layer: Layer, initial: Initial) -> None:
        super().__init__()
        self.value = _make_linear(layer, initial)
        self.gate = _make_linear(layer, initial)

    def forward(self, x_BTC: Tensor, mask_BT1: Tensor) -> Tensor:
        gated: Tensor = self.value(x_BTC) * torch.sigmoid(self.gate(x_BTC))
        return gated * mask_BT1


class _Pool(nn.Module):
    """Maximum or mean over `kernel` frames; padded frames count as zeros."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x_BTC: Tensor, mask_BT1: Tensor) -> Tensor:
        layer, frames = self.layer, x_BTC.shape[1]
        padded = functional.pad(x_BTC, (0, 0, *layer.padding))
        starts = [tap * layer.dilation for tap in range(layer.kernel)]
        shifted = torch.stack([padded[:, start : start + frames] for start in starts])
        pooled = shifted.amax(dim=0) if layer.kind == "max_pool" else shifted.mean(dim=0)
        return pooled * mask_BT1


def _make_linear(layer: Layer, initial: Initial) -> nn.Linear:
    """A dense layer with values uniform within 1 / sqrt(inputs), as torch's own, or as Glorot's."""
    inputs, outputs = layer.channels_in, layer.channels_out
    linear = nn.Linear(inputs, outputs)
    bound = bias_bound = 1.0 / math.sqrt(inputs)
    if initial.glorot:
        bound, bias_bound = math.sqrt(6.0 / (inputs + outputs)), 0.0
    with torch.no_grad():
        linear.weight.uniform_(-bound, bound, generator=initial.generator)
        linear.bias.uniform_(-bias_bound, bias_bound, generator=initial.generator)
    return linear


def _make_lstm(layer: Layer, generator: torch.Generator) -> nn.LSTM:
    """An LSTM with TensorFlow's initial values: Glorot, orthogonal, forget-gate bias 1."""
    units = layer.channels_out
    lstm = nn.LSTM(layer.channels_in, units, batch_first=True)
    values = dict(lstm.named_parameters())
    bound = math.sqrt(6.0 / (layer.channels_in + 4 * units))
    with torch.no_grad():
        values["weight_ih_l0"].uniform_(-bound, bound, generator=generator)
        nn.init.orthogonal_(values["weight_hh_l0"], generator=generator)
        values["bias_ih_l0"].zero_()
        values["bias_hh_l0"].zero_()
        # torch orders the gates input, forget, cell, output.
        values["bias_ih_l0"][units : 2 * units] = 1.0
    for name in layer.untrained:
        values[name].requires_grad_(False)
    return lstm
