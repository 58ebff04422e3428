"""What BANANAS and NPENAS share: a random start, then mutations of the best, ranked by a model."""

from abc import abstractmethod
from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.graph import CellGraph
from surrogate.data.targets import FloatArray
from surrogate.search.searcher import Searcher

_PATIENCE = 5
"""Mutations tried for each candidate that is wanted, as in naszilla."""


class ChildrenSearcher(Searcher):
    """Ranks new mutations of the best known functions by a model that is fitted in each round.

    Its settings have the fields `start`, `candidates`, `parents` and `mutation_rate`.
    """

    settings: Any

    def _propose(self, count: int) -> Sequence[Cell]:
        missing = self.settings.start - len(self.known) - len(self.pending)
        if missing > 0 or len(self.known) < 2:
            return list(islice(self.random_new(), min(count, max(missing, 1))))
        candidates = self._children()
        if not candidates:
            return []
        scores = self._scores([self.space.function(cell).graph for cell in candidates])
        return [candidates[i] for i in np.argsort(scores, kind="stable")[:count]]

    @abstractmethod
    def _scores(self, candidates: Sequence[CellGraph]) -> FloatArray:
        """(n,) ranking of n >= 1 candidates, lower is better, learned from what is known."""

    def _children(self) -> list[Cell]:
        """New mutations of each of the best functions in turn, each function once."""
        parents = self.best_known(self.settings.parents)
        found: dict[str, Cell] = {}
        for i in range(self.settings.candidates * _PATIENCE):
            if len(found) >= self.settings.candidates:
                break
            parent = parents[i % len(parents)].cell
            cell = self.space.mutated(parent, self.settings.mutation_rate, self._rng)
            if self.is_new(cell):
                found.setdefault(self.space.function(cell).key, cell)
        return list(found.values())
