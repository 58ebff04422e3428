"""Local search: move to the first better neighbour, start anew where there is none."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from graph_encoding.cell import Cell
from surrogate.search.problem import SearchProblem
from surrogate.search.searcher import Known, Searcher, register_searcher


@dataclass(frozen=True)
class LocalSettings:
    """`LocalSearcher` has no settings."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field


@register_searcher
class LocalSearcher(Searcher):
    """First-improvement local search with random restarts, over functions.

    Neighbours that are known already cost nothing: the search moves to a better one at once, and
    trains only those that are new. Where several cells are asked for at a time, they are several
    neighbours of one cell.

    Source: White et al., "Exploring the loss landscape in neural architecture search", UAI 2021,
    and naszilla `nas_algorithms.py`; it has no settings but the rule of improvement.
    """

    name = "local"
    settings_type = LocalSettings

    def __init__(self, problem: SearchProblem, **options: Any) -> None:
        super().__init__(problem, **options)
        # Functional keys: of the cell whose neighbours are tried, and of random cells that were
        # asked for to start from.
        self._current: str | None = None
        self._starts: list[str] = []

    def _propose(self, count: int) -> Sequence[Cell]:
        self._move()
        if self._current is not None:
            neighbours = self._new_neighbours(self.known[self._current].cell)
            if neighbours:
                return neighbours[:count]
            # Not before all neighbours are known is this cell a minimum.
            if not self.pending:
                self._current = None
        starts = list(islice(self.random_new(), 1))
        if self._current is None:
            self._starts += [self.space.function(cell).key for cell in starts]
        return starts

    def _move(self) -> None:
        """Go to a better neighbour as long as one is known."""
        if self._current is None:
            known = [key for key in self._starts if key in self.known]
            if not known:
                return
            self._current = min(known, key=lambda key: self._rank(self.known[key]))
            self._starts = []
        while (better := self._better_neighbour(self.known[self._current])) is not None:
            self._current = better

    def _rank(self, known: Known) -> tuple[float, float]:
        return known.violation, known.cost

    def _better_neighbour(self, here: Known) -> str | None:
        for cell in self.space.cells.neighbours(here.cell):
            key = self.space.function(cell).key
            known = self.known.get(key)
            if known and self._rank(known) < self._rank(here):
                return key
        return None

    def _new_neighbours(self, cell: Cell) -> list[Cell]:
        """New neighbours in random order, each function once."""
        cells = self.space.cells.neighbours(cell)
        shuffled = [cells[i] for i in self._rng.permutation(len(cells))]
        by_key = {self.space.function(c).key: c for c in shuffled if self.is_new(c)}
        return list(by_key.values())
