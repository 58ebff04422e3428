"""Regularised evolution: the oldest of a population dies, a child of a good one takes its place."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from surrogate.search.history import Evaluation
from surrogate.search.problem import SearchProblem
from surrogate.search.searcher import Searcher, register_searcher

_Member = tuple[float, float, Cell]


@dataclass(frozen=True)
class EvolutionSettings:
    """Settings of `EvolutionSearcher`.

    Attributes:
        population: members that are alive, >= 2.
        sample: members that a parent is the best of, 1 .. population.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field

    population: int = 30
    sample: int = 10

    def __post_init__(self) -> None:
        if self.population < 2 or not 1 <= self.sample <= self.population:
            raise UserError(
                "evolution must have a population >= 2 and a sample in 1 .. population, but got "
                f"{self.population} and {self.sample}"
            )


@register_searcher
class EvolutionSearcher(Searcher):
    """Regularised evolution; a mutation is retried until the function is new.

    A child differs from its parent in one operation or one flag. Members of the first population
    are random functions. Where a limit is broken, the member that is less beyond it is better.

    Source: Real et al., "Regularized evolution for image classifier architecture search", AAAI
    2019. Settings: population 30 and sample 10 of NASLib (`optimizers/discrete/re`), which need
    the fewest trainings on the table timit-micro among those that are published.
    """

    name = "evolution"
    settings_type = EvolutionSettings
    settings: EvolutionSettings

    def __init__(self, problem: SearchProblem, **options: Any) -> None:
        super().__init__(problem, **options)
        # Violation, cost and cell of each member, the oldest first.
        self._members: deque[_Member] = deque(maxlen=self.settings.population)

    def _learn(self, evaluations: Sequence[Evaluation]) -> None:
        for evaluation in evaluations:
            if evaluation.status == "ok":
                cell = Cell.parse(evaluation.cell)
                violation = self.problem.violation(evaluation.values)
                self._members.append((violation, evaluation.costs[0], cell))

    def _propose(self, count: int) -> Sequence[Cell]:
        missing = self.settings.population - len(self._members) - len(self.pending)
        # What is missing is drawn at random; so is all where every training failed.
        if missing > 0 or not self._members:
            return list(islice(self.random_new(), min(count, max(missing, 1))))
        return [self._child() for _ in range(count)]

    def _child(self) -> Cell:
        members = self._members
        size = min(self.settings.sample, len(members))
        chosen = self._rng.choice(len(members), size=size, replace=False)
        _, _, parent = min((members[i] for i in chosen), key=lambda member: member[:2])
        return self.space.cells.mutate(parent, self._rng)


@register_searcher
class EvolutionWithRepeatsSearcher(EvolutionSearcher):
    """Regularised evolution as public code has it: a child may be a function that was trained.

    Such a child is trained again with the next seed. Where there is no further one it has the label
    of its first training, and counts as a training all the same.

    Source: naszilla `nas_algorithms.py`, NASLib `optimizers/discrete/re` and automl/nas_benchmarks
    `experiment_scripts/run_regularized_evolution.py` query every child.
    """

    name = "evolution-with-repeats"
    repeats = True
