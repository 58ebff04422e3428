"""LOMONAS: local search for a front, from the best few fronts of what was found."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from surrogate.search.history import Evaluation
from surrogate.search.pareto import front_ranks, non_dominated
from surrogate.search.problem import SearchProblem
from surrogate.search.searcher import Searcher, register_searcher


@dataclass(frozen=True)
class LomonasSettings:
    """Settings of `LomonasSearcher`.

    Attributes:
        fronts: best fronts whose members have neighbours trained, >= 1.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field

    fronts: int = 3

    def __post_init__(self) -> None:
        if self.fronts < 1:
            raise UserError(f"fronts must be >= 1, but got {self.fronts}")


@register_searcher
class LomonasSearcher(Searcher):
    """Local search over the best fronts; starts again beside the front where it gets stuck.

    In a round every member of the best fronts has one part of it, an operation or a flag that was
    not tried yet, changed in all ways. Functions that are known are not trained again.

    Source: Phan and Luong, "Pareto local search is competitive with evolutionary algorithms for
    multi-objective neural architecture search", GECCO 2023; ELO-Lab/LOMONAS
    `algorithms/MOLS/LOMONAS.py`: 3 fronts, all of their members, partial neighbours.
    """

    name = "lomonas"
    settings_type = LomonasSettings
    settings: LomonasSettings
    most_objectives = 8

    def __init__(self, problem: SearchProblem, **options: Any) -> None:
        super().__init__(problem, **options)
        # Functional keys of the members of this descent; parts of each that are not tried yet;
        # and cells that are to be trained.
        self._members: list[str] = []
        self._untried: dict[str, list[int]] = {}
        self._waiting: list[Cell] = []

    def _learn(self, evaluations: Sequence[Evaluation]) -> None:
        self._members += [
            e.key for e in evaluations if e.status == "ok" and e.key not in self._members
        ]

    def _propose(self, count: int) -> Sequence[Cell]:
        self._waiting = [cell for cell in self._waiting if self.is_new(cell)]
        if not self._waiting and self._members:
            self._waiting = self._next_round()
        if not self._waiting:
            return list(islice(self.random_new(), 1))
        found, self._waiting = self._waiting[:count], self._waiting[count:]
        return found

    def _next_round(self) -> list[Cell]:
        """New neighbours of members of the best fronts; else one of the front of all known."""
        self._members = self._best(self._members, self.settings.fronts)
        # A part whose changes are all known or dead gives no cell: the next one is tried.
        while any(self._untried_parts(key) for key in self._members):
            found = [cell for key in self._members for cell in self._changed(key)]
            new = {self.space.function(cell).key: cell for cell in found if self.is_new(cell)}
            if new:
                return list(new.values())
        self._members = []
        keys = sorted(self.known)
        on_front = non_dominated(np.array([self.known[key].mean_costs for key in keys]))
        archive = [key for key, best in zip(keys, on_front, strict=True) if best]
        for place in self._rng.permutation(len(archive)):
            cells = self.space.cells.neighbours(self.known[archive[place]].cell)
            starts = [cell for cell in cells if self.is_new(cell)]
            if starts:
                return [starts[int(self._rng.integers(len(starts)))]]
        return []

    def _best(self, keys: Sequence[str], fronts: int) -> list[str]:
        """Those of some known functions in the best fronts; those within the limits first."""
        inside = [key for key in keys if self.known[key].violation == 0] or list(keys)
        ranks = front_ranks(np.array([self.known[key].mean_costs for key in inside]))
        return [key for key, rank in zip(inside, ranks, strict=True) if rank < fronts]

    def _changed(self, key: str) -> list[Cell]:
        """Cells that differ from a function's in one part, which is then tried."""
        untried = self._untried_parts(key)
        if not untried:
            return []
        part = untried.pop(int(self._rng.integers(len(untried))))
        cell = self.known[key].cell
        others = self.space.cells.neighbours(cell)
        return [other for other in others if _changed_part(cell, other) == part]

    def _untried_parts(self, key: str) -> list[int]:
        """Numbers of the parts of a function's cell that were not changed yet."""
        return self._untried.setdefault(key, list(range(len(_parts(self.known[key].cell)))))


def _changed_part(cell: Cell, other: Cell) -> int:
    """Number of the first operation or flag in which two cells differ."""
    pairs = zip(_parts(cell), _parts(other), strict=True)
    return next(i for i, (one, another) in enumerate(pairs) if one != another)


def _parts(cell: Cell) -> list[str | int]:
    return [*cell.ops, *(flag for of_node in cell.skips for flag in of_node)]
