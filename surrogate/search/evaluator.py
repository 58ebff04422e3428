"""Where the values of a function come from: a table with a stated seed, or a forecast."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.common.hashing import content_hash
from graph_encoding.macro import MACROS, Macro
from graph_encoding.semantics import Semantics
from surrogate.data.targets import FloatArray
from surrogate.forecasting.forecast import Forecaster
from surrogate.search.problem import Quantity, SearchProblem

if TYPE_CHECKING:
    from train_benchmark.table.benchmark_table import BenchmarkTable

_SAMPLED = 200
"""Random functions of a space by which a search sees whether its table covers it."""


class Request(NamedTuple):
    """What is to be evaluated.

    Attributes:
        cell: a living cell.
        key: its functional key.
        seed: seed of the training.
    """

    cell: Cell
    key: str
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What an evaluator found.

    Attributes:
        values: name of a quantity -> value; empty for what failed.
        error: why it failed; else empty.
    """

    values: dict[str, float] = field(default_factory=dict)
    error: str = ""


class Evaluator(Protocol):
    """Gives the values of functions; a searcher never sees it."""

    @property
    def source(self) -> str:
        """Where the values come from, in words."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds that a function may be evaluated with, the first one first."""

    def evaluate(self, requests: Sequence[Request]) -> Iterable[Outcome]:
        """Evaluate n requests; one outcome for each, in order, as soon as it is there."""


@runtime_checkable
class SlowEvaluator(Evaluator, Protocol):
    """An evaluator that takes long for each request."""

    def evaluate_each(
        self, requests: Sequence[Request], on_outcome: Callable[[Outcome], None]
    ) -> None:
        """As `evaluate`, and hand each outcome over, in order, as soon as it is there."""


class TableEvaluator:
    """Looks values up in a table.

    Args:
        table: the table.
        problem: what is wanted.
        seeds: seeds of the trainings, in the order in which repeats of a function take them. No
            other seed is ever read.
        missing: what a training that the table does not have is: an "error", or a "failed"
            evaluation.
        measures_latency: whether a training is timed, too. If not, limits on latencies rest on
            their forecasts alone, as they do for a function without a measurement.

    Raises:
        UserError: if there is no seed, one repeats, the table reads cells otherwise, counts params
            and MACs of another macro network, or lacks a seed or a latency setting altogether.
    """

    def __init__(
        self,
        table: "BenchmarkTable",
        problem: SearchProblem,
        *,
        seeds: Sequence[int],
        missing: Literal["error", "failed"] = "error",
        measures_latency: bool = True,
    ) -> None:
        self._table, self._problem, self._missing = table, problem, missing
        self._seeds = tuple(seeds)
        if not self._seeds or len(set(self._seeds)) != len(self._seeds):
            raise UserError(f"a search must have one or more distinct seeds, but got {seeds!r}")
        unknown = sorted(set(self._seeds) - set(table.seeds))
        if unknown:
            raise UserError(
                f"table {table.metadata.name!r} has trainings with the seeds {list(table.seeds)}, "
                f"but the search asks for {unknown}"
            )
        if Semantics(table.metadata.semantics) is not problem.space.semantics:
            raise UserError(
                f"a search must read cells as its table does, {table.metadata.semantics!r}, but "
                f"reads them as {problem.space.semantics.value!r}"
            )
        own = Macro.from_plain(table.metadata.recipe["macro"])
        if any(q.is_static for q in problem.quantities) and MACROS.get(problem.macro) != own:
            raise UserError(
                f"params and macs must be those of the table's macro network {own}, but the "
                f"problem has {problem.macro!r}; name the table's"
            )
        self._quantities = [
            quantity
            for quantity in problem.quantities
            if measures_latency or quantity.kind != "latency" or quantity in problem.objectives
        ]
        for quantity in self._quantities:
            if quantity.kind == "latency":
                table.latency.seconds(quantity.name)

    @property
    def source(self) -> str:
        """The table's name."""
        return f"table {self._table.metadata.name}"

    @property
    def content_sha256(self) -> str:
        """Checksum of the table."""
        return self._table.content_sha256

    def check_space(self, is_allowed: Callable[[Cell], bool] = lambda _cell: True) -> None:
        """Refuse a table that lacks most trainings which a search may ask for.

        Args:
            is_allowed: whether a search may ask for a living cell.

        Raises:
            UserError: if fewer than half of some random functions have a training with the first
                seed.
        """
        space = self._problem.space
        drawn = islice(space.random_cells(np.random.default_rng(0)), _SAMPLED)
        cells = [cell for cell in drawn if not space.function(cell).is_dead and is_allowed(cell)]
        first = self._seeds[0]
        found = sum(first in self._table.statuses_of(space.function(cell).key) for cell in cells)
        if 2 * found < len(cells):
            raise UserError(
                f"a table must have trainings of most functions that are searched, with seed "
                f"{first}, but table {self._table.metadata.name!r} has them of {found} of "
                f"{len(cells)} random ones with {space.nodes} operations out of "
                f"{', '.join(space.ops)}; search forecasts (--evaluator forecast), or another "
                "table or space, or name a seed first that most functions were trained with"
            )

    @property
    def recipe_hash(self) -> str:
        """Hash of the table's recipe."""
        return self._table.metadata.recipe_hash

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that were given."""
        return self._seeds

    def evaluate(self, requests: Sequence[Request]) -> list[Outcome]:
        """Look n requests up.

        Raises:
            UserError: if the table lacks one and missing values are errors.
        """
        return [self._one(request) for request in requests]

    def curves(self, requests: Sequence[Request]) -> list[FloatArray]:
        """Costs of the first objective after each epoch of n requested trainings.

        Raises:
            UserError: if a training has no curve.
        """
        first = self._problem.objectives[0]
        return [self._curve(first, request) for request in requests]

    def _curve(self, first: Quantity, request: Request) -> FloatArray:
        for record in self._table.rows_of(request.key):
            if record.seed == request.seed and record.val_per_curve:
                return np.array([first.to_cost(per) for per in record.val_per_curve])
        raise UserError(
            f"early stopping needs the learning curve of every training, but table "
            f"{self._table.metadata.name!r} has none of cell {request.cell.text} with seed "
            f"{request.seed}; leave early stopping out"
        )

    def _one(self, request: Request) -> Outcome:
        values: dict[str, float] = {}
        for quantity in self._quantities:
            found = self._value(quantity, request)
            if found is None and quantity.kind == "latency" and not self._is_objective(quantity):
                continue  # the limit rests on its forecast
            if found is None:
                return self._absent(quantity, request)
            values[quantity.name] = found
        return Outcome(values)

    def _is_objective(self, quantity: Quantity) -> bool:
        return quantity in self._problem.objectives

    def _value(self, quantity: Quantity, request: Request) -> float | None:
        if quantity.target is not None:
            of_seed = self._table.labels_of(request.key, quantity.target.label)
            return of_seed.get(request.seed)
        if quantity.kind == "latency":
            return self._table.latency.seconds(quantity.name).get(request.key)
        function = self._problem.space.function(request.cell)
        return self._problem.static_value(quantity, function.graph)

    def _absent(self, quantity: Quantity, request: Request) -> Outcome:
        status = self._table.statuses_of(request.key).get(request.seed)
        name = self._table.metadata.name
        if quantity.kind == "target" and status is not None:
            return Outcome(error=f"the training in table {name!r} has the status {status!r}")
        seed = f" with seed {request.seed}" if quantity.kind == "target" else ""
        message = f"table {name!r} has no {quantity.name} of cell {request.cell.text}{seed}"
        if self._missing == "error":
            remedy = (
                "name several training seeds: a function without one then counts as failed"
                if quantity.kind == "target"
                else "take a setting that is measured for all functions, or a limit in its place"
            )
            raise UserError(f"{message}; {remedy}")
        return Outcome(error=message)


class ForecastEvaluator:
    """Takes forecasts of an artifact for measurements: for spaces that no table covers.

    Args:
        forecaster: the artifact's.
        problem: what is wanted.

    Raises:
        UserError: if the artifact has no such target or setting, or counts params and MACs of
            another macro network.
    """

    def __init__(self, forecaster: Forecaster, problem: SearchProblem) -> None:
        self._forecaster, self._problem = forecaster, problem
        self._targets = [q.name for q in problem.quantities if q.kind == "target"]
        self._settings = [q.name for q in problem.quantities if q.kind == "latency"]
        own = forecaster.metadata.macro
        if any(q.is_static for q in problem.quantities) and MACROS.get(problem.macro) != own:
            raise UserError(
                f"params and macs must be those of the artifact's macro network {own}, but the "
                f"problem has {problem.macro!r}; name the artifact's"
            )
        # An empty request: names that the artifact does not have are refused at once.
        forecaster.forecast([], targets=self._targets, curve=False, latency=self._settings)

    @property
    def source(self) -> str:
        """The artifact's name."""
        return f"forecast of {self._forecaster.metadata.name}"

    @property
    def content_sha256(self) -> str:
        """Checksum of what the artifact is, with that of the table that it was fitted on."""
        return content_hash(asdict(self._forecaster.metadata))

    @property
    def seeds(self) -> tuple[int, ...]:
        """One: a forecast is of no particular seed."""
        return (0,)

    def evaluate(self, requests: Sequence[Request]) -> list[Outcome]:
        """Forecast n requests."""
        forecasts = self._forecaster.forecast(
            [request.cell for request in requests],
            targets=self._targets,
            curve=False,
            latency=self._settings,
        )
        outcomes = []
        for request, forecast in zip(requests, forecasts, strict=True):
            values = {target.target: target.mean for target in forecast.targets}
            for latency in forecast.latencies:
                # Of several devices the artifact's own comes first.
                values.setdefault(latency.setting, latency.mean)
            graph = self._problem.space.function(request.cell).graph
            for quantity in self._problem.quantities:
                if quantity.is_static:
                    values[quantity.name] = self._problem.static_value(quantity, graph)
            outcomes.append(Outcome(values))
        return outcomes
