"""Identity: counts of the whole space, and laws of the canonical form."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding import (
    OPERATIONS,
    Cell,
    CellSpace,
    Operation,
    Semantics,
    cell_graph,
    functional_form,
    functional_key,
)
from tests.unit.graph_encoding.test_cell import cells


@pytest.mark.parametrize(
    ("semantics", "functions", "dead"), [("paper", 8923, 12), ("released", 2099, 8)]
)
def test_the_space_has_so_many_functions(semantics: str, functions: int, dead: int) -> None:
    forms = {functional_form(cell, Semantics(semantics)) for cell in CellSpace()}
    assert len(forms) == functions
    assert len({form.key for form in forms}) == functions
    assert sum(form.is_dead for form in forms) == dead


def test_points_without_zero_are_functions_of_their_own() -> None:
    keys = {functional_key(c, Semantics.PAPER) for c in CellSpace() if "zero" not in c.ops}
    assert len(keys) == 8000


def test_the_order_of_parallel_branches_does_not_matter() -> None:
    first = Cell.parse("00_510_1010")
    swapped = Cell.parse("10_510_0010")
    key = functional_key(first, Semantics.PAPER)
    assert key == functional_key(swapped, Semantics.PAPER) == "1=conv5(x);2=linear(x);y=1+2"


def test_one_branch_used_twice_is_not_two_branches() -> None:
    shared = functional_key(Cell.parse("10_501_5011"), Semantics.PAPER)
    twice = functional_key(Cell.parse("10_510_1010"), Semantics.PAPER)
    assert shared == "1=conv5(x);y=2*1"
    assert twice == "1=conv5(x);2=conv5(x);y=1+2"


def test_flags_are_inverted_between_the_semantics() -> None:
    cell = Cell.parse("10_100_1000")
    assert functional_key(cell, Semantics.PAPER) == "1=conv5(x);2=conv5(1);3=conv5(2);y=3"
    inverted = Cell.parse("11_111_1111")
    assert functional_key(inverted, Semantics.RELEASED) == functional_key(cell, Semantics.PAPER)


def test_released_semantics_drop_dilation() -> None:
    plain, dilated = Cell.parse("10_100_1000"), Cell.parse("20_200_2000")
    assert functional_key(plain, Semantics.RELEASED) == functional_key(dilated, Semantics.RELEASED)
    assert functional_key(plain, Semantics.PAPER) != functional_key(dilated, Semantics.PAPER)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("50_101", "1=linear(0);y=1"),
        ("50_001", "1=linear(0);y=1"),
        ("50_conv5g2:11_0111", "1=linear(0);2=linear(x+1);y=2*x+1+2"),
        ("50_gated_linear:00", "1=gated_linear(0);y=1"),
        ("50_401_zero:001", "1=linear(0);y=1"),
        ("50_100_1000", "1=linear(0);2=conv5(1);y=2"),
    ],
)
def test_convolutions_and_linear_operations_that_nothing_feeds_are_one(text: str, key: str) -> None:
    assert functional_key(Cell.parse(text), Semantics.PAPER) == key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("50_max_pool3:00", "y=0"),
        ("50_avg_pool3:11_0111", "1=linear(x);y=2*x+1"),
        ("50_max_pool3:00_2000", "1=linear(0);y=1"),
        ("max_pool3:0_510_max_pool3:010", "1=max_pool3(x);y=2*1"),
        ("max_pool3:0_510_avg_pool3:010", "1=avg_pool3(x);2=max_pool3(x);y=1+2"),
        ("max_pool3:0_511_max_pool3:010", "1=max_pool3(x);2=max_pool3(x+1);y=1+2"),
        # Poolings of poolings are equal once those are.
        (
            "avg_pool3:0_max_pool3:00_5100_avg_pool3:0000_max_pool3:00100",
            "1=avg_pool3(x);2=max_pool3(1);y=2*2",
        ),
    ],
)
def test_pooling_has_no_weights(text: str, key: str) -> None:
    assert functional_key(Cell.parse(text), Semantics.PAPER) == key


def test_a_zero_operation_is_zero_under_any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPERATIONS._entries, "none", Operation("none", "zero"))
    named, plain = Cell.parse("none:1_110_none:010"), Cell.parse("51_110_5010")
    for semantics in Semantics:
        assert functional_form(named, semantics) == functional_form(plain, semantics)


@given(cells(max_nodes=6, ops=tuple(OPERATIONS)), st.sampled_from(Semantics))
def test_dead_branches_and_zeros_are_removed(cell: Cell, semantics: Semantics) -> None:
    form = functional_form(cell, semantics)
    used = {source for terms in (*form.arguments, form.output) for source, _ in terms}
    assert used - {0} == set(range(1, len(form.ops) + 1))
    assert "zero" not in form.ops
    for node, argument, name in zip(form.nodes, form.arguments, form.ops, strict=True):
        op = semantics.effective_ops(cell)[node]
        only_bias = not argument and op.kind in ("linear", "conv")
        assert name == ("linear" if only_bias else op.name)


@given(cells(min_nodes=2, max_nodes=3), st.sampled_from(Semantics), st.data())
def test_equal_functions_have_equal_graphs(
    cell: Cell, semantics: Semantics, data: st.DataObject
) -> None:
    space = CellSpace(nodes=cell.nodes)
    other = data.draw(st.sampled_from(space.equivalent(cell, semantics)))
    first, second = cell_graph(cell, semantics), cell_graph(other, semantics)
    assert first.ops == second.ops
    assert first.edges == second.edges
    assert first.key == second.key == functional_key(cell, semantics)


def test_a_graph_is_that_of_the_function_and_not_of_the_point() -> None:
    first, second = (cell_graph(Cell.parse(text)) for text in ("00_510_1010", "10_510_0010"))
    assert [op.name for op in first.ops] == ["input", "conv5", "linear", "output"]
    assert first.edges == ((0, 1, 1), (0, 2, 1), (1, 3, 1), (2, 3, 1))
    assert second == first


def test_index_and_cell_are_inverse_in_the_originals_order() -> None:
    space = CellSpace()
    assert [space.index(space.cell(i)) for i in range(space.size)] == list(range(space.size))
    # First flat coordinate fastest: SamsungLabs/nb-asr search_space.py.
    assert [space.cell(i).text for i in (0, 1, 6)] == ["00_000_0000", "10_000_0000", "01_000_0000"]


def test_sampling_is_by_function_and_prefix_stable() -> None:
    import numpy as np

    small = CellSpace().sample_keys(50, Semantics.PAPER, np.random.default_rng(3))
    large = CellSpace().sample_keys(80, Semantics.PAPER, np.random.default_rng(3))
    assert list(large)[:50] == list(small)
    assert len(set(large)) == 80
    assert not any(functional_form(c, Semantics.PAPER).is_dead for c in large.values())


def test_symmetric_branches_of_any_order_have_one_key() -> None:
    """Parallel branches, each put on any node of a cell by zeros between them."""
    ops = ["conv5", "linear", "conv7"]
    keys = set()
    for order in itertools.permutations(ops):
        # Each branch reads the input: a zero node with a skip from it comes before.
        nodes = [order[0], "zero", order[1], "zero", order[2]]
        skips = [(0,), (1, 0), (0, 1, 0), (1, 0, 0, 0), (0, 0, 0, 1, 0)]
        keys.add(functional_key(Cell(tuple(nodes), tuple(skips)), Semantics.PAPER))
    assert len(keys) == 1
