"""The speech-recognition network around a cell, laid out for fast training of small models.

Shape suffixes: B utterances, T frames, C channels, N = B * T rows, G groups of a grouped
convolution, K kernel frames, I and O input and output channels of one group, V outputs.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.functional import FunctionalForm, Sum, functional_form
from graph_encoding.macro import Macro
from graph_encoding.ops import OPERATIONS, Operation
from graph_encoding.semantics import Semantics
from train_benchmark.network.time_convolution import TimeConvolution

LAYER_NORM_EPS = 1e-3
"""Source: SamsungLabs/nb-asr `nasbench_asr/model/tf/ops.py`, Keras's own."""


class AsrModel(nn.Module):
    """Blocks of a convolution and stacked cells, an LSTM if the macro has one, a dense layer.

    Built from the cell's functional form: cells with equal functional keys give identical
    networks, and with equal generators identical weights. Frames beyond an utterance's end are
    zero at every layer, so an output does not depend on what an utterance is batched with.

    Args:
        cell: any registered cell.
        macro: the network around it.
        semantics: how the cell is read.
        generator: source of the initial weights.
        dropout: probability of dropping an activation after each operation of a cell.
        lstm_dropout: probability of dropping an input of the LSTM, drawn for each frame anew.
        glorot: initial weights as TensorFlow's.

    Attributes:
        plain_lstm: compute the LSTM in single precision, also under autocast.

    Source: Mehrotra et al., ICLR 2021, section 3; SamsungLabs/nb-asr `model/tf/model.py`.
    """

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
        self.macro = macro
        self.lstm_dropout = lstm_dropout
        self.plain_lstm = False
        new = Initial(generator, glorot=glorot)
        form = functional_form(cell, semantics)
        blocks: list[nn.Module] = []
        channels_in = macro.mel_bins
        for block, channels in enumerate(macro.filters):
            blocks.append(_Block(form, macro, block, channels_in, new, dropout))
            channels_in = channels
        self.blocks = nn.ModuleList(blocks)
        self.lstm: nn.LSTM | None = None
        if macro.lstm_units:
            self.lstm = _make_lstm(channels_in, macro, generator)
            channels_in = macro.lstm_units
        self.classifier = _make_linear(channels_in, macro.outputs, new)

    def forward(self, features_BTC: Tensor, frames_B: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities of the outputs for each output frame.

        Args:
            features_BTC: (B, T, mel_bins) features, zero beyond each utterance's end.
            frames_B: (B,) int64 lengths in frames, at most T.

        Returns:
            (B, T_out, V) log-probabilities and (B,) int64 lengths T_out of each utterance.
        """
        x_BTC = features_BTC
        lengths_B = frames_B
        for block, stride in zip(self.blocks, self.macro.strides, strict=True):
            lengths_B = torch.div(lengths_B + stride - 1, stride, rounding_mode="floor")
            frames = -(-x_BTC.shape[1] // stride)
            positions = torch.arange(frames, device=x_BTC.device)
            mask_BT1 = (positions < lengths_B[:, None]).to(x_BTC.dtype)[:, :, None]
            x_BTC = block(x_BTC, mask_BT1)
        if self.lstm is not None:
            # Each frame by itself: what Keras's LSTM does to its inputs wherever it may run as one
            # kernel on a GPU, though its documentation draws once for all frames.
            if self.lstm_dropout:
                x_BTC = functional.dropout(x_BTC, self.lstm_dropout, self.training)
            if self.plain_lstm:
                with torch.autocast(x_BTC.device.type, enabled=False):
                    x_BTC, _ = self.lstm(x_BTC.float())
            else:
                x_BTC, _ = self.lstm(x_BTC)
        # In single precision also where the layers compute in bfloat16: CTC sums many small terms.
        return functional.log_softmax(self.classifier(x_BTC).float(), dim=-1), lengths_B

    def use_library_convolutions(self) -> None:
        """Compute with torch's own convolutions, which suit GPUs, autocast and compilation."""
        for module in self.modules():
            if isinstance(module, TimeConvolution):
                module.library = True

    def kernel_squares(self) -> Tensor:
        """Sum of squares of all convolution kernels but those of one frame, which are dense."""
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


@dataclass(frozen=True)
class Initial:
    """Where initial values come from, and how they are spread.

    Attributes:
        generator: source of the values.
        glorot: as TensorFlow's, in place of torch's own.
    """

    generator: torch.Generator
    glorot: bool = False


class _Block(nn.Module):
    """Strided convolution, layer norm, then the cell C times."""

    def __init__(
        self,
        form: FunctionalForm,
        macro: Macro,
        block: int,
        channels_in: int,
        new: Initial,
        dropout: float,
    ) -> None:
        super().__init__()
        channels = macro.filters[block]
        stride = macro.strides[block]
        kernel = macro.reduction_kernel
        self.reduction = TimeConvolution(
            channels_in,
            channels,
            kernel=kernel,
            stride=stride,
            padding=macro.padding(kernel, stride=stride),
            generator=new.generator,
            glorot=new.glorot,
        )
        self.norm = nn.LayerNorm(channels, eps=LAYER_NORM_EPS)
        self.cells = nn.ModuleList(
            _CellModule(form, macro, block, new, dropout)
            for _ in range(macro.cells_per_block[block])
        )

    def forward(self, x_BTC: Tensor, mask_BT1: Tensor) -> Tensor:
        x_BTC = self.norm(self.reduction(x_BTC, mask_BT1)) * mask_BT1
        for cell in self.cells:
            x_BTC = cell(x_BTC, mask_BT1)
        return x_BTC


class _CellModule(nn.Module):
    """The terms of a functional form, and the layer norm that closes a cell."""

    def __init__(
        self,
        form: FunctionalForm,
        macro: Macro,
        block: int,
        new: Initial,
        dropout: float,
    ) -> None:
        super().__init__()
        self.form = form
        self.terms = nn.ModuleList(
            make_operation(OPERATIONS.get(op), macro, block, new) for op in form.ops
        )
        self.dropout = nn.Dropout(dropout) if dropout else None
        self.norm = nn.LayerNorm(macro.filters[block], eps=LAYER_NORM_EPS)

    def forward(self, x_BTC: Tensor, mask_BT1: Tensor) -> Tensor:
        values = [x_BTC]
        for term, argument in zip(self.terms, self.form.arguments, strict=True):
            value = term(_weighted_sum(values, argument), mask_BT1)
            values.append(self.dropout(value) if self.dropout else value)
        normed: Tensor = self.norm(_weighted_sum(values, self.form.output))
        return normed * mask_BT1


def _weighted_sum(values: list[Tensor], terms: Sum) -> Tensor:
    total: Tensor | None = None
    for number, multiplicity in terms:
        value = values[number] if multiplicity == 1 else values[number] * multiplicity
        total = value if total is None else total + value
    return torch.zeros_like(values[0]) if total is None else total


class _GatedLinear(nn.Module):
    """`(x W + b) * sigmoid(x V + c)`. Source: Dauphin et al., ICML 2017, eq. 1, with kernel 1."""

    def __init__(self, channels: int, new: Initial) -> None:
        super().__init__()
        self.value = _make_linear(channels, channels, new)
        self.gate = _make_linear(channels, channels, new)

    def forward(self, x_BTC: Tensor, mask_BT1: Tensor) -> Tensor:
        gated: Tensor = self.value(x_BTC) * torch.sigmoid(self.gate(x_BTC))
        return gated * mask_BT1


class _Pool(nn.Module):
    """Maximum or mean over `kernel` frames; frames beyond the ends count as zero."""

    def __init__(self, operation: Operation, macro: Macro) -> None:
        super().__init__()
        self.padding = macro.padding(operation.kernel, operation.dilation)
        self.kernel = operation.kernel
        self.dilation = operation.dilation
        self.maximum = operation.kind == "max_pool"

    def forward(self, x_BTC: Tensor, mask_BT1: Tensor) -> Tensor:
        frames = x_BTC.shape[1]
        padded = functional.pad(x_BTC, (0, 0, *self.padding))
        shifted = torch.stack(
            [
                padded[:, tap * self.dilation : tap * self.dilation + frames]
                for tap in range(self.kernel)
            ]
        )
        pooled = shifted.amax(dim=0) if self.maximum else shifted.mean(dim=0)
        return pooled * mask_BT1


def _make_convolution(operation: Operation, macro: Macro, block: int, new: Initial) -> nn.Module:
    channels = macro.filters[block]
    grouped = operation.kind == "conv"
    return TimeConvolution(
        channels,
        channels,
        kernel=operation.kernel,
        dilation=operation.dilation,
        groups=macro.conv_groups(block, operation.group_scale) if grouped else 1,
        padding=macro.padding(operation.kernel, operation.dilation),
        generator=new.generator,
        glorot=new.glorot,
    )


def _make_gated_linear(operation: Operation, macro: Macro, block: int, new: Initial) -> nn.Module:
    assert operation.kind == "gated_linear"
    return _GatedLinear(macro.filters[block], new)


def _make_pool(operation: Operation, macro: Macro, block: int, new: Initial) -> nn.Module:
    del block, new
    return _Pool(operation, macro)


_Maker = Callable[[Operation, Macro, int, Initial], nn.Module]
_MAKERS: dict[str, _Maker] = {
    "linear": _make_convolution,
    "conv": _make_convolution,
    "gated_linear": _make_gated_linear,
    "max_pool": _make_pool,
    "avg_pool": _make_pool,
}


def make_operation(operation: Operation, macro: Macro, block: int, new: Initial) -> nn.Module:
    """The module of an operation in a block, called with (values (B, T, C), mask (B, T, 1)).

    Raises:
        UserError: if operations of this kind have no module.
    """
    try:
        maker = _MAKERS[operation.kind]
    except KeyError:
        raise UserError(
            f"a network has operations of the kinds {', '.join(_MAKERS)}, but {operation.name!r} "
            f"is of kind {operation.kind!r}"
        ) from None
    return maker(operation, macro, block, new)


def _make_linear(channels_in: int, channels_out: int, new: Initial) -> nn.Linear:
    """A dense layer with values uniform within 1 / sqrt(inputs), as torch's own, or as Glorot's."""
    layer = nn.Linear(channels_in, channels_out)
    bound = bias_bound = 1.0 / math.sqrt(channels_in)
    if new.glorot:
        bound, bias_bound = math.sqrt(6.0 / (channels_in + channels_out)), 0.0
    with torch.no_grad():
        layer.weight.uniform_(-bound, bound, generator=new.generator)
        layer.bias.uniform_(-bias_bound, bias_bound, generator=new.generator)
    return layer


def _make_lstm(channels_in: int, macro: Macro, generator: torch.Generator) -> nn.LSTM:
    """An LSTM that begins as TensorFlow's: Glorot, orthogonal, forget-gate bias 1."""
    units = macro.lstm_units
    lstm = nn.LSTM(channels_in, units, batch_first=True)
    values = dict(lstm.named_parameters())
    bound = math.sqrt(6.0 / (channels_in + 4 * units))
    with torch.no_grad():
        values["weight_ih_l0"].uniform_(-bound, bound, generator=generator)
        nn.init.orthogonal_(values["weight_hh_l0"], generator=generator)
        values["bias_ih_l0"].zero_()
        values["bias_hh_l0"].zero_()
        # torch orders the gates input, forget, cell, output.
        values["bias_ih_l0"][units : 2 * units] = 1.0
    if macro.lstm_biases == 1:
        values["bias_hh_l0"].requires_grad_(False)
    return lstm
