"""Guided search: a Gaussian process over all functions, refitted on what the search has trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal, NamedTuple

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.ops import OPERATIONS
from surrogate.predictors.features import GraphInputs, Vocabulary
from surrogate.predictors.gaussian.gp import GpSettings
from surrogate.search.history import Evaluation
from surrogate.search.problem import SearchProblem
from surrogate.search.searcher import Searcher, register_searcher
from surrogate.search.searchers.posterior import Posterior, Rows

Acquisition = Literal["thompson", "mean"]

_FEWEST_KNOWN = 2

_LEAST_LIKELY_STD = 2.0
"""Standard deviations below the mean that rank the functions among which draws are made."""


@dataclass(frozen=True)
class GuidedSettings:
    """Settings of `GuidedSearcher`.

    Attributes:
        start: random functions that it starts with, >= 2.
        explore: functions after which it takes the lowest posterior means, >= start; before, it
            takes what `acquisition` chooses.
        acquisition: "thompson": the lowest of a joint draw from the posterior, a draw for each
            cell; "mean": the lowest means from the beginning.
        drawn: functions of the lowest bounds among which joint draws are made, >= 1.
        repeat_each: where functions may be trained with several seeds, each so-many-th training
            repeats the incumbent with a new seed, >= 2.
        sampled: functions that are scored in a space too large to enumerate, >= 1.
        parents: best functions whose mutations are half of these, >= 1.
        gp: settings of the process.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field

    start: int = 10
    explore: int = 80
    acquisition: Acquisition = "thompson"
    drawn: int = 500
    repeat_each: int = 10
    sampled: int = 2000
    parents: int = 10
    gp: GpSettings = field(default_factory=GpSettings)

    def __post_init__(self) -> None:
        least = {"start": 2, "explore": self.start, "repeat_each": 2}
        for name in ("start", "explore", "drawn", "repeat_each", "sampled", "parents"):
            if getattr(self, name) < least.get(name, 1):
                raise UserError(
                    f"{name} must be >= {least.get(name, 1)}, but got {getattr(self, name)}"
                )


class _Pool(NamedTuple):
    """Functions that are scored.

    Attributes:
        cells: (n,) a cell of each.
        inputs: their graphs.
        row_of: functional key -> row.
    """

    cells: Sequence[Cell]
    inputs: GraphInputs
    row_of: Mapping[str, int]


@register_searcher
class GuidedSearcher(Searcher):
    """Scores every function of the space before each batch, and recommends by posterior mean.

    The predictor `gp` is refitted on the evaluations of this search alone: no shipped
    surrogate takes part, which may have seen the table that the search is evaluated on. In a
    space too large to enumerate, random functions and mutations of the best are scored.

    A batch is of joint draws from the posterior; cells that are pending count as if their
    trainings had given what is expected.

    Source: Thompson sampling: Kandasamy et al., "Parallelised Bayesian optimisation via Thompson
    sampling", AISTATS 2018; pending cells: Desautels et al., JMLR 2014; the recommendation by
    posterior mean: Frazier et al., "The knowledge-gradient policy", 2009.
    """

    name = "guided"
    settings_type = GuidedSettings
    settings: GuidedSettings

    def __init__(self, problem: SearchProblem, **options: Any) -> None:
        super().__init__(problem, **options)
        self._trainings = 0
        self._fitted: tuple[_Pool, Posterior] | None = None

    def _learn(self, evaluations: Sequence[Evaluation]) -> None:
        self._trainings += len(evaluations)
        self._fitted = None

    def _propose(self, count: int) -> Sequence[Cell]:
        asked = len(self.known) + len(self.pending)
        missing = self.settings.start - asked
        if missing > 0 or len(self.known) < _FEWEST_KNOWN:
            return list(islice(self.random_new(), min(count, max(missing, 1))))
        repeated = self._repeats(count)
        pool, posterior = self._posterior()
        pending = [pool.row_of[key] for key in self.pending if key in pool.row_of]
        rows = self._open(pool)
        if not len(rows):
            return repeated
        chosen = self._chosen(posterior.given_pending(pending), rows, count - len(repeated))
        return [*repeated, *(pool.cells[row] for row in chosen)]

    def _open(self, pool: _Pool) -> Rows:
        """Rows of a pool that may be asked for."""
        if self.space.is_enumerated:
            return self.open_rows
        return np.array([i for i, cell in enumerate(pool.cells) if self.is_new(cell)], np.int64)

    def _chosen(self, posterior: Posterior, rows: Rows, count: int) -> list[int]:
        """Distinct rows to train next, up to `count`."""
        late = len(self.known) >= self.settings.explore
        if late or self.settings.acquisition == "mean":
            order = np.argsort(posterior.mean[rows], kind="stable")
            return [int(row) for row in rows[order[:count]]]
        # Joint draws of thousands of functions take too long: only those that may be the best.
        optimistic = posterior.mean[rows] - _LEAST_LIKELY_STD * posterior.std[rows]
        rows = rows[np.argsort(optimistic, kind="stable")[: self.settings.drawn]]
        chosen: list[int] = []
        for draw in posterior.draws(rows, min(count, len(rows)), self._rng):
            best_first = rows[np.argsort(draw, kind="stable")]
            chosen.append(next(int(row) for row in best_first if row not in chosen))
        return chosen

    def is_new(self, cell: Cell) -> bool:
        """Whether a cell may be asked for: a new function, or the repeat that is due."""
        return super().is_new(cell) or self._may_repeat(self.space.function(cell).key)

    def _may_repeat(self, key: str) -> bool:
        known = self.known.get(key)
        return (
            known is not None
            and key not in self.pending
            and len(known.costs) < self.trainings_each
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
        return [self.known[key].cell for key, _ in best if self._may_repeat(key)][:due]

    def _estimates(self) -> Mapping[str, tuple[float, ...]]:
        if len(self.known) < _FEWEST_KNOWN:
            return super()._estimates()
        pool, posterior = self._posterior()
        keys = [key for key in self.known if key in pool.row_of]
        means = posterior.scale.backward(posterior.mean[[pool.row_of[key] for key in keys]])
        # Foreign cells of another space are known by their labels alone.
        return {
            **super()._estimates(),
            **{key: (float(mean),) for key, mean in zip(keys, means, strict=True)},
        }

    def _posterior(self) -> tuple[_Pool, Posterior]:
        """Posterior of the functions of the pool, given all evaluations."""
        if self._fitted is None:
            # Its own generator: recommendations must not change what is asked for next.
            rng = np.random.default_rng([self.seed, self._trainings])
            pool = self._pool(rng)
            known = sorted((pool.row_of[k], k) for k in self.known if k in pool.row_of)
            posterior = Posterior.fit(
                pool.inputs,
                np.array([row for row, _ in known], dtype=np.int64),
                np.array([self.known[key].cost for _, key in known]),
                np.array([len(self.known[key].costs) for _, key in known], dtype=np.float64),
                rng,
                self.settings.gp,
            )
            self._fitted = pool, posterior
        return self._fitted

    def _pool(self, rng: np.random.Generator) -> _Pool:
        if self.space.is_enumerated:
            functions = self.space.functions
            return _Pool(functions.cells, functions.inputs, functions.row_of)
        cells = {key: known.cell for key, known in self.known.items()}
        cells.update(self.pending)
        half = self.settings.sampled // 2
        parents = self.best_known(self.settings.parents)
        children = (
            self.space.mutated(parents[i % len(parents)].cell, 1.0 + i % 3, rng)
            for i in range(half)
        )
        others = islice(self.space.random_cells(rng), self.settings.sampled - half)
        for cell in (*children, *others):
            function = self.space.function(cell)
            if not function.is_dead:
                cells.setdefault(function.key, cell)
        graphs = [self.space.function(cell).graph for cell in cells.values()]
        ops = sorted({OPERATIONS.get(op) for op in self.space.ops}, key=lambda op: op.name)
        inputs = GraphInputs(graphs, Vocabulary(tuple(ops)))
        return _Pool(tuple(cells.values()), inputs, {key: i for i, key in enumerate(cells)})
