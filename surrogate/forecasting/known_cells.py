"""What is known of cells without any model, remembered from one request to the next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graph_encoding.cell import Cell
from graph_encoding.functional_identity import FunctionalForm, functional_form
from graph_encoding.semantics import Semantics
from surrogate.fitting.measured_rows import MeasuredRow
from surrogate.forecasting.values import Support

_MOST_REMEMBERED = 50_000
"""Cells that are remembered; further ones empty the memory first."""


@dataclass(frozen=True)
class CellFacts:
    """What is known of one cell; the attributes are those of `Forecast`."""

    text: str
    key: str
    form: FunctionalForm
    support: Support
    note: str
    params: int
    macs: int
    measured_row: MeasuredRow | None


class KnownCells:
    """Facts of cells, each found once.

    Args:
        semantics: how cells are read.
        facts: gives the facts of a cell with its form.
    """

    def __init__(
        self, semantics: Semantics, facts: Callable[[Cell, FunctionalForm], CellFacts]
    ) -> None:
        self._semantics, self._facts = semantics, facts
        self._known: dict[Cell, CellFacts] = {}

    def facts_of(self, cells: Sequence[Cell]) -> list[CellFacts]:
        """(n,) facts of n cells."""
        if len(self._known) > _MOST_REMEMBERED:
            self._known = {}
        known = self._known
        for cell in cells:
            if cell not in known:
                known[cell] = self._facts(cell, functional_form(cell, self._semantics))
        return [known[cell] for cell in cells]
