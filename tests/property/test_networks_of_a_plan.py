"""Every network that is built has the parameters and products that its plan counts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graph_encoding import (
    MACROS,
    OPERATIONS,
    PAPER_MACRO,
    TIMIT_MICRO_MACRO,
    Cell,
    CellSpace,
    Macro,
    Operation,
    Semantics,
    macs,
    params,
)
from graph_encoding.network_plan import plan
from tests.unit.graph_encoding.test_cell import cells

torch = pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from train_benchmark.network.asr_model import AsrModel
from train_benchmark.network.time_convolution import TimeConvolution

NARROW = replace(
    PAPER_MACRO,
    filters=(24, 32, 40, 48),
    groups=(4, 4, 4, 4),
    cells_per_block=(2, 1, 1, 2),
    lstm_units=20,
)
"""The paper's network, narrow enough to build hundreds of them."""

BOTH_BIASES = replace(NARROW, strides=(2, 1, 3, 1), lstm_biases=2, reduction_kernel=5)
EXTENDED_OPS = tuple(name for name in OPERATIONS if not name.endswith("_of_test"))
STANDARD = [CellSpace().cell(index) for index in range(5, CellSpace().size, 701)]


def check_counts(cell: Cell, macro: Macro, semantics: Semantics, frames: int) -> None:
    """Compare a built network with its plan and with the static costs."""
    model = AsrModel(cell, macro, semantics, torch.Generator().manual_seed(0))
    expected = [
        (f"{layer.name}.{name}", shape)
        for layer in plan(cell, macro, semantics)
        for name, shape in layer.parameters.items()
    ]
    assert [(name, tuple(value.shape)) for name, value in model.state_dict().items()] == expected
    assert params(cell, macro, semantics) == model.trainable_params
    assert macs(cell, macro, semantics, input_frames=frames) == counted_macs(model, macro, frames)


def counted_macs(model: AsrModel, macro: Macro, frames: int) -> int:
    """Products of one forward pass: each weight is used once per output frame of its module."""
    counted = 0

    def count(module: torch.nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal counted
        weights = [value for value in module.parameters() if value.dim() > 1]
        output = output[0] if isinstance(module, torch.nn.LSTM) else output
        counted += output.shape[1] * sum(weight.numel() for weight in weights)

    for module in model.modules():
        if isinstance(module, TimeConvolution | torch.nn.Linear | torch.nn.LSTM):
            module.register_forward_hook(count)
    with torch.no_grad():
        model(torch.zeros(1, frames, macro.mel_bins), torch.tensor([frames]))
    return counted


@pytest.mark.parametrize("semantics", Semantics)
@pytest.mark.parametrize("cell", STANDARD, ids=lambda cell: cell.text)
def test_costs_of_the_standard_space_are_those_of_the_built_network(
    cell: Cell, semantics: Semantics
) -> None:
    check_counts(cell, TIMIT_MICRO_MACRO, semantics, frames=98)


@settings(max_examples=60)
@given(
    cells(max_nodes=4, ops=EXTENDED_OPS),
    st.sampled_from([TIMIT_MICRO_MACRO, NARROW, BOTH_BIASES]),
    st.sampled_from(Semantics),
    st.integers(1, 40),
)
@example(Cell.parse("50_300_4101"), NARROW, Semantics.PAPER, 20)
@example(Cell.parse("51_500_5000"), NARROW, Semantics.PAPER, 20)
def test_costs_of_extended_cells_are_those_of_the_built_network(
    cell: Cell, macro: Macro, semantics: Semantics, frames: int
) -> None:
    check_counts(cell, macro, semantics, frames)


@pytest.mark.parametrize("semantics", Semantics)
@pytest.mark.parametrize("name", list(MACROS))
def test_costs_of_every_macro_network_are_those_of_the_built_one(
    name: str, semantics: Semantics
) -> None:
    check_counts(Cell.parse("41_310_2011"), MACROS.get(name), semantics, frames=30)


@contextmanager
def registered(operation: Operation) -> Iterator[None]:
    OPERATIONS.register(operation.name, operation)
    try:
        yield
    finally:
        del OPERATIONS._entries[operation.name]


@pytest.mark.parametrize(
    "operation",
    [
        Operation("wide_linear_of_test", "linear", kernel=3),
        Operation("wide_gated_of_test", "gated_linear", kernel=5, dilation=2),
        Operation("wide_pool_of_test", "avg_pool", kernel=5, dilation=3),
    ],
    ids=lambda operation: operation.name,
)
def test_costs_of_a_registered_operation_are_those_of_the_built_network(
    operation: Operation,
) -> None:
    with registered(operation):
        cell = Cell.parse(f"{operation.name}:1_100")
        check_counts(cell, TIMIT_MICRO_MACRO, Semantics.PAPER, frames=41)


@pytest.mark.parametrize("semantics", Semantics)
@pytest.mark.parametrize("macro", [TIMIT_MICRO_MACRO, NARROW], ids=["timit-micro", "narrow"])
@pytest.mark.parametrize(
    "text", ["10_100_1000", "51_511_5111", "gated_linear:1_max_pool3:11_conv5g2:111"]
)
def test_products_of_the_onnx_graph_are_those_of_the_static_cost(
    text: str, macro: Macro, semantics: Semantics, tmp_path: Path
) -> None:
    onnx = pytest.importorskip("onnx", reason="needs the extra nasasr[latency]")
    from train_benchmark.latency.engines.onnx_export import write_onnx
    from train_benchmark.latency.engines.weights import DrawnWeights

    cell, path = Cell.parse(text), tmp_path / "model.onnx"
    write_onnx(path, cell, macro, semantics, DrawnWeights(0), batch=1, frames=53)
    model = onnx.shape_inference.infer_shapes(onnx.load(path), strict_mode=True)
    shapes = {constant.name: tuple(constant.dims) for constant in model.graph.initializer}
    inferred = (*model.graph.value_info, *model.graph.output)
    of_value = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in inferred}
    # Where each operator's output has its frames, and which inputs are weights of products.
    known = {"Conv": (2, (1,)), "MatMul": (1, (1,)), "LSTM": (0, (1, 2))}
    products = 0
    for node in model.graph.node:
        if node.op_type in known:
            axis, weights = known[node.op_type]
            per_frame = sum(prod(shapes[node.input[i]]) for i in weights)
            products += of_value[node.output[0]][axis] * per_frame
    assert products == macs(cell, macro, semantics, input_frames=53)
    trained = sum(int(np.prod(shapes[name])) for name in shapes if is_parameter(name))
    # The ONNX graph has both bias vectors of an LSTM, but only one of them is trained.
    assert trained - 4 * macro.lstm_units == params(cell, macro, semantics)


def is_parameter(name: str) -> bool:
    return name.startswith(("blocks.", "lstm.", "classifier."))
