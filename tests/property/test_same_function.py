"""Equal functional keys mean equal functions, on networks with random weights.

That unequal ones mean different expressions is in `test_key_and_expression.py`.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_encoding import (
    NB_ASR_OPS,
    Cell,
    CellSpace,
    Macro,
    Semantics,
    functional_form,
    functional_key,
)
from tests.unit.graph_encoding.test_cell import cells

torch = pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from graph_encoding.network_plan import plan_of_operations
from train_benchmark.network.asr_model import Initial, make_layer

TINY = Macro(
    name="tiny",
    mel_bins=4,
    filters=(8,),
    strides=(1,),
    cells_per_block=(1,),
    groups=(2,),
    lstm_units=0,
)
EXTENDED_OPS = (*NB_ASR_OPS, "conv3", "conv5d3", "max_pool3", "avg_pool3", "gated_linear")
FRAMES = 12
SAME = 1e-9


def operation(name: str, number: int) -> torch.nn.Module:
    """The number-th operation of a name: equal arguments give equal weights, equal numbers biases.

    Biases do not go by the name: convolutions that nothing feeds have nothing else, and are one.
    """
    from graph_encoding import OPERATIONS

    generator = torch.Generator().manual_seed(1000 * number + sum(name.encode()))
    (layer,) = (
        one for one in plan_of_operations([OPERATIONS.get(name)], [(), ()], TINY) if one.operation
    )
    module = make_layer(layer, Initial(generator)).double()
    of_biases = torch.Generator().manual_seed(number)
    for which, parameter in module.named_parameters():
        source = of_biases if which.endswith("bias") else generator
        with torch.no_grad():
            parameter.copy_(torch.randn(parameter.shape, generator=source) * 0.5)
    return module


def literal(cell: Cell, semantics: Semantics, modules: dict[int, torch.nn.Module]) -> torch.Tensor:
    """A cell's output by the paper's words, node by node: op(previous) plus the flagged ones."""
    x = torch.randn(1, FRAMES, 8, generator=torch.Generator().manual_seed(0)).double()
    mask = torch.ones(1, FRAMES, 1).double()
    outputs = [x]
    for node, (op, flags) in enumerate(zip(semantics.effective_ops(cell), cell.skips, strict=True)):
        value = torch.zeros_like(x)
        if op.kind != "zero":
            module = modules.get(node) or operation(op.name, 99)
            value = module(outputs[-1], mask)
        for flag, earlier in zip(flags, outputs, strict=True):
            if flag == semantics.skip_flag:
                value = value + earlier
        outputs.append(value)
    return outputs[-1]


def canonical_modules(cell: Cell, semantics: Semantics) -> dict[int, torch.nn.Module]:
    """The cell's own operations, by node, with weights given to terms in canonical order."""
    ops = semantics.effective_ops(cell)
    nodes = functional_form(cell, semantics).nodes
    return {node: operation(ops[node].name, term) for term, node in enumerate(nodes)}


def canonical_output(cell: Cell, semantics: Semantics) -> torch.Tensor:
    return literal(cell, semantics, canonical_modules(cell, semantics))


def outputs_differ(a: torch.Tensor, b: torch.Tensor) -> bool:
    return bool((a - b).abs().max() > SAME)


@given(st.data())
@settings(max_examples=150)
def test_points_of_one_class_compute_one_function(data: st.DataObject) -> None:
    semantics = data.draw(st.sampled_from(Semantics))
    first = data.draw(cells(max_nodes=5, ops=EXTENDED_OPS))
    # A cell of the same class: the first one with dead branches and zeros in other places.
    second = data.draw(st.sampled_from(relatives(first, semantics)))
    assert not outputs_differ(*(canonical_output(cell, semantics) for cell in (first, second)))


def relatives(cell: Cell, semantics: Semantics) -> list[Cell]:
    """Cells one change away that the key says compute the same function, and the cell itself."""
    key = functional_form(cell, semantics).key
    found = [cell]
    for node in range(cell.nodes):
        for op in EXTENDED_OPS:
            ops = (*cell.ops[:node], op, *cell.ops[node + 1 :])
            found.append(Cell(ops, cell.skips))
        for source in range(node + 1):
            flags = list(cell.skips[node])
            flags[source] = 1 - flags[source]
            skips = (*cell.skips[:node], tuple(flags), *cell.skips[node + 1 :])
            found.append(Cell(cell.ops, skips))
    return [c for c in found if functional_form(c, semantics).key == key]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("00_510_1010", "10_510_0010"),  # parallel branches in the other order
        ("40_500_1010", "40_500_2010"),  # convolutions that nothing feeds
        ("50_300_4101", "50_400_4101"),
        ("50_conv5d3:00_4101", "50_000_4101"),
        ("50_max_pool3:11_0111", "51_000_5111"),  # pooling that nothing feeds
        ("max_pool3:0_510_max_pool3:010", "max_pool3:0_501_5011"),  # pooling of one value twice
        ("avg_pool3:1_510_avg_pool3:010", "avg_pool3:0_501_5111"),
    ],
)
def test_known_points_of_one_class_compute_one_function(one: str, other: str) -> None:
    first, second = Cell.parse(one), Cell.parse(other)
    assert functional_key(first, Semantics.PAPER) == functional_key(second, Semantics.PAPER)
    outputs = [canonical_output(cell, Semantics.PAPER) for cell in (first, second)]
    assert not outputs_differ(*outputs)


def test_dead_cells_ignore_their_input_and_living_ones_do_not() -> None:
    space = CellSpace()
    for index in range(0, space.size, 97):
        cell = space.cell(index)
        form = functional_form(cell, Semantics.PAPER)
        modules = canonical_modules(cell, Semantics.PAPER)
        x = torch.randn(1, FRAMES, 8, dtype=torch.float64)
        values = []
        for scale in (1.0, -3.0):
            terms = [x * scale]
            mask = torch.ones(1, FRAMES, 1).double()
            for term, argument in enumerate(form.arguments):
                total = sum((terms[i] * m for i, m in argument), torch.zeros_like(x))
                terms.append(modules[form.nodes[term]](total, mask))
            values.append(sum((terms[i] * m for i, m in form.output), torch.zeros_like(x)))
        assert outputs_differ(*values) != form.is_dead, cell.text
