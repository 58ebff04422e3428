"""Cells: the three written forms, and what is refused."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding import NB_ASR_OPS, OPERATIONS, Cell, CellFormatError, CellSpace, UserError
from graph_encoding.ops import BUILT_IN_OPS, Operation, OpKind, register_operation


@st.composite
def cells(
    draw: st.DrawFn, max_nodes: int = 4, ops: tuple[str, ...] = NB_ASR_OPS, min_nodes: int = 1
) -> Cell:
    """Any cell of so many nodes."""
    nodes = draw(st.integers(min_nodes, max_nodes))
    chosen = tuple(draw(st.sampled_from(ops)) for _ in range(nodes))
    flags = tuple(tuple(draw(st.integers(0, 1)) for _ in range(k)) for k in range(1, nodes + 1))
    return Cell(chosen, flags)


@given(cells(ops=BUILT_IN_OPS))
def test_text_round_trips(cell: Cell) -> None:
    assert Cell.parse(cell.text) == cell


@given(cells())
def test_flat_and_nested_forms_round_trip(cell: Cell) -> None:
    assert Cell.from_flat(cell.flat) == cell
    assert Cell.from_arch_vec(cell.arch_vec) == cell


def test_the_papers_example_has_these_forms() -> None:
    cell = Cell.parse("10_100_1000")
    assert cell.arch_vec == [[1, 0], [1, 0, 0], [1, 0, 0, 0]]
    assert cell.flat == (1, 0, 1, 0, 0, 1, 0, 0, 0)
    assert cell.ops == ("conv5",) * 3


def test_all_points_have_distinct_texts() -> None:
    texts = {
        Cell(ops, (bits[:1], bits[1:3], bits[3:])).text
        for ops in itertools.product(NB_ASR_OPS, repeat=3)
        for bits in itertools.product((0, 1), repeat=6)
    }
    assert len(texts) == 13_824


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "node 1"),
        ("10_100_100", "node 3 must have 3 skip flags"),
        ("10_100_10000", "node 3 must have 3 skip flags"),
        ("60_100_1000", "0 to 5"),
        ("10_100_1002", "node 3"),
        ("10-100-1000", "node 1"),
        ("conv99:0", "unknown operation 'conv99'; known: linear"),
        ("10 _100_1000", "node 1"),
    ],
)
def test_malformed_text_names_the_rule_and_a_remedy(text: str, part: str) -> None:
    with pytest.raises(CellFormatError, match=part) as caught:
        Cell.parse(text)
    assert "10_100_1000" in str(caught.value)


@pytest.mark.parametrize(
    "values", [[1], [1, 0, 1], [1, 0, 1, 0, 0, 1, 0, 0], [1, 2], [7, 0], [-1, 0]]
)
def test_malformed_flat_form_is_refused(values: list[int]) -> None:
    with pytest.raises(CellFormatError):
        Cell.from_flat(values)


@pytest.mark.parametrize("flag", [True, 1.0, "1", np.int64(1), None])
def test_flags_are_the_integers_0_and_1(flag: object) -> None:
    """Others that equal 1 would make a cell that is equal and has another text."""
    with pytest.raises(CellFormatError, match="the integers 0 or 1"):
        Cell(("conv5",), ((flag,),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ops", "skips"), [(["conv5"], ((1,),)), (("conv5",), [(1,)]), (("conv5",), ([1],))]
)
def test_fields_that_could_change_are_refused(ops: object, skips: object) -> None:
    with pytest.raises(CellFormatError, match="must be tuples"):
        Cell(ops, skips)  # type: ignore[arg-type]


@pytest.mark.parametrize("values", [[1.9, 0], [1, 0.9], ["1", "0"], [1, None], [[1], 0]])
def test_values_are_not_rounded_to_integers(values: list[int]) -> None:
    for read in (Cell.from_flat, lambda flat: Cell.from_arch_vec([flat])):
        with pytest.raises(CellFormatError, match="must have integers for each node"):
            read(values)


@pytest.mark.parametrize("nested", [[5], ["10"], [[1, 0], None]])
def test_nodes_that_are_not_lists_are_refused(nested: list[list[int]]) -> None:
    with pytest.raises(CellFormatError, match="must have integers for each node"):
        Cell.from_arch_vec(nested)


def test_integers_of_numpy_make_the_same_cell() -> None:
    cell = CellSpace().cell(np.int64(7000))
    assert cell == CellSpace().cell(7000)
    assert Cell.from_flat(np.array(cell.flat)) == cell  # type: ignore[arg-type]
    assert all(type(flag) is int for flags in cell.skips for flag in flags)


def test_operation_outside_the_benchmark_has_no_index() -> None:
    with pytest.raises(CellFormatError, match="use its text form"):
        _ = Cell.parse("conv3:0").arch_vec


def test_registering_a_different_operation_under_a_taken_name_is_refused() -> None:
    with pytest.raises(UserError, match="must be unique"):
        register_operation(Operation("conv5", "conv", kernel=3))
    assert register_operation(OPERATIONS.get("conv5")) is OPERATIONS.get("conv5")


@pytest.mark.parametrize("field", ["kernel", "dilation", "group_scale"])
def test_operation_sizes_must_be_positive(field: str) -> None:
    with pytest.raises(
        UserError, match=rf"{field} must be a whole number in 1 \.\. 2147483647, but got 0"
    ):
        Operation("odd", "conv", **{field: 0})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["conv1_x", "conv1_2", "a0_b_c", "étage", "_a", "2d", "a-b", "a:"])
def test_names_that_a_cells_text_would_lose_are_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"no underscore between .* but got '{name}'"):
        register_operation(Operation(name, "conv", kernel=13))
    assert name not in OPERATIONS


@given(st.from_regex(r"[a-z][a-z0-2_é]{0,6}", fullmatch=True), st.data())
def test_registered_names_come_back_from_a_cells_text(name: str, data: st.DataObject) -> None:
    try:
        register_operation(Operation(name, "conv", kernel=13))
    except UserError:
        return
    cell = data.draw(cells(ops=(name, "conv5", "conv3"), min_nodes=2))
    assert Cell.parse(cell.text) == cell


@pytest.mark.parametrize("kind", ["input", "output", "zero", "other", "conv2d", "graph_conv"])
def test_kinds_that_cells_must_not_have_are_refused(kind: OpKind) -> None:
    with pytest.raises(UserError, match=f"must be one of linear, .* of kind '{kind}'"):
        register_operation(Operation("nothing", kind))


@pytest.mark.parametrize("kind", ["linear", "gated_linear", "conv", "max_pool", "avg_pool"])
def test_kinds_of_cells_can_be_registered(kind: OpKind) -> None:
    register_operation(Operation("new_one", kind, kernel=3))
    assert Cell.parse("new_one:0_111").ops == ("new_one", "conv5")
