"""The plan of a network: known plans, and laws that its interpreters rely on."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding import NB_ASR_OPS, PAPER_MACRO, TIMIT_MICRO_MACRO, Cell, Macro, Semantics
from graph_encoding.network_plan import Layer, plan
from tests.unit.graph_encoding.test_cell import cells

TINY = Macro(
    name="tiny",
    mel_bins=3,
    filters=(4, 8),
    strides=(2, 3),
    cells_per_block=(1, 2),
    groups=(2, 2),
    lstm_units=5,
    outputs=7,
)
OPS = (*NB_ASR_OPS, "conv5d3", "conv7g2", "max_pool3", "avg_pool3", "gated_linear")


def test_the_plan_of_a_small_network_written_by_hand() -> None:
    """conv5d2(x) + x, then a linear operation of it: values 0 the features, i layer i."""
    macro = replace(TINY, cells_per_block=(1, 1))
    first = {"channels_in": 4, "channels_out": 4, "frame_stride": 2}
    second = {"channels_in": 8, "channels_out": 8, "frame_stride": 6}
    conv5d2 = {"kernel": 5, "dilation": 2, "groups": 2, "padding": (4, 4), "operation": "conv5d2"}
    linear = {"operation": "linear"}

    def cell(block: int, x: int, sizes: dict[str, int]) -> list[Layer]:
        name = f"blocks.{block}.cells.0"
        return [
            Layer(f"{name}.terms.0", "conv", ((x, 1),), **sizes, **conv5d2),  # type: ignore[arg-type]
            Layer(f"{name}.terms.1", "conv", ((x, 1), (x + 1, 1)), **sizes, **linear),  # type: ignore[arg-type]
            Layer(f"{name}.norm", "norm", ((x + 2, 1),), **sizes),
        ]

    reduction = {"kernel": 8, "padding": (5, 2)}
    expected = [
        Layer("blocks.0.reduction", "conv", ((0, 1),), 3, 4, 2, stride=2, **reduction),  # type: ignore[arg-type]
        Layer("blocks.0.norm", "norm", ((1, 1),), **first),
        *cell(0, 2, first),
        Layer("blocks.1.reduction", "conv", ((5, 1),), 4, 8, 6, stride=3, kernel=8, padding=(6, 1)),
        Layer("blocks.1.norm", "norm", ((6, 1),), **second),
        *cell(1, 7, second),
        Layer("lstm", "lstm", ((10, 1),), 8, 5, 6, untrained=("bias_hh_l0",)),
        Layer("classifier", "dense", ((11, 1),), 5, 7, 6),
    ]
    assert list(plan(Cell.parse("21_000"), macro)) == expected


def test_torch_trains_both_biases_of_an_lstm_and_tensorflow_one() -> None:
    one, both = (plan(Cell.parse("00"), replace(TINY, lstm_biases=n))[-2] for n in (1, 2))
    assert both.params - one.params == 4 * TINY.lstm_units
    assert one.macs_per_frame == both.macs_per_frame == 4 * 5 * (8 + 5)


def test_a_value_taken_twice_has_a_multiplicity_of_two() -> None:
    """The zero operation and two skips: the cell's output is twice its input."""
    layers = plan(Cell.parse("51_511"), TINY)
    assert layers[2].kind == "norm"
    assert layers[2].sources == ((2, 2),)


def test_a_dead_cell_reads_nothing() -> None:
    layers = plan(Cell.parse("51_500_5000"), TINY)
    assert [layer.name for layer in layers if not layer.sources] == [
        "blocks.0.cells.0.norm",
        "blocks.1.cells.0.norm",
        "blocks.1.cells.1.norm",
    ]


@given(cells(max_nodes=5, ops=OPS), st.sampled_from([TINY, TIMIT_MICRO_MACRO, PAPER_MACRO]))
def test_shapes_fit_and_values_are_read_while_they_are_alive(cell: Cell, macro: Macro) -> None:
    """A layer reads earlier values of its own input's shape, and none from before its cell."""
    layers = plan(cell, macro, Semantics.PAPER)
    shapes = [(macro.mel_bins, 1)]
    alive = {0}
    for number, layer in enumerate(layers, start=1):
        frame_stride_in = layer.frame_stride // layer.stride
        for value, multiplicity in layer.sources:
            assert value in alive
            assert multiplicity >= 1
            assert shapes[value] == (layer.channels_in, frame_stride_in)
        assert list(layer.sources) == sorted(set(layer.sources))
        total = (layer.kernel - 1) * layer.dilation
        assert sum(layer.padding) == total
        shapes.append((layer.channels_out, layer.frame_stride))
        alive = {*alive, number} if layer.operation else {number}
    assert shapes[-1] == (macro.outputs, macro.total_stride)
    assert len({layer.name for layer in layers}) == len(layers)


@given(frames=st.integers(1, 500), strides=st.lists(st.integers(1, 4), min_size=2, max_size=2))
def test_frames_of_the_last_layer_are_those_of_the_macro_network(
    frames: int, strides: list[int]
) -> None:
    macro = replace(TINY, strides=(strides[0], strides[1]))
    last = plan(Cell.parse("00"), macro)[-1]
    assert last.output_frames(frames) == macro.output_frames(frames)


def test_an_operation_that_no_network_computes_is_refused() -> None:
    from graph_encoding.common.errors import UserError
    from graph_encoding.network_plan import plan_of_operations
    from graph_encoding.ops import Operation

    with pytest.raises(UserError, match="'mine' is of kind 'graph_conv'"):
        plan_of_operations([Operation("mine", "graph_conv")], [(), ()], TINY)
