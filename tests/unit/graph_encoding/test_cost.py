"""Static cost: known answers, and receptive fields of built networks."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_encoding import (
    MACROS,
    NB_ASR_OPS,
    PAPER_MACRO,
    TIMIT_MICRO_MACRO,
    Cell,
    Macro,
    Semantics,
    UserError,
    cell_graph,
    nasbench201,
    params,
)
from graph_encoding.cost import (
    macs,
    macs_of_graph,
    params_of_graph,
    peak_activation_bytes,
    receptive_field,
)
from tests.unit.graph_encoding.test_cell import cells

TINY = Macro(
    name="tiny",
    mel_bins=3,
    filters=(4, 8),
    strides=(2, 1),
    cells_per_block=(2, 1),
    groups=(2, 2),
    lstm_units=0,
    outputs=5,
)
OPS = (*NB_ASR_OPS, "conv3", "conv9", "conv5d3", "conv5g2", "max_pool3", "gated_linear")


def test_macs_of_a_network_counted_by_hand() -> None:
    """Ten input frames, five in both blocks; one linear and one conv5 of two groups per cell."""
    first = 5 * (3 * 4 * 8 + 2 * (4 * 4 + 4 * 2 * 5))
    second = 5 * (4 * 8 * 8 + 1 * (8 * 8 + 8 * 4 * 5))
    assert macs(Cell.parse("00_100"), TINY, input_frames=10) == first + second + 5 * 8 * 5


@pytest.mark.parametrize("semantics", list(Semantics))
@pytest.mark.parametrize("op", ["0", "1", "4", "conv5g2:"])
def test_an_operation_without_input_costs_as_much_as_a_linear_one(
    op: str, semantics: Semantics
) -> None:
    flag = "0" if semantics is Semantics.PAPER else "1"
    unfed = Cell.parse(f"5{flag}_{op}{flag * 2}")
    two_linear, one = (Cell.parse(f"0{flag}{more}") for more in (f"_0{flag * 2}", ""))
    of_linear = params(two_linear, TINY, semantics) - params(one, TINY, semantics)
    of_identity = params(Cell.parse("51" if flag == "0" else "50"), TINY, semantics)
    assert params(unfed, TINY, semantics) == of_identity + of_linear
    assert macs(unfed, TINY, semantics, input_frames=9) == macs(
        one, TINY, semantics, input_frames=9
    )


@pytest.mark.parametrize("semantics", list(Semantics))
@pytest.mark.parametrize("name", list(MACROS))
def test_macs_of_an_lstm_and_of_real_macros(name: str, semantics: Semantics) -> None:
    macro = MACROS.get(name)
    identity = Cell.parse("01_001_0001") if semantics is Semantics.PAPER else Cell.parse("00")
    bare = replace(macro, lstm_units=0)
    with_lstm = macs(identity, macro, semantics, input_frames=100)
    if macro.lstm_units:
        units, channels, frames = macro.lstm_units, macro.filters[-1], macro.output_frames(100)
        without = macs(identity, bare, semantics, input_frames=100)
        change = 4 * units * (channels + units) + (units - channels) * macro.outputs
        assert with_lstm - without == frames * change
    assert with_lstm > 0


@settings(max_examples=25)
@given(cells(max_nodes=3, ops=(*NB_ASR_OPS, "conv3d2", "avg_pool3")), st.sampled_from(Semantics))
def test_the_receptive_field_is_that_of_the_gradient(cell: Cell, semantics: Semantics) -> None:
    torch = pytest.importorskip("torch", reason="needs the train extra")
    from train_benchmark.network.asr_model import AsrModel

    field = receptive_field(cell, TINY, semantics)
    model = AsrModel(cell, TINY, semantics, torch.Generator().manual_seed(1)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            # Small positive weights: every ReLU is in its linear range, so every path counts.
            parameter.copy_(parameter.abs() * 0.1 + 0.01 * torch.rand_like(parameter))
    frames = 2 * (field.past_frames + field.future_frames) + 8
    target = (field.past_frames // TINY.total_stride) + 1
    x = torch.rand(1, frames, TINY.mel_bins, dtype=torch.double).requires_grad_()
    outputs: list[torch.Tensor] = []
    last_norm = model.get_submodule(f"blocks.1.cells.{TINY.cells_per_block[1] - 1}.norm")
    last_norm.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    model(x, torch.tensor([frames]))
    (hidden,) = outputs
    probe = torch.rand(hidden.shape[-1], dtype=torch.double)
    (hidden[0, target] @ probe).backward()
    seen = x.grad.abs().sum(dim=2)[0].nonzero().flatten().tolist() if x.grad is not None else []
    if not field.depends_on_input:
        assert seen == []
        assert field.frames == field.seconds == 0
        return
    centre = target * TINY.total_stride
    assert (min(seen), max(seen)) == (centre - field.past_frames, centre + field.future_frames)


def test_receptive_field_in_frames_and_seconds() -> None:
    field = receptive_field(Cell.parse("01_001_0001"), TIMIT_MICRO_MACRO)
    # Reductions of kernel 8 at strides 2, 2, 1, 1 pad (5, 2), (5, 2), (3, 4), (3, 4).
    assert (field.past_frames, field.future_frames) == (5 + 2 * 5 + 4 * 6, 2 + 2 * 2 + 4 * 8)
    assert field.seconds == pytest.approx(77 * 0.01 + 0.025)
    assert not field.unbounded_past
    assert receptive_field(Cell.parse("01_001_0001"), PAPER_MACRO).unbounded_past


@pytest.mark.parametrize(
    ("text", "tensors"),
    [
        ("01", 3),  # linear(x) + x: the sum is written beside its two terms
        ("00", 2),  # linear(x): read and write
        ("51", 2),  # x: the layer norm reads it and writes
        ("00_100_1001", 3),  # the input waits for the end while two tensors are worked on
    ],
)
def test_tensors_alive_in_a_cell(text: str, tensors: int) -> None:
    wide = replace(TINY, filters=(8, 8), strides=(1, 1), mel_bins=1, outputs=1)
    assert peak_activation_bytes(Cell.parse(text), wide, input_frames=10) == 4 * 10 * 8 * tensors


def test_default_length_is_one_second() -> None:
    cell = Cell.parse("10_100_1000")
    one_second = peak_activation_bytes(cell, TIMIT_MICRO_MACRO, input_frames=100)
    assert peak_activation_bytes(cell, TIMIT_MICRO_MACRO) == one_second


@pytest.mark.parametrize("cost", [macs, peak_activation_bytes])
def test_a_length_below_one_frame_is_an_error(cost: object) -> None:
    with pytest.raises(UserError, match="input_frames >= 1, but got 0"):
        cost(Cell.parse("00"), TINY, input_frames=0)  # type: ignore[operator]


def test_operations_of_other_search_spaces_have_no_cost() -> None:
    text = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|none~1|avg_pool_3x3~2|"
    graph = nasbench201(text)
    message = "operations of the kinds linear, .* but operation 'nor_conv_1x1' is of kind 'conv2d'"
    with pytest.raises(UserError, match=message):
        params_of_graph(graph, TINY)
    with pytest.raises(UserError, match=message):
        macs_of_graph(graph, TINY, input_frames=10)


def test_the_cost_of_a_graph_is_that_of_its_cell() -> None:
    cell = Cell.parse("max_pool3:1_411_gated_linear:101")
    assert params_of_graph(cell_graph(cell), TINY) == params(cell, TINY)
    of_graph = macs_of_graph(cell_graph(cell), TINY, input_frames=10)
    assert of_graph == macs(cell, TINY, input_frames=10)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"strides": (2, 0)}, r"strides must be integers >= 1, but got \(2, 0\)"),
        ({"groups": (0, 2)}, r"groups must be integers >= 1, but got \(0, 2\)"),
        ({"filters": (-4, 8)}, "filters must be integers >= 1"),
        ({"cells_per_block": (1, 0)}, "cells_per_block must be integers >= 1"),
        ({"mel_bins": 0}, "mel_bins must be integers >= 1, but got 0"),
        ({"mel_bins": 40.5}, "mel_bins must be integers >= 1, but got 40.5"),
        ({"outputs": 0}, "outputs must be integers >= 1"),
        ({"reduction_kernel": 0}, "reduction_kernel must be integers >= 1"),
        ({"lstm_units": -1}, "lstm_units must be integers >= 0, but got -1"),
        ({"lookahead": -1}, "lookahead must be integers >= 0"),
        ({"frame_shift_s": 0.0}, "frame_shift_s must be > 0, but got 0.0"),
        ({"frame_length_s": -0.1}, "frame_length_s must be > 0"),
        (
            {"filters": (), "strides": (), "cells_per_block": (), "groups": ()},
            "must have at least one block",
        ),
    ],
)
def test_a_macro_of_impossible_size_is_refused(change: dict[str, object], part: str) -> None:
    with pytest.raises(UserError, match=f"macro 'tiny'.*{part}"):
        replace(TINY, **change)  # type: ignore[arg-type]


def test_a_macro_may_be_given_lists() -> None:
    lists = {name: list(getattr(TINY, name)) for name in ("filters", "strides", "groups")}
    macro = replace(TINY, **lists)  # type: ignore[arg-type]
    assert macro == TINY
    assert params(Cell.parse("11"), macro) == params(Cell.parse("11"), TINY)
