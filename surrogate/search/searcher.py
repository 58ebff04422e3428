"""The seam of all searchers: ask for cells, tell what their evaluations gave."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.common.registry import Registry
from surrogate.search.feasibility import LimitModel, exact_limits
from surrogate.search.history import Evaluation
from surrogate.search.pareto import non_dominated
from surrogate.search.problem import SearchProblem
from surrogate.search.space import SearchSpace
from surrogate.search.warm_start import WarmStart

_ROUNDS = 20
"""Rounds without a new proposal after which random functions fill a batch."""

_DRAWS = 20_000
"""Random cells without a new function after which a space that is not enumerated counts as
exhausted."""


@dataclass(eq=False)
class Known:
    """What a search knows of one function.

    Attributes:
        cell: a cell that was evaluated.
        costs: costs of each successful evaluation, in order.
        violation: how far it is beyond the limits, see `SearchProblem.violation`.
    """

    cell: Cell
    costs: list[tuple[float, ...]] = field(default_factory=list)
    violation: float = 0.0

    @property
    def mean_costs(self) -> tuple[float, ...]:
        """(m,) mean cost of each objective."""
        return tuple(np.mean(np.array(self.costs), axis=0).tolist())

    @property
    def cost(self) -> float:
        """Mean cost of the first objective."""
        return self.mean_costs[0]


@dataclass(frozen=True)
class Recommendation:
    """A function that a searcher recommends.

    Attributes:
        key: its functional key.
        cell: a cell that computes it.
        costs: (m,) costs that the searcher expects of it.
        is_feasible: whether its evaluations hold all limits.
        trainings: evaluations that it rests on.
    """

    key: str
    cell: Cell
    costs: tuple[float, ...]
    is_feasible: bool
    trainings: int


class Searcher(ABC):
    """Chooses what to evaluate next, from the evaluations so far.

    The base keeps the laws that all searchers share and that
    `surrogate.testing.searcher_contract` tests: no function twice (unless `repeats`), none that
    is pending, dead or unlikely to hold a limit; at the end of a space `ask` gives fewer cells,
    and then none. A kind of searcher implements `_propose`, and `_learn` if it has a state.

    Args:
        problem: what is searched for.
        seed: start of all randomness, >= 0.
        settings: its settings; by default the published ones.
        trainings_each: trainings that a function may have, each with a seed of its own, >= 1.
        limits: models of the limits on latencies; those on params and MACs are added. A limit
            without a model is known only from evaluations.
        warm_start: labels of another recipe to start from.

    Attributes:
        name: name that it is registered and configured by.
        settings_type: frozen dataclass of its settings, each with a default.
        repeats: whether it may ask for a function again with a seed that it had, as some public
            implementations do; such a repeat counts as a training.
        most_objectives: objectives that it can handle.
        uses_warm_start: whether it can start from labels of another recipe.
        known: functional key -> what is known of each function that was evaluated with success.
        stopped: the same of functions whose training was stopped early; their costs are forecasts.
        pending: functional key -> cell whose evaluation is still expected.
        rejected: proposals that were refused as known, pending, dead or beyond a limit.

    Raises:
        UserError: if the problem has more objectives than it can handle, or an argument is wrong.
    """

    name: ClassVar[str]
    settings_type: ClassVar[type[Any]]
    repeats: ClassVar[bool] = False
    most_objectives: ClassVar[int] = 1
    uses_warm_start: ClassVar[bool] = False

    def __init__(
        self,
        problem: SearchProblem,
        *,
        seed: int,
        settings: Any = None,
        trainings_each: int = 1,
        limits: Sequence[LimitModel] = (),
        warm_start: WarmStart | None = None,
    ) -> None:
        self.problem = problem
        self.seed = seed
        self.settings = self.settings_type() if settings is None else settings
        self.trainings_each = trainings_each
        self.warm_start = warm_start
        self.known: dict[str, Known] = {}
        self.stopped: dict[str, Known] = {}
        self.pending: dict[str, Cell] = {}
        self.rejected = 0
        if not isinstance(self.settings, self.settings_type):
            raise UserError(
                f"searcher {self.name!r} must have settings of type "
                f"{self.settings_type.__name__}, but got {settings!r}"
            )
        if len(problem.objectives) > self.most_objectives:
            raise UserError(
                f"searcher {self.name!r} handles at most {self.most_objectives} objective(s), but "
                f"the problem has {len(problem.objectives)}; choose nsga2 or random"
            )
        if warm_start is not None and not self.uses_warm_start:
            raise UserError(
                f"searcher {self.name!r} cannot start from labels of another recipe; leave the "
                "warm start out, or choose guided"
            )
        if seed < 0 or trainings_each < 1:
            raise UserError(
                "a search must have a seed >= 0 and trainings_each >= 1, but got "
                f"{seed} and {trainings_each}"
            )
        self._rng = np.random.default_rng([seed, *self.name.encode()])
        # Not of its name: random functions are the same for all searchers of a seed, so that
        # they can be compared from one start.
        self._random = np.random.default_rng([seed])
        self._limits = (*exact_limits(problem), *limits)
        self._closed: set[str] = set()  # pending or evaluated
        self._allowed: dict[str, bool] = {}
        self._is_exhausted = False  # of a space that is not enumerated

    @property
    def space(self) -> SearchSpace:
        """The space of the problem."""
        return self.problem.space

    def about(self) -> dict[str, Any]:
        """What the searcher is, as JSON has it."""
        warm = {} if self.warm_start is None else {"warm_start": self.warm_start.source}
        return {
            **warm,
            "searcher": self.name,
            "settings": asdict(self.settings),
            "seed": self.seed,
            "trainings_each": self.trainings_each,
            "limits": [model.source for model in self._limits],
        }

    def ask(self, count: int) -> list[Cell]:
        """Cells to evaluate next: `count` of them, fewer or none where the space is exhausted.

        Raises:
            UserError: if count is less than 1.
        """
        if count < 1:
            raise UserError(f"a search must ask for at least 1 cell, but got {count}")
        chosen: list[Cell] = []
        idle_rounds = 0
        while len(chosen) < count and idle_rounds < _ROUNDS:
            before = len(chosen)
            for cell in self._propose(count - before):
                if len(chosen) < count and self._take(cell):
                    chosen.append(cell)
            idle_rounds = 0 if len(chosen) > before else idle_rounds + 1
        if len(chosen) < count:
            for cell in islice(self.random_new(), count - len(chosen)):
                self._take(cell)
                chosen.append(cell)
        return chosen

    def await_cells(self, cells: Sequence[Cell]) -> None:
        """Count cells as pending that others evaluate now.

        Raises:
            UserError: if a cell is not of the space; none is counted then.
        """
        for cell in cells:
            self.space.cells.require_member(cell)
        for cell in cells:
            if self.is_new(cell):
                self._take(cell)

    def tell(self, evaluations: Sequence[Evaluation]) -> None:
        """Record evaluations, of cells from `ask` or of any others of the space.

        Raises:
            UserError: if a cell is not of the space, or costs are not one for each objective;
                nothing is recorded then.
        """
        for evaluation in evaluations:
            self._check(evaluation)
        for evaluation in evaluations:
            self.pending.pop(evaluation.key, None)
            self._closed.add(evaluation.key)
            if evaluation.status in ("ok", "stopped"):
                kind = self.known if evaluation.status == "ok" else self.stopped
                known = kind.setdefault(evaluation.key, Known(Cell.parse(evaluation.cell)))
                known.costs.append(evaluation.costs)
                known.violation = self.problem.violation(evaluation.values)
        self._learn(evaluations)

    def _check(self, evaluation: Evaluation) -> None:
        self.space.cells.require_member(Cell.parse(evaluation.cell))
        expected = len(self.problem.objectives)
        if evaluation.costs and len(evaluation.costs) != expected:
            raise UserError(
                f"an evaluation must have a cost for each objective, {expected}, but that of "
                f"{evaluation.cell} has {len(evaluation.costs)}; tell evaluations of this problem"
            )

    def recommend(self, count: int = 1) -> list[Recommendation]:
        """The best functions that were evaluated, the best first, by what they should cost.

        Of several objectives, the front. Where no function holds the limits, the one that is
        least beyond them. Empty before the first success.

        Args:
            count: most functions to give, >= 1.
        """
        estimates = self._estimates()
        feasible = [key for key, known in self.known.items() if known.violation == 0]
        if not feasible:
            nearest = sorted(self.known, key=lambda key: (self.known[key].violation, key))[:1]
            return [self._recommendation(key, estimates[key]) for key in nearest]
        if len(self.problem.objectives) > 1:
            on_front = non_dominated(np.array([estimates[key] for key in feasible]))
            feasible = [key for key, best in zip(feasible, on_front, strict=True) if best]
        best = sorted(feasible, key=lambda key: (estimates[key], key))[:count]
        return [self._recommendation(key, estimates[key]) for key in best]

    def _recommendation(self, key: str, costs: tuple[float, ...]) -> Recommendation:
        known = self.known[key]
        return Recommendation(key, known.cell, costs, known.violation == 0, len(known.costs))

    @abstractmethod
    def _propose(self, count: int) -> Sequence[Cell]:
        """Cells to evaluate next; those that are not new are refused, and it is called again."""

    def _learn(self, evaluations: Sequence[Evaluation]) -> None:  # noqa: B027 - most have no state
        """Update the searcher's own state; `known` and `pending` are updated already."""

    def _estimates(self) -> Mapping[str, tuple[float, ...]]:
        """Costs that are expected of each known function; by default the mean of its labels."""
        return {key: known.mean_costs for key, known in self.known.items()}

    def best_known(self, count: int) -> list[Known]:
        """Up to `count` known functions of the lowest first cost; those within limits first."""
        ordered = sorted(self.known.items(), key=lambda item: (item[1].violation, item[1].cost))
        return [known for _, known in ordered[:count]]

    def is_new(self, cell: Cell) -> bool:
        """Whether a cell may be asked for."""
        function = self.space.function(cell)
        if function.is_dead or (function.key in self._closed and not self.repeats):
            return False
        return self.is_allowed(cell)

    def is_allowed(self, cell: Cell) -> bool:
        """Whether the limits of a living cell are likely enough to hold, each at its level."""
        if not self._limits:
            return True
        function = self.space.function(cell)
        if self.space.is_enumerated:
            return bool(self.allowed_rows[self.space.functions.row_of[function.key]])
        if function.key not in self._allowed:
            self._allowed[function.key] = all(
                float(model.probability([function.graph])[0]) >= model.limit.level
                for model in self._limits
            )
        return self._allowed[function.key]

    def limit_probabilities(self, cell: Cell) -> dict[str, float]:
        """Name of a limited quantity -> probability that a living cell holds its limit."""
        graph = self.space.function(cell).graph
        return {
            model.limit.quantity.name: float(model.probability([graph])[0])
            for model in self._limits
        }

    @cached_property
    def _limit_rows(self) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """As `allowed_rows` and `limit_rows`."""
        graphs = self.space.functions.graphs
        allowed, all_hold = np.ones(len(graphs), dtype=bool), np.ones(len(graphs))
        for model in self._limits:
            holds = model.probability(graphs)
            allowed &= holds >= model.limit.level
            all_hold *= holds
        return allowed, all_hold

    @property
    def allowed_rows(self) -> NDArray[np.bool_]:
        """(n,) as `is_allowed`, of all functions of an enumerated space."""
        return self._limit_rows[0]

    @property
    def limit_rows(self) -> NDArray[np.float64]:
        """(n,) probability that all limits hold, of all functions of an enumerated space."""
        return self._limit_rows[1]

    @property
    def open_rows(self) -> NDArray[np.int64]:
        """Rows of the functions of an enumerated space that are allowed and were never asked."""
        functions = self.space.functions
        is_open = self.allowed_rows.copy()
        is_open[[functions.row_of[key] for key in self._closed if key in functions.row_of]] = False
        return np.flatnonzero(is_open)

    def random_new(self) -> Iterator[Cell]:
        """New cells in random order, each function once; ends where the space does."""
        if self.space.is_enumerated:
            functions = self.space.functions
            yield from (functions.cells[row] for row in self._order if self._is_open(int(row)))
            return
        if self._is_exhausted:
            return
        seen: set[str] = set()
        idle_draws = 0
        for cell in self.space.random_cells(self._random):
            key = self.space.function(cell).key
            idle_draws += 1
            if key not in seen and self.is_new(cell):
                idle_draws = 0
                seen.add(key)
                yield cell
            if idle_draws > _DRAWS:
                # Functions that were seen may still be asked for.
                self._is_exhausted = not seen
                return

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        """All rows of an enumerated space, in an order of the seed alone."""
        return self._random.permutation(len(self.space.functions))

    def _is_open(self, row: int) -> bool:
        return bool(self.allowed_rows[row]) and self.space.functions.keys[row] not in self._closed

    def _take(self, cell: Cell) -> bool:
        """Ask for a cell if it is new."""
        if not self.is_new(cell):
            self.rejected += 1
            return False
        key = self.space.function(cell).key
        self.pending[key] = cell
        self._closed.add(key)
        return True


SEARCHERS: Registry[type[Searcher]] = Registry("searcher")


def register_searcher(kind: type[Searcher]) -> type[Searcher]:
    """Class decorator: make a searcher known by its name.

    Raises:
        UserError: if the name is taken by another class.
    """
    return SEARCHERS.register(kind.name, kind)
