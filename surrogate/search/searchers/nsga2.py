"""NSGA-II: evolution of a front, ranked by domination and by how crowded its members are."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from surrogate.search.history import Evaluation
from surrogate.search.pareto import crowding, front_ranks
from surrogate.search.problem import SearchProblem
from surrogate.search.searcher import Searcher, register_searcher


@dataclass(frozen=True)
class Nsga2Settings:
    """Settings of `Nsga2Searcher`.

    Attributes:
        population: members that survive a generation, and children that make one, >= 2.
        crossover: probability that a child has two parents, in [0, 1].
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field

    population: int = 50
    crossover: float = 0.9

    def __post_init__(self) -> None:
        if self.population < 2 or not 0 <= self.crossover <= 1:
            raise UserError(
                "NSGA-II must have a population >= 2 and a crossover in [0, 1], but got "
                f"{self.population} and {self.crossover}"
            )


@dataclass(frozen=True)
class _Member:
    cell: Cell
    violation: float
    costs: tuple[float, ...]


@register_searcher
class Nsga2Searcher(Searcher):
    """NSGA-II over functions: no child is a function that was trained.

    Parents win a tournament of two by violation of limits, front and crowding. A child has each
    operation and flag of one of two parents and then one mutation.

    Source: Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE
    Transactions on Evolutionary Computation 2002; population 50 and crossover .9 of Optuna 5,
    whose mutation changes each parameter with probability 1 / parameters, one on average.
    """

    name = "nsga2"
    settings_type = Nsga2Settings
    settings: Nsga2Settings
    most_objectives = 8

    def __init__(self, problem: SearchProblem, **options: Any) -> None:
        super().__init__(problem, **options)
        # The best of the past, the best first, and the children of this generation.
        self._parents: list[_Member] = []
        self._children: list[_Member] = []

    def _learn(self, evaluations: Sequence[Evaluation]) -> None:
        for evaluation in evaluations:
            if evaluation.status == "ok":
                violation = self.problem.violation(evaluation.values)
                cell = Cell.parse(evaluation.cell)
                self._children.append(_Member(cell, violation, evaluation.costs))
        if len(self._children) >= self.settings.population:
            self._parents = _ordered([*self._parents, *self._children])
            del self._parents[self.settings.population :]
            self._children = []

    def _propose(self, count: int) -> Sequence[Cell]:
        if not self._parents:
            return list(islice(self.random_new(), count))
        return [self._child() for _ in range(count)]

    def _child(self) -> Cell:
        cell = self._parent()
        if self._rng.random() < self.settings.crossover:
            cell = self.space.cells.crossover(cell, self._parent(), self._rng)
        return self.space.cells.mutate(cell, self._rng)

    def _parent(self) -> Cell:
        # Members are ordered, the best first: the lower of two places wins.
        place = int(self._rng.integers(len(self._parents), size=2).min())
        return self._parents[place].cell


def _ordered(members: Sequence[_Member]) -> list[_Member]:
    """Members by violation, then front, then the least crowded first."""
    costs = np.array([member.costs for member in members])
    violation = np.array([member.violation for member in members])
    ranks, crowded = np.zeros(len(members), dtype=np.int64), np.zeros(len(members))
    # Members that are beyond the limits, which stand last, must not push others from their front.
    for of_violation in np.unique(violation):
        equal = np.flatnonzero(violation == of_violation)
        ranks[equal] = front_ranks(costs[equal])
        for rank in np.unique(ranks[equal]):
            of_front = equal[ranks[equal] == rank]
            crowded[of_front] = crowding(costs[of_front])
    return [members[i] for i in np.lexsort((-crowded, ranks, violation))]
