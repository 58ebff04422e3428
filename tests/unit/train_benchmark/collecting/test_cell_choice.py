"""The cells of a campaign and their order."""

from collections import Counter
from pathlib import Path

import pytest

from graph_encoding import Cell, CellSpace, Semantics, UserError, functional_form, functional_key
from train_benchmark.collecting.cell_choice import (
    AllCells,
    ExtendedCells,
    FileOfCells,
    ListedCells,
    SampledCells,
    choose_cells,
    stratified_order,
)

PAPER = Semantics.PAPER


@pytest.fixture(scope="module")
def every_cell() -> list[Cell]:
    return choose_cells(AllCells(kind="all", seed=1234), PAPER, Path())


def test_all_cells_are_all_living_functions_once(every_cell: list[Cell]) -> None:
    keys = {functional_key(cell, PAPER) for cell in every_cell}
    assert keys == set(CellSpace().representatives(PAPER))
    assert len(every_cell) == len(keys) == 8_911


@pytest.mark.parametrize("count", [64, 200, 1000, 3333])
def test_every_beginning_is_an_even_sample(every_cell: list[Cell], count: int) -> None:
    def shares(cells: list[Cell]) -> Counter[bool]:
        """Functions that pass their input on unchanged, the split that matters most."""
        outputs = (functional_form(cell, PAPER).output for cell in cells)
        return Counter(any(source == 0 for source, _ in output) for output in outputs)

    expected = shares(every_cell)[True] / len(every_cell)
    # A random sample of 64 would miss by .06 (one standard deviation).
    assert shares(every_cell[:count])[True] / count == pytest.approx(expected, abs=0.03)


def test_a_beginning_does_not_depend_on_the_count(every_cell: list[Cell]) -> None:
    few = choose_cells(AllCells(kind="all", seed=1234, count=10), PAPER, Path())
    assert few == every_cell[:10]


def test_the_order_depends_on_the_seed_and_on_nothing_else(every_cell: list[Cell]) -> None:
    backwards = stratified_order(every_cell[::-1], PAPER, 1234)
    assert backwards == every_cell
    assert stratified_order(every_cell, PAPER, 1) != every_cell


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_small_lists_keep_every_cell(every_cell: list[Cell], count: int) -> None:
    ordered = stratified_order(every_cell[:count], PAPER, 0)
    assert sorted(map(str, ordered)) == sorted(map(str, every_cell[:count]))


def test_equal_functions_count_once() -> None:
    listed = ListedCells(kind="list", cells=("00_510_1010", "10_510_0010", "10_100_1000"))
    assert [c.text for c in choose_cells(listed, PAPER, Path())] == ["00_510_1010", "10_100_1000"]


def test_a_larger_sample_begins_with_the_smaller_one() -> None:
    small = choose_cells(SampledCells(kind="sample", count=5, seed=1), PAPER, Path())
    large = choose_cells(SampledCells(kind="sample", count=9, seed=1), PAPER, Path())
    assert large[:5] == small


def test_a_file_of_cells(tmp_path: Path) -> None:
    (tmp_path / "cells.txt").write_text("10_100_1000  # the first\n\n# none\nconv3:0_410\n")
    chosen = choose_cells(FileOfCells(kind="file", path=Path("cells.txt")), PAPER, tmp_path)
    assert [cell.text for cell in chosen] == ["10_100_1000", "conv3:0_410"]
    # With the byte-order mark and the umlaut of a file from Windows, whatever the locale is.
    (tmp_path / "cells.txt").write_bytes("\ufeff10_100_1000  # für uns\n".encode())
    (cell,) = choose_cells(FileOfCells(kind="file", path=Path("cells.txt")), PAPER, tmp_path)
    assert cell.text == "10_100_1000"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("10_100_1000\n10_100\n90_100_1000\n", r"cells\.txt, line 3: .*operation index"),
        ("# nothing\n", "must have a cell a line, but has none"),
        (None, "cannot read the cells in"),
    ],
)
def test_a_bad_file_says_where(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "cells.txt").write_text(content)
    with pytest.raises(UserError, match=message):
        choose_cells(FileOfCells(kind="file", path=Path("cells.txt")), PAPER, tmp_path)


def test_extended_cells_are_distinct_living_functions_of_the_space_that_is_named() -> None:
    ops = ("linear", "conv3", "max_pool3")
    config = ExtendedCells(kind="extended", nodes=5, ops=ops, count=40, seed=3)
    cells = choose_cells(config, PAPER, Path())
    forms = [functional_form(cell, PAPER) for cell in cells]
    assert len({form.key for form in forms}) == 40
    assert not any(form.is_dead for form in forms)
    assert all(cell.nodes == 5 and set(cell.ops) <= set(ops) for cell in cells)
    assert choose_cells(config.model_copy(update={"count": 10}), PAPER, Path()) == cells[:10]
    assert choose_cells(config.model_copy(update={"seed": 4}), PAPER, Path()) != cells


def test_more_cells_than_there_are_is_refused() -> None:
    config = AllCells(kind="all", seed=1234, count=8_912)
    with pytest.raises(UserError, match="has 8911 living functions, but count is 8912"):
        choose_cells(config, PAPER, Path())


def test_a_listed_cell_that_is_dead_is_refused(tmp_path: Path) -> None:
    listed = ListedCells(kind="list", cells=("10_100_1000", "51_500_5000"))
    (tmp_path / "cells.txt").write_text("10_100_1000\n51_500_5000\n")
    for config in (listed, FileOfCells(kind="file", path=Path("cells.txt"))):
        with pytest.raises(UserError, match="but 51_500_5000 is dead"):
            choose_cells(config, PAPER, tmp_path)


def test_extended_cells_that_are_not_there_are_refused() -> None:
    config = ExtendedCells(kind="extended", nodes=1, ops=("linear", "zero"), count=4, seed=0)
    with pytest.raises(UserError, match="4 were asked for and 3 found"):
        choose_cells(config, PAPER, Path())
    with pytest.raises(UserError, match="unknown operation 'conv99'"):
        choose_cells(config.model_copy(update={"ops": ("conv99",)}), PAPER, Path())
