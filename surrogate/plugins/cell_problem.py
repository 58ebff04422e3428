"""Objectives and limits of cells, valued by a benchmark: what the adapters of all tools share."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.common.errors import DeadCellError, UserError
from graph_encoding.graph import CellGraph
from graph_encoding.interop.parameters import CellParameters
from graph_encoding.macro import MACROS
from graph_encoding.semantics import Semantics
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.targets import FloatArray, Target
from surrogate.forecasting.benchmark_query import Benchmark
from surrogate.search.pareto import non_dominated
from surrogate.search.problem import Limit, Quantity, SearchProblem
from surrogate.search.space import SearchSpace
from train_benchmark.table.query import SeedChoice

_AT_ONCE = 500
"""Rows that are compared with each other at once."""


class NoValueError(UserError):
    """A cell of the space has no value: it is dead, or its training or measurement failed."""


class DeadValueError(NoValueError, DeadCellError):
    """As `NoValueError`, of a dead cell."""


class CellProblem:
    """Values of cells for an optimiser: measured if the table has them, else forecast.

    Args:
        benchmark: a benchmark, or the name or folder of its table.
        objectives: distinct registered targets, latency settings, "params" or "macs". All are
            minimised.
        limits: name of a latency setting, "params" or "macs" -> the greatest value allowed.
        seed: seed of the trainings, or "mean" of all seeds of a function.
        epoch: validation PER after this epoch, from 1, in place of the label `val_per`.
        space: the cells; by default those of the standard space.

    Attributes:
        benchmark: the benchmark.
        search: objectives, limits and space, as searchers take them.
        seed: as given.
        epoch: as given.
        parameters: the codec between cells and named parameters.

    Raises:
        UserError: if a name, the seed or the epoch is unknown, or a limit is not positive.
    """

    def __init__(
        self,
        benchmark: Benchmark | str = "timit-micro",
        objectives: Sequence[str] = ("val_per",),
        *,
        limits: Mapping[str, float] | None = None,
        seed: SeedChoice = "mean",
        epoch: int | None = None,
        space: SearchSpace | None = None,
    ) -> None:
        if isinstance(benchmark, str):
            benchmark = Benchmark.load(benchmark)
        self.benchmark, self.seed, self.epoch = benchmark, seed, epoch
        semantics = Semantics(benchmark.table.metadata.semantics)
        if space is not None and space.semantics is not semantics:
            raise UserError(
                f"a space must have the semantics of its table, {semantics.value!r}, but has "
                f"{space.semantics.value!r}; pass SearchSpace(semantics=...)"
            )
        self.search = SearchProblem(
            tuple(Quantity.of(name) for name in objectives),
            tuple(Limit(Quantity.of(name), most) for name, most in (limits or {}).items()),
            SearchSpace(semantics=semantics) if space is None else space,
            self._macro_name(),
        )
        self.parameters = CellParameters(self.search.space.cells)
        self._check(seed, epoch)
        measured = Cell.parse(benchmark.table.cell_of(benchmark.table.keys[0]))
        for quantity in self.search.quantities:
            # One query of each, so that unknown names raise an error now.
            with suppress(NoValueError):
                self._value(quantity, measured, "mean", epoch)

    def _macro_name(self) -> str:
        """Registered name of the macro network of the benchmark."""
        own = self.benchmark.forecaster.metadata.macro
        for name in MACROS:
            if MACROS.get(name) == own:
                return str(name)
        raise UserError(
            f"params and macs need a registered macro network, but that of the artifact, {own}, "
            "is not; register it in graph_encoding.MACROS"
        )

    @property
    def names(self) -> tuple[str, ...]:
        """(m,) names of the objectives."""
        return tuple(quantity.name for quantity in self.search.objectives)

    @property
    def limits(self) -> tuple[Limit, ...]:
        """(l,) the limits."""
        return self.search.limits

    @property
    def epochs(self) -> int:
        """Epochs of a training.

        Raises:
            UserError: if trainings of the table differ in their epochs.
        """
        epochs = self.benchmark.table.epochs
        if epochs is None:
            raise UserError(
                "epochs as fidelity need trainings of one length, but those of table "
                f"{self.benchmark.table.metadata.name!r} differ; choose another table"
            )
        return epochs

    def values(
        self, cell: Cell, *, seed: SeedChoice | None = None, epoch: int | None = None
    ) -> dict[str, float]:
        """Name of each objective and each limited quantity -> its value.

        Args:
            cell: a cell of the space.
            seed: in place of the problem's.
            epoch: in place of the problem's.

        Raises:
            NoValueError: if the cell is dead, or has no value for the seed.
            UserError: if the table has no such seed or epoch.
        """
        return {q.name: self.value(q, cell, seed=seed, epoch=epoch) for q in self.search.quantities}

    def value(
        self,
        quantity: Quantity,
        cell: Cell,
        *,
        seed: SeedChoice | None = None,
        epoch: int | None = None,
    ) -> float:
        """One value, of any quantity; arguments and errors as for `values`."""
        seed = self.seed if seed is None else seed
        epoch = self.epoch if epoch is None else epoch
        self._check(seed, epoch)
        if self.search.space.function(cell).is_dead:
            raise DeadValueError(
                f"a value needs a living cell, but {cell.text!r} is dead: its output does not "
                "depend on the input; evaluate another cell"
            )
        return self._value(quantity, cell, seed, epoch)

    def costs(
        self, cell: Cell, *, seed: SeedChoice | None = None, epoch: int | None = None
    ) -> tuple[float, ...]:
        """(m,) costs of the objectives, lower is better; raises as `values`."""
        return self.search.costs(self.values(cell, seed=seed, epoch=epoch))

    def excess(self, values: Mapping[str, float]) -> dict[str, float]:
        """Name of each limited quantity -> its value as a share of the limit, minus 1.

        A limit holds where it is <= 0.
        """
        return {
            limit.quantity.name: values[limit.quantity.name] / limit.most - 1.0
            for limit in self.limits
        }

    def curve(self, cell: Cell, *, seed: SeedChoice | None = None) -> tuple[float, ...]:
        """Validation PER after each epoch; raises as `values`."""
        self.values(cell, seed=seed)
        return self.benchmark.query_curve(cell, seed=self.seed if seed is None else seed)

    @cached_property
    def front(self) -> FloatArray:
        """(f, m) costs of the Pareto front of all living functions within the limits."""
        found = []
        for cell in self.search.space.functions.cells:
            try:
                values = self.values(cell)
            except NoValueError:
                continue
            if all(excess <= 0 for excess in self.excess(values).values()):
                found.append(self.search.costs(values))
        front = np.empty((0, len(self.names)))
        for start in range(0, len(found), _AT_ONCE):
            front = np.unique(np.concatenate([front, found[start : start + _AT_ONCE]]), axis=0)
            front = front[non_dominated(front)]
        return front

    def _check(self, seed: SeedChoice, epoch: int | None) -> None:
        """Make sure that the table has trainings with a seed, and so many epochs."""
        table = self.benchmark.table
        if seed != "mean" and seed not in table.seeds:
            raise UserError(
                f"table {table.metadata.name!r} has the seeds {list(table.seeds)}: choose one of "
                f"them or 'mean', but got {seed!r}"
            )
        if epoch is not None and not 1 <= epoch <= self.epochs:
            raise UserError(f"an epoch must be in 1 .. {self.epochs}, but got {epoch}")

    def _value(self, quantity: Quantity, cell: Cell, seed: SeedChoice, epoch: int | None) -> float:
        if quantity.kind == "latency":
            return self._latency(quantity.name, cell)
        if quantity.is_static:
            return self.search.static_value(quantity, self.search.space.function(cell).graph)
        answers = self.benchmark.query_many([cell], quantity.name, seed=seed, epoch=epoch)
        if answers.source[0] == "missing":
            raise NoValueError(
                f"a value needs a training with seed {seed!r}, but cell {cell.text!r} has none; "
                "choose the seed 'mean', or evaluate another cell"
            )
        return float(answers.value[0])

    def _latency(self, setting: str, cell: Cell) -> float:
        table = self.benchmark.table.latency
        key = self.search.space.function(cell).key
        if setting in table.settings and table.failure_of(key, setting):
            raise NoValueError(
                f"a latency needs a measurement that succeeded, but that of cell {cell.text!r} in "
                f"{setting!r} did not; evaluate another cell"
            )
        return self.benchmark.query_latency(cell, setting).value


def merged_dataset(
    target: Target, graphs: Sequence[CellGraph], labels: FloatArray
) -> SurrogateDataset:
    """A dataset of n labelled graphs, with the mean label of equal functions and their number.

    Raises:
        UserError: if lengths differ, or a label is not finite.
    """
    if len(labels) != len(graphs):
        raise UserError(
            f"labels must be one for each graph, but {len(graphs)} graphs have {len(labels)}"
        )
    by_key: dict[str, list[int]] = {}
    for row, graph in enumerate(graphs):
        by_key.setdefault(graph.key, []).append(row)
    groups = list(by_key.values())
    return SurrogateDataset(
        target,
        tuple(graphs[rows[0]] for rows in groups),
        np.array([labels[rows].mean() for rows in groups], dtype=np.float64),
        np.array([len(rows) for rows in groups], dtype=np.int64),
        np.array(
            [
                target.transform.to_model(labels[rows]).var(ddof=1) if len(rows) > 1 else np.nan
                for rows in groups
            ],
            dtype=np.float64,
        ),
    )
