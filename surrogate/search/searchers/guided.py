"""Guided search: beliefs about all functions, refitted on what the search has trained."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import chain, islice
from typing import Any, get_args

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.graph import CellGraph
from graph_encoding.ops import OPERATIONS
from surrogate.data.targets import FloatArray
from surrogate.predictors.features import GraphInputs, Vocabulary
from surrogate.search.history import Evaluation
from surrogate.search.problem import Quantity, SearchProblem
from surrogate.search.searcher import Known, Searcher, register_searcher
from surrogate.search.searchers.gaussian_process.acquisition import (
    Acquisition,
    lowest_draws,
    lowest_means,
    most_improvement,
)
from surrogate.search.searchers.gaussian_process.belief import Belief, IndependentBelief
from surrogate.search.searchers.gaussian_process.distances import (
    Columns,
    Distances,
    Rows,
    representatives,
)
from surrogate.search.searchers.gaussian_process.likelihood import ProcessSettings
from surrogate.search.searchers.gaussian_process.posterior import Evidence, Posterior
from surrogate.search.space import Functions, inputs_of_functions

PROCESS = "process"
"""Name of the model that is the process of this package; others are registered predictors."""

_FEWEST_KNOWN = 2

_REPRESENTED = 300
"""Random functions that a start represents."""

_PLANNED = 50
"""Most functions of a start that represents; those beyond are random."""

_STOPPED_WEIGHT = 0.5
"""Weight of the forecast of a training that was stopped, in trainings."""


_LATENCY_NOISE = 0.01
"""Usual variance of the noise of a measured latency, which has no training seed."""


@dataclass(frozen=True)
class GuidedSettings:
    """Settings of `GuidedSearcher`.

    Attributes:
        start: functions that it starts with, >= 2; none where a warm start is given.
        spread_start: whether these represent many random functions; if not, they are random.
        acquisition: what a batch is chosen by: "improvement", "thompson" or "mean".
        explore: functions after which the lowest expected costs are taken instead, >= start; of
            one objective only.
        model: "process", or the name of a predictor, or `module:Class`.
        recommend: "posterior": by the expected cost; "label": by the mean label.
        whole_space: whether all functions are scored, where they can be enumerated.
        sampled: functions that are scored otherwise, >= 1.
        parents: best functions whose mutations are half of these, >= 1.
        repeat_each: where functions may be trained with several seeds, each so-many-th training
            repeats the incumbent with a new seed, >= 2.
        process: settings of the process.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field

    start: int = 5
    spread_start: bool = True
    acquisition: Acquisition = "improvement"
    explore: int = 100_000
    model: str = PROCESS
    recommend: str = "posterior"
    whole_space: bool = True
    sampled: int = 2000
    parents: int = 10
    repeat_each: int = 10
    process: ProcessSettings = field(default_factory=ProcessSettings)

    def __post_init__(self) -> None:
        least = {"start": 2, "explore": self.start, "repeat_each": 2}
        for name in ("start", "explore", "repeat_each", "sampled", "parents"):
            if getattr(self, name) < least.get(name, 1):
                raise UserError(
                    f"{name} must be >= {least.get(name, 1)}, but got {getattr(self, name)}"
                )
        choices = {"acquisition": get_args(Acquisition), "recommend": ("posterior", "label")}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise UserError(f"{name} must be one of {allowed}, but got {getattr(self, name)!r}")


@dataclass(frozen=True, eq=False)
class _Pool:
    """Functions that are scored.

    Attributes:
        cells: (n,) a cell of each.
        graphs: (n,) their graphs.
        row_of: functional key -> row.
        distances: between them.
    """

    cells: Sequence[Cell]
    graphs: Sequence[CellGraph]
    row_of: Mapping[str, int]
    distances: Distances


@register_searcher
class GuidedSearcher(Searcher):
    """Scores every function of the space before each batch, and recommends by posterior mean.

    A Gaussian process is refitted on the evaluations of this search alone: no shipped surrogate
    takes part, which may have seen the table that the search is evaluated on. In a space too large
    to enumerate, random functions and mutations of the best are scored.

    A batch has the greatest expected improvement on the best expected cost, of two objectives that
    of the front's hypervolume, times the probability that the limits hold. Cells that are pending
    count as if their trainings had given what is expected.

    Source: `process.acquisition`; the recommendation by posterior mean: Frazier et al., "The
    knowledge-gradient policy", 2009.
    """

    name = "guided"
    settings_type = GuidedSettings
    settings: GuidedSettings
    most_objectives = 2
    uses_warm_start = True

    def __init__(self, problem: SearchProblem, **options: Any) -> None:
        super().__init__(problem, **options)
        if len(problem.objectives) > 1 and self.settings.acquisition != "improvement":
            raise UserError(
                "a guided search of several objectives must choose by 'improvement', but "
                f"acquisition is {self.settings.acquisition!r}"
            )
        if self.warm_start is not None and self.settings.model != PROCESS:
            raise UserError(
                f"a warm start needs the model {PROCESS!r}, but model is {self.settings.model!r}; "
                "leave one of them out"
            )
        self._attempts: Counter[str] = Counter()
        self._due: frozenset[str] = frozenset()  # incumbents that the next trainings repeat
        self._fitted: tuple[_Pool, tuple[Belief, ...]] | None = None

    def _learn(self, evaluations: Sequence[Evaluation]) -> None:
        self._attempts.update(evaluation.key for evaluation in evaluations)
        self._due = frozenset()
        self._fitted = None

    @property
    def _trainings(self) -> int:
        """Evaluations so far, failed ones too."""
        return self._attempts.total()

    def _propose(self, count: int) -> Sequence[Cell]:
        if self._needs_start:
            asked = len(self.known) + len(self.pending)
            missing = self.settings.start - asked
            if missing > 0 or len(self.known) < _FEWEST_KNOWN:
                planned = self._start if self.settings.spread_start else ()
                new = chain(filter(self.is_new, planned), self.random_new())
                return list(islice(new, min(count, max(missing, 1))))
        repeated = self._repeats(count)
        pool, beliefs = self._beliefs()
        rows = self._open(pool)
        if not len(rows):
            return repeated
        pending = np.array([pool.row_of[k] for k in self.pending if k in pool.row_of], np.int64)
        if len(pending):
            beliefs = tuple(belief.given_pending(pending) for belief in beliefs)
        chosen = self._chosen(pool, beliefs, rows, count - len(repeated))
        return [*repeated, *(pool.cells[row] for row in chosen)]

    @cached_property
    def _needs_start(self) -> bool:
        """Whether some objective has no label, not even of another recipe, before a training."""
        known = () if self.warm_start is None else self.warm_start.costs
        return any(not q.is_static and q.name not in known for q in self.problem.objectives)

    @cached_property
    def _start(self) -> Sequence[Cell]:
        """Functions that represent random ones, in the order in which they are trained."""
        # In a small space too, another seed gives another start.
        half = len(self.space.functions) // 2 if self.space.is_enumerated else _REPRESENTED
        cells = list(islice(self.random_new(), min(half, _REPRESENTED)))
        if len(cells) < _FEWEST_KNOWN:
            return cells
        graphs = [self.space.function(cell).graph for cell in cells]
        distances = Distances(Columns.of(inputs_of_functions(graphs)))
        return [cells[row] for row in representatives(distances, _PLANNED)]

    def _open(self, pool: _Pool) -> Rows:
        """Rows of a pool that may be asked for."""
        if self._scores_all:
            return self.open_rows
        is_new = super().is_new  # repeats have their own turn
        return np.array([i for i, cell in enumerate(pool.cells) if is_new(cell)], np.int64)

    def _chosen(self, pool: _Pool, beliefs: Sequence[Belief], rows: Rows, count: int) -> list[int]:
        """Distinct rows to train next, up to `count`."""
        acquisition = self.settings.acquisition
        is_late = len(beliefs) == 1 and len(self.known) >= self.settings.explore
        if acquisition == "mean" or is_late:
            return lowest_means(beliefs[0], rows, count)
        if acquisition == "thompson":
            return lowest_draws(beliefs[0], rows, count, self._rng)
        return most_improvement(
            beliefs, rows, self._incumbents(pool, beliefs), self._weights(pool), count
        )

    def _incumbents(self, pool: _Pool, beliefs: Sequence[Belief]) -> Rows:
        """Rows that improvements are measured from: known ones within the limits."""
        known = {key: of for key, of in self.known.items() if key in pool.row_of}
        inside = [key for key, of in known.items() if of.violation == 0]
        if inside:
            return np.array([pool.row_of[key] for key in inside])
        # All that holds the limits is an improvement on the worst that is expected.
        return np.array([int(np.argmax(beliefs[0].mean))])

    def _weights(self, pool: _Pool) -> FloatArray:
        """(n,) probabilities that all limits hold."""
        if self._scores_all:
            return self.limit_rows
        weights = np.ones(len(pool.cells))
        for model in self._limits:
            weights *= model.probability(pool.graphs)
        return weights

    def is_new(self, cell: Cell) -> bool:
        """Whether a cell may be asked for: a new function, or the repeat that is due."""
        key = self.space.function(cell).key
        return super().is_new(cell) or (key in self._due and key not in self.pending)

    def _may_repeat(self, key: str) -> bool:
        known = self.known.get(key)
        return (
            known is not None
            and known.violation == 0
            and key not in self.pending
            and self._attempts[key] < self.trainings_each
            and self.is_allowed(known.cell)
        )

    def _repeats(self, count: int) -> list[Cell]:
        """Incumbents to train once more: as many as the next `count` trainings have room for."""
        if self.trainings_each == 1:
            return []
        each = self.settings.repeat_each
        asked = self._trainings + len(self.pending)
        due = (asked + count) // each - asked // each
        best = sorted(self._estimates().items(), key=lambda item: (item[1], item[0]))
        keys = [key for key, _ in best if self._may_repeat(key)][:due]
        self._due = frozenset(keys)
        return [self.known[key].cell for key in keys]

    def _estimates(self) -> Mapping[str, tuple[float, ...]]:
        by_label = super()._estimates()
        if len(self.known) < _FEWEST_KNOWN or self.settings.recommend == "label":
            return by_label
        pool, beliefs = self._beliefs()
        keys = [key for key in self.known if key in pool.row_of]
        rows = [pool.row_of[key] for key in keys]
        means = np.stack([b.scale.backward(b.mean[rows]) for b in beliefs], axis=1)
        expected = {k: tuple(costs) for k, costs in zip(keys, means.tolist(), strict=True)}
        return {**by_label, **expected}

    def _beliefs(self) -> tuple[_Pool, tuple[Belief, ...]]:
        """Beliefs about each objective of the functions of the pool, given all evaluations."""
        if self._fitted is None:
            # Its own generator: recommendations must not change what is asked for next.
            rng = np.random.default_rng([self.seed, self._trainings])
            pool = self._whole if self._scores_all else self._sample(rng)
            self._fitted = (
                pool,
                tuple(
                    self._belief(pool, place, quantity, rng)
                    for place, quantity in enumerate(self.problem.objectives)
                ),
            )
        return self._fitted

    def _belief(
        self, pool: _Pool, place: int, quantity: Quantity, rng: np.random.Generator
    ) -> Belief:
        """Belief about one objective."""
        known = _sorted_rows(pool, self.known)
        rows = np.array([row for row, _ in known], dtype=np.int64)
        costs = np.array([of.mean_costs[place] for _, of in known])
        if quantity.is_static:
            every = [self.problem.static_value(quantity, graph) for graph in pool.graphs]
            return IndependentBelief.exact(
                np.array(every), costs if len(costs) else np.array(every)
            )
        counts = np.array([len(of.costs) for _, of in known], dtype=np.float64)
        if self.settings.model != PROCESS:
            return IndependentBelief.predicted(
                self.settings.model, pool.graphs, rows, costs, counts, rng
            )
        stopped = _sorted_rows(pool, self.stopped)
        prior_rows, prior_costs = self._prior(pool, quantity)
        process = self.settings.process
        if quantity.kind == "latency":
            process = replace(process, noise=_LATENCY_NOISE)
        return Posterior.fit(
            pool.distances,
            Evidence(
                np.append(rows, np.array([row for row, _ in stopped], dtype=np.int64)),
                np.append(costs, [of.mean_costs[place] for _, of in stopped]),
                np.append(counts, np.full(len(stopped), _STOPPED_WEIGHT)),
                prior_rows,
                prior_costs,
            ),
            process,
        )

    def _prior(self, pool: _Pool, quantity: Quantity) -> tuple[Rows, FloatArray]:
        """Rows and costs of the warm start."""
        warm = self.warm_start
        if warm is None or quantity.name not in warm.costs:
            return np.empty(0, dtype=np.int64), np.empty(0)
        rows = [pool.row_of[self.space.function(cell).key] for cell in warm.cells]
        return np.array(rows, dtype=np.int64), np.asarray(warm.costs[quantity.name])

    @property
    def _scores_all(self) -> bool:
        return self.space.is_enumerated and self.settings.whole_space

    @cached_property
    def _whole(self) -> _Pool:
        functions = self.space.functions
        distances = Distances(_columns_of(functions))
        return _Pool(functions.cells, functions.graphs, functions.row_of, distances)

    def _sample(self, rng: np.random.Generator) -> _Pool:
        """What is known, pending or of the warm start, mutations of the best, random functions."""
        cells = {key: known.cell for key, known in (self.known | self.stopped).items()}
        cells.update(self.pending)
        for cell in self.warm_start.cells if self.warm_start else ():
            cells.setdefault(self.space.function(cell).key, cell)
        half = self.settings.sampled // 2
        parents = self.best_known(self.settings.parents)
        children = (
            self.space.mutated(parents[i % len(parents)].cell, 1.0 + i % 3, rng)
            for i in range(half if parents else 0)
        )
        others = islice(self.space.random_cells(rng), self.settings.sampled - half)
        for cell in (*children, *others):
            function = self.space.function(cell)
            if not function.is_dead:
                cells.setdefault(function.key, cell)
        graphs = [self.space.function(cell).graph for cell in cells.values()]
        ops = sorted({OPERATIONS.get(op) for op in self.space.ops}, key=lambda op: op.name)
        columns = Columns.of(GraphInputs(graphs, Vocabulary(tuple(ops))))
        row_of = {key: i for i, key in enumerate(cells)}
        return _Pool(tuple(cells.values()), graphs, row_of, Distances(columns))


@lru_cache(maxsize=4)
def _columns_of(functions: Functions) -> Columns:
    """Columns of all functions of a space, for all searches of a process."""
    return Columns.of(functions.inputs)


def _sorted_rows(pool: _Pool, known: Mapping[str, Known]) -> list[tuple[int, Known]]:
    """What is known, by row: the order of evaluations must not matter."""
    found = [(pool.row_of[key], of) for key, of in known.items() if key in pool.row_of]
    return sorted(found, key=lambda pair: pair[0])
