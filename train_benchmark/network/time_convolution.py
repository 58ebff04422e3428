"""Convolution over time as matrix products, with its clipped ReLU and mask in one step.

The cells of a CPU-sized network spend most of their time on small grouped convolutions, for which
the general kernels are slow. Here a convolution in (batch, time, channel) layout is one copy into
overlapping windows and one (batched) matrix product. Neighbouring groups are merged into one
block-diagonal product if their own would be too narrow to be fast
(`studies/training_speed.py` measures the gain).

Shape suffixes: B utterances, T frames, C channels, N = B * T rows, G groups, K kernel frames,
I and O input and output channels of one group.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from graph_encoding.network_plan import RELU_CEILING

_NARROW = 16


class TimeConvolution(nn.Module):
    """`mask * min(max(conv(x) + b, 0), 20)` over time.

    Args:
        channels_in: input channels.
        channels_out: output channels.
        kernel: frames seen by one output.
        stride: input frames per output frame.
        dilation: distance between the frames seen; 1 unless stride is 1.
        groups: convolution groups, a divisor of both channel counts.
        padding: zero frames before and after the input, as `Macro.padding` has it.
        generator: source of the initial values, uniform within 1 / sqrt(inputs of one output).
        glorot: TensorFlow's initial values: uniform within sqrt(6 / (inputs + outputs)), bias 0.

    Attributes:
        library: compute with torch's own convolution, which suits GPUs, autocast and compilation.
    """

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
        generator: torch.Generator,
        glorot: bool = False,
    ) -> None:
        super().__init__()
        # The initial values of torch's own convolutions. Glorot's wider weights gave a PER .03 to
        # .04 higher and twice the noise between seeds (docs/explanation/recipe.md).
        bound = 1.0 / math.sqrt(kernel * channels_in // groups)
        bias_bound = bound
        if glorot:
            fan_in, fan_out = kernel * channels_in // groups, kernel * channels_out
            bound, bias_bound = math.sqrt(6.0 / (fan_in + fan_out)), 0.0
        weight_GKIO = torch.empty(groups, kernel, channels_in // groups, channels_out // groups)
        self.weight = nn.Parameter(weight_GKIO.uniform_(-bound, bound, generator=generator))
        bias_C = torch.empty(channels_out)
        self.bias = nn.Parameter(bias_C.uniform_(-bias_bound, bias_bound, generator=generator))
        self.library = False
        self.stride = stride
        self.dilation = dilation
        self.padding = padding

    def forward(self, x_BTC: Tensor, mask_BT1: Tensor) -> Tensor:
        """Convolve (B, T, channels_in) into (B, ceil(T / stride), channels_out)."""
        if self.library:
            return self._library_forward(x_BTC, mask_BT1)
        y: Tensor = _ConvolveClip.apply(  # type: ignore[no-untyped-call]
            x_BTC, self.weight, self.bias, mask_BT1, self.stride, self.dilation, self.padding
        )
        return y

    def _library_forward(self, x_BTC: Tensor, mask_BT1: Tensor) -> Tensor:
        weight_OIK = self.weight.permute(0, 3, 2, 1).flatten(0, 1)
        y_BCT = functional.conv1d(
            functional.pad(x_BTC.transpose(1, 2), self.padding),
            weight_OIK,
            self.bias,
            stride=self.stride,
            dilation=self.dilation,
            groups=self.weight.shape[0],
        )
        # An odd length has one padded frame after the last stride.
        y_BTC = y_BCT[:, :, : mask_BT1.shape[1]].transpose(1, 2)
        return y_BTC.clamp(0.0, RELU_CEILING) * mask_BT1


class _ConvolveClip(torch.autograd.Function):
    """The convolution with its own backward pass, which reuses the windows of the forward pass."""

    @staticmethod
    def forward(
        ctx: Any,
        x_BTC: Tensor,
        weight_GKIO: Tensor,
        bias_C: Tensor,
        mask_BT1: Tensor,
        stride: int,
        dilation: int,
        padding: tuple[int, int],
    ) -> Tensor:
        batch = x_BTC.shape[0]
        frames_out = mask_BT1.shape[1]
        merged_GKIO = _merge_groups(weight_GKIO)
        groups, kernel, channels_in, channels_out = merged_GKIO.shape
        matrix = merged_GKIO.reshape(groups, kernel * channels_in, channels_out)
        windows_GNW = _windows(x_BTC, groups, kernel, stride, dilation, padding, frames_out)
        y_NC = _product(windows_GNW, matrix).transpose(0, 1).reshape(-1, bias_C.shape[0])
        y_NC += bias_C
        y_BTC = y_NC.clamp_(0.0, RELU_CEILING).view(batch, frames_out, -1).mul_(mask_BT1)
        ctx.save_for_backward(windows_GNW, matrix, y_BTC)
        ctx.geometry = (tuple(x_BTC.shape), weight_GKIO.shape, stride, dilation, padding)
        return y_BTC

    @staticmethod
    def backward(ctx: Any, grad_BTC: Tensor) -> tuple[Tensor | None, ...]:
        windows_GNW, matrix, y_BTC = ctx.saved_tensors
        x_shape, weight_shape, stride, dilation, padding = ctx.geometry
        groups = matrix.shape[0]
        # Masked frames have y = 0, so this also stops the gradient there.
        grad_NC = torch.ops.aten.hardtanh_backward(grad_BTC, y_BTC, 0.0, RELU_CEILING)
        grad_NC = grad_NC.view(-1, y_BTC.shape[-1])
        grad_bias = grad_NC.sum(dim=0)
        grad_GNO = grad_NC.view(grad_NC.shape[0], groups, -1).transpose(0, 1)
        kernel = weight_shape[1]
        grad_matrix = _product(windows_GNW.transpose(1, 2), grad_GNO)
        grad_weight = _split_groups(grad_matrix, weight_shape)
        grad_x: Tensor | None = None
        if ctx.needs_input_grad[0]:
            if stride == 1 and kernel > 1:
                grad_x = _correlate(grad_NC.view(y_BTC.shape), matrix, kernel, dilation, padding)
            else:
                grad_windows = _product(grad_GNO, matrix.transpose(1, 2))
                grad_x = _fold(grad_windows, x_shape, kernel, stride, padding)
        return grad_x, grad_weight, grad_bias, None, None, None, None


def _product(a_GNM: Tensor, b_GMP: Tensor) -> Tensor:
    """Batched matrix product; a batch of one uses the faster plain product."""
    if a_GNM.shape[0] == 1:
        return torch.mm(a_GNM[0], b_GMP[0])[None]
    return torch.bmm(a_GNM, b_GMP)


def _correlate(
    grad_BTC: Tensor, matrix: Tensor, kernel: int, dilation: int, padding: tuple[int, int]
) -> Tensor:
    """Gradient of the input at stride 1: a convolution of the gradient with the flipped kernel."""
    batch, frames, _ = grad_BTC.shape
    groups, _, width_out = matrix.shape
    flipped = matrix.view(groups, kernel, -1, width_out).flip(1).transpose(2, 3)
    flipped = flipped.reshape(groups, kernel * width_out, -1)
    total = (kernel - 1) * dilation
    before, after = total - padding[0], total - padding[1]
    windows_GNW = _windows(grad_BTC, groups, kernel, 1, dilation, (before, after), frames)
    grad_x = _product(windows_GNW, flipped)
    return (
        grad_x[0].view(batch, frames, -1)
        if groups == 1
        else (grad_x.transpose(0, 1).reshape(batch, frames, -1))
    )


def _windows(
    x_BTC: Tensor,
    groups: int,
    kernel: int,
    stride: int,
    dilation: int,
    padding: tuple[int, int],
    frames_out: int,
) -> Tensor:
    """Copy the input frames of each output into a row: (G, N, K * I)."""
    batch, _, channels = x_BTC.shape
    width = channels // groups
    if kernel == stride == 1:
        rows = x_BTC.reshape(-1, groups, width)
        return rows.transpose(0, 1)
    padded = functional.pad(x_BTC, (0, 0, *padding)).contiguous()
    windows = padded.as_strided(
        (groups, batch, frames_out, kernel, width),
        (width, padded.shape[1] * channels, stride * channels, dilation * channels, 1),
    )
    return windows.reshape(groups, batch * frames_out, kernel * width)


def _fold(
    grad_GNW: Tensor,
    x_shape: tuple[int, ...],
    kernel: int,
    stride: int,
    padding: tuple[int, int],
) -> Tensor:
    """Add the gradients of the windows to the frames that they were copied from (dilation 1).

    If the stride divides the kernel, `stride` neighbouring frames are added at once.
    """
    batch, frames, channels = x_shape
    groups = grad_GNW.shape[0]
    if kernel == stride == 1:
        return grad_GNW.transpose(0, 1).reshape(x_shape)
    assert groups == 1
    frames_out = grad_GNW.shape[1] // batch
    together = stride if kernel % stride == 0 else 1
    step = stride // together
    padded = frames + sum(padding)
    padded += -padded % together
    grad_padded = grad_GNW.new_zeros(batch, padded // together, together * channels)
    grad_BTKI = grad_GNW.view(batch, frames_out, kernel // together, together * channels)
    for tap in range(kernel // together):
        grad_padded[:, tap : tap + step * (frames_out - 1) + 1 : step] += grad_BTKI[:, :, tap]
    unpadded = grad_padded.view(batch, padded, channels)[:, padding[0] : padding[0] + frames]
    return unpadded.reshape(x_shape)


def _merge_factor(groups: int, width: int) -> int:
    """Number of neighbouring groups to merge, so that a product is at least `_NARROW` wide."""
    if groups == 1 or width >= _NARROW:
        return 1
    factors = (f for f in range(2, groups + 1) if groups % f == 0)
    return next((f for f in factors if f * width >= _NARROW), groups)


def _merge_groups(weight_GKIO: Tensor) -> Tensor:
    """Merge groups into fewer block-diagonal ones: (G / f, K, f * I, f * O)."""
    groups, kernel, channels_in, channels_out = weight_GKIO.shape
    factor = _merge_factor(groups, channels_in)
    if factor == 1:
        return weight_GKIO
    merged = weight_GKIO.new_zeros(
        groups // factor, kernel, factor, channels_in, factor, channels_out
    )
    split = weight_GKIO.view(groups // factor, factor, kernel, channels_in, channels_out)
    merged.diagonal(dim1=2, dim2=4).copy_(split.permute(0, 2, 3, 4, 1))
    return merged.view(groups // factor, kernel, factor * channels_in, factor * channels_out)


def _split_groups(grad_matrix: Tensor, weight_shape: torch.Size) -> Tensor:
    """The diagonal blocks of a merged gradient: the inverse of `_merge_groups`."""
    groups, kernel, channels_in, channels_out = weight_shape
    factor = groups // grad_matrix.shape[0]
    if factor == 1:
        return grad_matrix.view(weight_shape)
    merged = grad_matrix.view(groups // factor, kernel, factor, channels_in, factor, channels_out)
    return merged.diagonal(dim1=2, dim2=4).permute(0, 4, 1, 2, 3).reshape(weight_shape)
