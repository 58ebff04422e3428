"""Descriptions of cells and spaces: shared rows, nulls outside the standard space, limits."""

import pytest

from graph_encoding import TIMIT_MICRO_MACRO, Cell, CellSpace, Semantics, UserError, params
from graph_encoding.description import describe_cells, describe_space


def test_equal_functions_have_equal_facts() -> None:
    one, other = describe_cells([Cell.parse("10_510_0010"), Cell.parse("00_510_1010")])
    assert one["functional_key"] == other["functional_key"]
    assert one["equivalent"] == other["equivalent"] == ["10_510_0010", "00_510_1010"]
    assert one["cell"] != other["cell"]


def test_costs_are_those_of_the_macro_network() -> None:
    cell = Cell.parse("10_100_1000")
    (row,) = describe_cells([cell], Semantics.PAPER, TIMIT_MICRO_MACRO, seconds=2.0)
    (short,) = describe_cells([cell], Semantics.PAPER, TIMIT_MICRO_MACRO, seconds=1.0)
    assert row["params"] == params(cell, TIMIT_MICRO_MACRO)
    assert row["macs"] == 2 * short["macs"]


def test_cells_outside_the_standard_space_have_no_published_facts() -> None:
    (row,) = describe_cells([Cell.parse("conv3:0")])
    assert (row["published_hash"], row["released_params"], row["released_flops"]) == (None,) * 3


@pytest.mark.parametrize("seconds", [0.0, float("nan"), 2e6])
def test_lengths_out_of_range_are_refused(seconds: float) -> None:
    with pytest.raises(UserError, match=r"from 0\.01, one frame"):
        describe_cells([Cell.parse("11")], seconds=seconds)


def test_the_functions_of_a_small_space_are_counted() -> None:
    facts = describe_space(CellSpace(1, ("conv3", "zero")))
    # conv3(x), conv3(x) + x, 0 and x.
    assert (facts["points"], facts["functions"], facts["dead_functions"]) == (4, 4, 1)
    assert facts["function_sizes"] == {"1": 4}
    assert facts["not_counted"] is facts["published_classes"] is None


def test_a_large_space_is_not_counted() -> None:
    facts = describe_space(CellSpace(6))
    assert facts["functions"] is None
    assert "at most 2,000,000 points" in facts["not_counted"]
