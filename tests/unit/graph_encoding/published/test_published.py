"""The published hash and the published formulas: known answers of the lost release."""

from collections import Counter

import pytest
from hypothesis import given

from graph_encoding import Cell, CellSpace, Semantics, UserError, functional_key
from graph_encoding.published.cost import released_flops, released_params
from graph_encoding.published.graph_hash import published_class, published_classes, published_hash
from studies.space_speed import literal_hash
from tests.unit.graph_encoding.test_cell import cells


@pytest.mark.parametrize(
    ("arch_vec", "expected"),
    [
        ([[1, 0], [1, 0, 0], [1, 0, 0, 0]], "36855332a5778e0df5114305bc3ce238"),
        ([[4, 1], [4, 1, 1], [4, 1, 1, 1]], "d86ed2614abac4be573cc5e016dffe22"),
    ],
)
def test_published_hashes(arch_vec: list[list[int]], expected: str) -> None:
    assert published_hash(Cell.from_arch_vec(arch_vec)) == expected


@given(cells(min_nodes=3, max_nodes=3))
def test_hashes_equal_those_of_the_literal_algorithm(cell: Cell) -> None:
    assert published_hash(cell) == literal_hash(cell)


def test_a_cut_off_output_has_the_hash_of_the_empty_graph() -> None:
    assert published_hash(Cell.parse("00_000_5000")) == literal_hash(Cell.parse("50_500_5000"))


def test_the_space_has_so_many_classes_of_these_sizes() -> None:
    classes = published_classes()
    sizes = Counter(len(found.members) for found in classes)
    assert len(classes) == 8242
    assert sizes == {1: 8000, 4: 10, 8: 20, 12: 200, 160: 10, 812: 2}
    assert all(
        "zero" in c.ops for found in classes if len(found.members) > 1 for c in found.members
    )


def test_every_class_with_zero_mixes_functions() -> None:
    mixed = [
        found
        for found in published_classes()
        if len({functional_key(cell, Semantics.RELEASED) for cell in found.members}) > 1
    ]
    assert len(mixed) == 242
    assert {len(found.members) for found in mixed} == {4, 8, 12, 160, 812}


def test_the_representative_is_the_last_member_enumerated() -> None:
    space = CellSpace()
    found = published_class(Cell.parse("51_500_5000"))
    indices = [space.index(cell) for cell in found.members]
    assert indices == sorted(indices)
    assert found.representative == space.cell(indices[-1])
    assert found.hash == published_hash(found.representative)


def test_published_costs() -> None:
    params = [released_params(cell) for cell in CellSpace()]
    flops = [released_flops(cell) for cell in CellSpace()]
    assert (min(params), max(params), len(set(params))) == (23_695_248, 75_586_848, 20)
    assert (min(flops), max(flops)) == (1_982_027_266, 6_968_537_266)
    assert released_params(Cell.parse("10_100_1000")) == 26_338_848


@pytest.mark.parametrize("text", ["10_100", "conv3:0_100_1000", "10_100_1000_10000"])
def test_cells_outside_the_published_space_have_no_published_hash(text: str) -> None:
    with pytest.raises(UserError, match=r"only cells of 3 nodes over linear, .* were published"):
        published_hash(Cell.parse(text))
