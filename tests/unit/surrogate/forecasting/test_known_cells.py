"""Facts of cells are found once."""

import pytest

from graph_encoding.cell import Cell
from graph_encoding.functional_identity import FunctionalForm
from graph_encoding.semantics import Semantics
from surrogate.forecasting import known_cells
from surrogate.forecasting.known_cells import CellFacts, KnownCells

CELLS = [Cell.parse(text) for text in ("10_100_1000", "11_110_1100", "10_100_1000", "10")]


def test_facts_are_found_once_and_few_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def facts(cell: Cell, form: FunctionalForm) -> CellFacts:
        asked.append(cell)
        return CellFacts(cell.text, form.key, form, "interpolated", "", 1, 2, None)

    known = KnownCells(Semantics.PAPER, facts)
    found = known.facts_of(CELLS)
    assert [of.text for of in found] == [cell.text for cell in CELLS]
    assert found[0] is found[2]
    assert known.facts_of(CELLS)[1] is found[1]
    assert asked == [CELLS[0], CELLS[1], CELLS[3]]
    monkeypatch.setattr(known_cells, "_MOST_REMEMBERED", 2)
    assert known.facts_of(CELLS)[1] is not found[1]
