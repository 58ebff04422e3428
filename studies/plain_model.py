"""The network of `AsrModel` built the plain way, from `nn.Conv1d`: the benchmarks' yardstick."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from graph_encoding import OPERATIONS, Cell, Macro, Semantics
from graph_encoding.functional_identity import FunctionalForm, Sum, functional_form
from graph_encoding.network_plan import LAYER_NORM_EPS, RELU_CEILING
from train_benchmark.network.asr_model import AsrModel
from train_benchmark.network.time_convolution import TimeConvolution


class PlainConvolution(nn.Module):
    """Padded `nn.Conv1d` with clipped ReLU and mask, on (B, C, T)."""

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        *,
        kernel: int,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        padding: tuple[int, int],
    ) -> None:
        super().__init__()
        self.padding = padding
        self.conv = nn.Conv1d(
            channels_in, channels_out, kernel, stride=stride, dilation=dilation, groups=groups
        )

    def forward(self, x_BCT: Tensor, mask_B1T: Tensor) -> Tensor:
        """Convolve over time."""
        y_BCT = self.conv(functional.pad(x_BCT, self.padding))
        return functional.hardtanh(y_BCT, 0.0, RELU_CEILING) * mask_B1T

    def copy_from(self, fast: TimeConvolution) -> None:
        """Take over the weights of the fast module."""
        groups, kernel, channels_in, channels_out = fast.weight.shape
        weight = fast.weight.permute(0, 3, 2, 1).reshape(groups * channels_out, channels_in, kernel)
        with torch.no_grad():
            self.conv.weight.copy_(weight)
            assert self.conv.bias is not None
            self.conv.bias.copy_(fast.bias)


class PlainAsrModel(nn.Module):
    """The `timit-micro` kind of network (no LSTM, convolutions and linear operations only)."""

    def __init__(self, cell: Cell, macro: Macro, semantics: Semantics) -> None:
        super().__init__()
        self.macro = macro
        self.form = functional_form(cell, semantics)
        self.reductions = nn.ModuleList()
        self.norms = nn.ModuleList()
        self.cells = nn.ModuleList()
        channels_in = macro.mel_bins
        for block, channels in enumerate(macro.filters):
            stride, kernel = macro.strides[block], macro.reduction_kernel
            self.reductions.append(
                PlainConvolution(
                    channels_in,
                    channels,
                    kernel=kernel,
                    stride=stride,
                    padding=macro.padding(kernel, stride=stride),
                )
            )
            self.norms.append(nn.LayerNorm(channels, eps=LAYER_NORM_EPS))
            self.cells.append(_PlainCell(self.form, macro, block))
            channels_in = channels
        self.classifier = nn.Linear(channels_in, macro.outputs)

    def copy_from(self, fast: AsrModel) -> None:
        """Take over all weights of the fast model."""
        of_fast = fast.get_submodule
        for block, cell in enumerate(self.cells):
            name = f"blocks.{block}"
            self.reductions[block].copy_from(of_fast(f"{name}.reduction"))
            self.norms[block].load_state_dict(of_fast(f"{name}.norm").state_dict())
            cell.norm.load_state_dict(of_fast(f"{name}.cells.0.norm").state_dict())
            for i, term in enumerate(cell.terms):
                term.copy_from(of_fast(f"{name}.cells.0.terms.{i}"))
        self.classifier.load_state_dict(fast.classifier.state_dict())

    def forward(self, features_BTC: Tensor, frames_B: Tensor) -> tuple[Tensor, Tensor]:
        """As `AsrModel.forward`."""
        x_BCT = features_BTC.transpose(1, 2)
        lengths_B = frames_B
        for block, stride in enumerate(self.macro.strides):
            lengths_B = torch.div(lengths_B + stride - 1, stride, rounding_mode="floor")
            positions = torch.arange(-(-x_BCT.shape[2] // stride))
            mask_B1T = (positions < lengths_B[:, None]).to(x_BCT.dtype)[:, None, :]
            x_BCT = self.reductions[block](x_BCT, mask_B1T)
            x_BCT = _norm(self.norms[block], x_BCT) * mask_B1T
            x_BCT = self.cells[block](x_BCT, mask_B1T)
        return functional.log_softmax(self.classifier(x_BCT.transpose(1, 2)), dim=-1), lengths_B


class _PlainCell(nn.Module):
    def __init__(self, form: FunctionalForm, macro: Macro, block: int) -> None:
        super().__init__()
        self.form = form
        channels = macro.filters[block]
        self.terms = nn.ModuleList()
        for name in form.ops:
            op = OPERATIONS.get(name)
            groups = macro.conv_groups(block, op.group_scale) if op.kind == "conv" else 1
            self.terms.append(
                PlainConvolution(
                    channels,
                    channels,
                    kernel=op.kernel,
                    dilation=op.dilation,
                    groups=groups,
                    padding=macro.padding(op.kernel, op.dilation),
                )
            )
        self.norm = nn.LayerNorm(channels, eps=LAYER_NORM_EPS)

    def forward(self, x_BCT: Tensor, mask_B1T: Tensor) -> Tensor:
        values = [x_BCT]
        for term, argument in zip(self.terms, self.form.arguments, strict=True):
            values.append(term(_total(values, argument), mask_B1T))
        return _norm(self.norm, _total(values, self.form.output)) * mask_B1T


def _norm(norm: nn.Module, x_BCT: Tensor) -> Tensor:
    y: Tensor = norm(x_BCT.transpose(1, 2)).transpose(1, 2)
    return y


def _total(values: list[Tensor], terms: Sum) -> Tensor:
    parts = [values[number] * count for number, count in terms]
    return torch.stack(parts).sum(dim=0) if parts else torch.zeros_like(values[0])
