"""Equal functional keys if and only if equal functions, on networks with random weights."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_encoding import NB_ASR_OPS, Cell, CellSpace, Macro, Semantics, functional_form
from graph_encoding.functional import FunctionalForm
from tests.unit.graph_encoding.test_cell import cells

torch = pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from train_benchmark.asr_model import Initial, make_operation

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
    """The number-th operation of a name: equal arguments give equal weights."""
    from graph_encoding import OPERATIONS

    generator = torch.Generator().manual_seed(1000 * number + sum(name.encode()))
    module = make_operation(OPERATIONS.get(name), TINY, 0, Initial(generator)).double()
    for parameter in module.parameters():
        with torch.no_grad():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
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


def canonical_modules(form: FunctionalForm) -> dict[int, torch.nn.Module]:
    """Weights given to terms in canonical order, looked up by the node that a term stands on."""
    return {
        node: operation(op, term)
        for term, (op, node) in enumerate(zip(form.ops, form.nodes, strict=True))
    }


def outputs_differ(a: torch.Tensor, b: torch.Tensor) -> bool:
    return bool((a - b).abs().max() > SAME)


@given(st.data())
@settings(max_examples=150)
def test_points_of_one_class_compute_one_function(data: st.DataObject) -> None:
    semantics = data.draw(st.sampled_from(Semantics))
    first = data.draw(cells(max_nodes=5, ops=EXTENDED_OPS))
    form = functional_form(first, semantics)
    # A cell of the same class: the first one with dead branches and zeros in other places.
    second = data.draw(st.sampled_from(relatives(first, semantics)))
    other = functional_form(second, semantics)
    assert form.key == other.key
    assert not outputs_differ(
        literal(first, semantics, canonical_modules(form)),
        literal(second, semantics, canonical_modules(other)),
    )


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


@given(cells(max_nodes=3), cells(max_nodes=3), st.sampled_from(Semantics))
@settings(max_examples=150)
def test_points_of_two_classes_differ_under_every_renaming_of_weights(
    first: Cell, second: Cell, semantics: Semantics
) -> None:
    form, other = functional_form(first, semantics), functional_form(second, semantics)
    if form.key == other.key:
        return
    expected = literal(first, semantics, canonical_modules(form))
    for numbers in itertools.permutations(range(3), len(other.ops)):
        modules = {
            node: operation(op, number)
            for op, node, number in zip(other.ops, other.nodes, numbers, strict=True)
        }
        assert outputs_differ(expected, literal(second, semantics, modules))


def test_parallel_branches_in_the_other_order_are_one_function() -> None:
    """The 40 coincidences that a count by order of nodes misses."""
    first, swapped = Cell.parse("00_510_1010"), Cell.parse("10_510_0010")
    forms = [functional_form(c, Semantics.PAPER) for c in (first, swapped)]
    assert forms[0].key == forms[1].key
    outputs = [
        literal(c, Semantics.PAPER, canonical_modules(f))
        for c, f in zip((first, swapped), forms, strict=True)
    ]
    assert not outputs_differ(*outputs)


def test_dead_cells_ignore_their_input_and_living_ones_do_not() -> None:
    space = CellSpace()
    for index in range(0, space.size, 97):
        cell = space.cell(index)
        form = functional_form(cell, Semantics.PAPER)
        modules = canonical_modules(form)
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
