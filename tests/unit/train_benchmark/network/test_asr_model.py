"""The trained network: parameter counts, lengths, padding, and agreement with a plain one."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from torch.nn import functional

from graph_encoding import PAPER_MACRO, TIMIT_MICRO_MACRO, Cell, Semantics, UserError, params
from studies.plain_model import PlainAsrModel
from tests.unit.graph_encoding.test_cell import cells
from train_benchmark.network.asr_model import AsrModel
from train_benchmark.network.time_convolution import TimeConvolution


def make_model(text: str, macro: object = TIMIT_MICRO_MACRO) -> AsrModel:
    return AsrModel(
        Cell.parse(text),
        macro,  # type: ignore[arg-type]
        Semantics.PAPER,
        torch.Generator().manual_seed(0),
    )


def test_published_parameter_count_is_that_of_a_real_module() -> None:
    macro = replace(PAPER_MACRO, outputs=48)
    cell = Cell.from_arch_vec([[1, 0], [1, 0, 0], [1, 0, 0, 0]])
    model = AsrModel(cell, macro, Semantics.RELEASED, torch.Generator().manual_seed(0))
    assert model.trainable_params == 26_338_848
    assert params(cell, macro, Semantics.RELEASED) == 26_338_848


@given(
    cells(max_nodes=4, ops=("linear", "conv5d2", "zero", "gated_linear", "max_pool3", "conv5g2"))
)
@settings(max_examples=15)
def test_closed_form_params_are_those_of_a_real_module(cell: Cell) -> None:
    model = AsrModel(cell, TIMIT_MICRO_MACRO, Semantics.PAPER, torch.Generator())
    assert model.trainable_params == params(cell, TIMIT_MICRO_MACRO)


@pytest.mark.parametrize("frames", [1, 4, 5, 97, 98, 99, 100])
def test_output_lengths_are_those_of_the_macro_network(frames: int) -> None:
    log_probs, lengths = make_model("10_100_1000")(
        torch.randn(1, frames, 40), torch.tensor([frames])
    )
    expected = TIMIT_MICRO_MACRO.output_frames(frames)
    assert log_probs.shape == (1, expected, 49)
    assert lengths.tolist() == [expected]


@pytest.mark.parametrize(
    "text", ["01_111_2111", "30_401_1010", "max_pool3:1_gated_linear:01_avg_pool3:111"]
)
def test_output_does_not_depend_on_the_rest_of_the_batch(text: str) -> None:
    model = make_model(text).double().eval()
    frames = torch.tensor([60, 43, 31])
    features = torch.randn(3, 60, 40, dtype=torch.float64)
    for row, length in zip(features, frames.tolist(), strict=True):
        row[length:] = 0
    together, lengths = model(features, frames)
    for i, length in enumerate(frames.tolist()):
        alone, _ = model(features[i : i + 1, :length], frames[i : i + 1])
        torch.testing.assert_close(together[i : i + 1, : lengths[i]], alone)


@pytest.mark.parametrize(
    ("channels_in", "channels_out", "kernel", "stride", "dilation", "groups", "padding"),
    [
        (40, 64, 8, 2, 1, 1, (5, 2)),
        (16, 24, 8, 1, 1, 1, (3, 4)),
        (64, 64, 5, 1, 2, 8, (4, 4)),
        (72, 72, 7, 1, 1, 9, (2, 4)),
        (72, 72, 1, 1, 1, 1, (0, 0)),
        (40, 64, 1, 2, 1, 1, (0, 0)),
        (40, 64, 1, 3, 1, 1, (0, 0)),
        (32, 32, 5, 1, 1, 2, (0, 4)),
        (14, 14, 3, 1, 1, 7, (0, 2)),
    ],
)
def test_matrix_product_convolution_equals_conv1d_in_value_and_gradient(
    channels_in: int,
    channels_out: int,
    kernel: int,
    stride: int,
    dilation: int,
    groups: int,
    padding: tuple[int, int],
) -> None:
    module = TimeConvolution(
        channels_in,
        channels_out,
        kernel=kernel,
        stride=stride,
        dilation=dilation,
        groups=groups,
        padding=padding,
        generator=torch.Generator().manual_seed(1),
    ).double()
    x = torch.randn(3, 21, channels_in, dtype=torch.float64, requires_grad=True)
    frames_out = -(-21 // stride)
    mask = torch.ones(3, frames_out, 1, dtype=torch.float64)
    mask[1, 6:] = 0
    fast = module(x, mask)
    weight = module.weight.permute(0, 3, 2, 1).reshape(channels_out, channels_in // groups, kernel)
    padded = functional.pad(x.transpose(1, 2), padding)
    plain = functional.conv1d(
        padded, weight, module.bias, stride=stride, dilation=dilation, groups=groups
    )
    plain = plain.transpose(1, 2).clamp(0, 20) * mask
    torch.testing.assert_close(fast, plain)
    out_gradient = torch.randn_like(fast)
    inputs = (x, module.weight, module.bias)
    for a, b in zip(
        torch.autograd.grad(fast, inputs, out_gradient, retain_graph=True),
        torch.autograd.grad(plain, inputs, out_gradient),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("text", ["10_100_1000", "31_411_2111", "00_501_4011", "50_300_4101"])
def test_fast_and_plain_networks_agree(text: str) -> None:
    fast = make_model(text)
    plain = PlainAsrModel(Cell.parse(text), TIMIT_MICRO_MACRO, Semantics.PAPER)
    plain.copy_from(fast)
    features, frames = torch.randn(2, 50, 40), torch.tensor([50, 50])
    torch.testing.assert_close(
        fast(features, frames)[0], plain(features, frames)[0], atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("00_510_1010", "10_510_0010"),
        ("50_300_4101", "50_conv5g2:00_4101"),
        ("50_avg_pool3:11_0111", "01_510_5011"),
    ],
)
def test_equal_functions_get_equal_networks_and_weights(one: str, other: str) -> None:
    first, second = make_model(one), make_model(other)
    assert {k: v.sum().item() for k, v in first.state_dict().items()} == {
        k: v.sum().item() for k, v in second.state_dict().items()
    }


def test_groups_that_do_not_divide_channels_are_refused() -> None:
    from graph_encoding.ops import Operation, register_operation

    register_operation(Operation("conv5g3", "conv", kernel=5, group_scale=3))
    with pytest.raises(UserError, match="groups must divide channels"):
        make_model("conv5g3:0")
