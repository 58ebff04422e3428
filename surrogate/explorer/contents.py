"""What the page holds: the space, tables with their forecasts, and recorded searches."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from graph_encoding.common.errors import UserError
from graph_encoding.semantics import Semantics
from graph_encoding.space import CellSpace
from surrogate.data.prediction import check_level
from surrogate.data.targets import PER_UNIT, TARGETS
from surrogate.explorer.columns import PER_DIGITS, Digits, latency_digits, packed
from surrogate.explorer.forecast_columns import SUPPORTS, OnLevel, forecast_columns
from surrogate.explorer.runs import STATUSES, SearchRun
from surrogate.explorer.standard_space import StandardSpace, nearest_functions
from surrogate.explorer.table_columns import (
    Columns,
    cost_columns,
    latency_columns,
    measured_columns,
)
from surrogate.forecasting.benchmark_query import check_same_source
from surrogate.forecasting.forecast import Forecaster
from train_benchmark.labels import LABELS

if TYPE_CHECKING:
    from train_benchmark.table.benchmark_table import BenchmarkTable

DEFAULT_LEVELS = (0.5, 0.9, 0.95)

TableAndForecaster = tuple["BenchmarkTable", Forecaster | None]


@dataclass(frozen=True, eq=False)
class Contents:
    """Facts and columns of the page.

    Attributes:
        about: facts: the space, the tables, the searches.
        columns: name -> whole numbers, see `columns`.
        digits: how each latency setting of each table is shown, one mapping per table.
    """

    about: dict[str, Any]
    columns: Columns
    digits: tuple[dict[str, Digits], ...]

    def packed(self) -> bytes:
        """All of it as one compressed block."""
        return packed(self.about, self.columns)


def explorer_contents(
    tables: Sequence[TableAndForecaster],
    runs: Sequence[SearchRun] = (),
    *,
    levels: Sequence[float] = DEFAULT_LEVELS,
    on_level: OnLevel = lambda _done, _total: None,
) -> Contents:
    """Gather what the page holds.

    Args:
        tables: tables, each with the forecaster that was fitted on it; None shows measurements
            alone.
        runs: recorded searches.
        levels: levels of the intervals, each in (0, 1).
        on_level: progress of the forecasts: done, of how many.

    Raises:
        UserError: if there is no table, two share a name, they differ in semantics, a level is
            invalid, or a forecaster belongs to another table.
    """
    for level in levels:
        check_level(level)
    names = [table.metadata.name for table, _ in tables]
    if not names or len(set(names)) != len(names):
        raise UserError(f"the explorer needs tables of different names, but got {names}")
    kinds = {table.metadata.name: table.metadata.semantics for table, _ in tables}
    if len(set(kinds.values())) > 1:
        raise UserError(f"tables of one page must have one semantics, but theirs are {kinds}")
    space = StandardSpace.of(Semantics(tables[0][0].metadata.semantics))
    nearest, squared = nearest_functions(space)
    columns: Columns = {"points": space.points, "nearest": nearest, "nearest_squared": squared}
    facts, digits = [], []
    for i, (table, forecaster) in enumerate(tables):
        fact, own, of_table = _of_table(table, forecaster, space, levels, on_level)
        facts.append(fact)
        digits.append(of_table)
        columns |= {f"{i}/{name}": column for name, column in own.items()}
    for i, run in enumerate(runs):
        columns |= {f"run{i}/{name}": column for name, column in run.columns(space).items()}
    standard = CellSpace()
    about = {
        "space": {"ops": standard.ops, "nodes": standard.nodes, "keys": space.keys},
        "supports": SUPPORTS,
        "statuses": STATUSES,
        "tables": facts,
        "runs": [run.facts() for run in runs],
    }
    return Contents(about, columns, tuple(digits))


def _of_table(
    table: "BenchmarkTable",
    forecaster: Forecaster | None,
    space: StandardSpace,
    levels: Sequence[float],
    on_level: OnLevel,
) -> tuple[dict[str, Any], Columns, dict[str, Digits]]:
    columns = {**cost_columns(table, space), **measured_columns(table, space)}
    digits: dict[str, Digits] = {}
    if forecaster is not None:
        check_same_source(table, forecaster)
        forecasts, digits = forecast_columns(forecaster, space, levels, on_level)
        columns |= forecasts
    devices = {}
    for setting in table.latency.settings:
        device, *others = table.latency.devices(setting)
        if others:
            continue  # no single number, and no artifact forecasts it
        devices[setting] = device
        seconds = list(table.latency.seconds(setting).values())
        shown = digits.setdefault(setting, latency_digits(seconds))
        columns[f"latency/{setting}/measured"] = latency_columns(table, space, setting, shown)
    fact = {
        "name": table.metadata.name,
        "artifact": None if forecaster is None else forecaster.metadata.name,
        "recipe_hash": table.metadata.recipe_hash,
        "licence": table.metadata.licence,
        "trainings": len(table.measured),
        "levels": list(levels) if forecaster is not None else [],
        "targets": [_target(name) for name in (forecaster.targets if forecaster else ())],
        "labels": [
            {"name": label, "unit": PER_UNIT, "says": table.label_definitions[label]}
            for label in LABELS
        ],
        "settings": [
            {"name": name, "device": devices.get(name, ""), **asdict(shown)}
            for name, shown in digits.items()
        ],
    }
    return fact, columns, digits


def _target(name: str) -> dict[str, Any]:
    target = TARGETS.get(name)
    return {
        "name": name,
        "unit": target.unit,
        "direction": target.direction,
        "decimals": PER_DIGITS.decimals,
    }
