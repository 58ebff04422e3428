"""Error rates of many cells at once, as arrays: equal to `Benchmark.query` cell by cell."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.functional_identity import key_and_death
from graph_encoding.ops import OPERATIONS, Operation
from graph_encoding.semantics import Semantics
from graph_encoding.space import CellSpace
from surrogate.data.targets import FloatArray
from surrogate.forecasting.values import Estimate, TargetForecast

if TYPE_CHECKING:
    import pyarrow as pa

SOURCES = ("measured", "forecast", "estimate", "dead", "missing")
"""Where a value comes from. "dead" and "missing" cells have none: the output does not depend on the
input, or the function was measured, but not with the requested seed."""


class Row(NamedTuple):
    """The result for one function, see `Answers`."""

    value: float = math.nan
    source: str = "dead"
    seeds: int = 0
    std: float = math.nan
    low: float = math.nan
    high: float = math.nan


NO_ROW = Row()
MISSING = Row(source="missing")


@dataclass(frozen=True, eq=False)
class Answers:
    """The results of a batch query, one row per cell.

    Attributes:
        cells: (n,) the cells.
        value: (n,) phone error rates, lower is better; NaN for the sources "dead" and "missing".
        source: (n,) each one of `SOURCES`.
        seeds: (n,) trainings that a measured value averages or an estimate uses; else 0.
        std: (n,) standard deviations of forecasts and estimates; NaN for other sources.
        low: (n,) lower ends of their intervals; NaN for other sources.
        high: (n,) upper ends; NaN for other sources.
    """

    cells: tuple[Cell, ...]
    value: FloatArray
    source: NDArray[np.str_]
    seeds: NDArray[np.int64]
    std: FloatArray
    low: FloatArray
    high: FloatArray

    def __len__(self) -> int:
        return len(self.value)

    @classmethod
    def of(cls, cells: tuple[Cell, ...], rows: Sequence[Row]) -> "Answers":
        """The results of n cells, a row for each."""
        columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) or [()] * len(Row._fields)
        kinds = (np.float64, np.str_, np.int64, np.float64, np.float64, np.float64)
        arrays: Iterator[NDArray[Any]] = (
            np.array(c, dtype=kind) for c, kind in zip(columns, kinds, strict=True)
        )
        return cls(cells, *arrays)

    def to_arrow(self) -> "pa.Table":
        """A table of the texts of the cells and the other attributes.

        Its `to_pandas()` is a data frame, where pandas is installed.
        """
        import pyarrow as pa

        columns = {field.name: getattr(self, field.name) for field in fields(self)[1:]}
        return pa.table({"cell": [cell.text for cell in self.cells], **columns})


class Function(NamedTuple):
    """What a cell computes: its functional key, and whether it is dead."""

    key: str
    is_dead: bool


_MOST_KNOWN = 200_000
"""Cells whose functions are cached; a batch of new cells beyond them empties the cache first."""


def functions_of(cells: Sequence[Cell], semantics: Semantics) -> list[Function]:
    """The function of each cell."""
    known = _known(tuple(OPERATIONS.get(op) for op in OPERATIONS), semantics)
    if len(known) > _MOST_KNOWN:
        known.clear()
    found = []
    for cell in cells:
        function = known.get(cell)
        if function is None:
            function = known[cell] = Function(*key_and_death(cell, semantics))
        # Not read from the cache again: another thread may have emptied it.
        found.append(function)
    return found


# Of all operations: one of another meaning may be registered under a name later.
@lru_cache(maxsize=2)
def _known(ops: tuple[Operation, ...], semantics: Semantics) -> dict[Cell, Function]:
    """The cache of `functions_of`, empty at first."""
    del ops, semantics
    return {}


@lru_cache(maxsize=1)
def standard_cells() -> tuple[Cell, ...]:
    """All points of the standard space, in the order of `CellSpace`."""
    return tuple(CellSpace())


def measured_row(by_seed: Mapping[int, float], seed: Any) -> Row:
    """The row of a measured function: of one of its trainings, or the mean of all.

    Args:
        by_seed: seed -> value, not empty.
        seed: a seed or "mean".
    """
    if seed != "mean":
        return Row(by_seed[seed], "measured", 1) if seed in by_seed else MISSING
    values = list(by_seed.values())
    # The mean of one value is that value; NumPy takes long to compute it.
    mean = values[0] if len(values) == 1 else float(np.mean(values))
    return Row(mean, "measured", len(values))


def forecast_row(forecast: TargetForecast) -> Row:
    """The row of a function that was never measured."""
    low, high = (math.nan if end is None else end for end in (forecast.low, forecast.high))
    return Row(forecast.mean, "forecast", 0, forecast.std, low, high)


def estimate_row(estimate: Estimate) -> Row:
    """The row of a function whose true mean is estimated."""
    found = estimate
    return Row(found.mean, "estimate", found.seeds, found.std, found.low, found.high)


def at_epoch(curve: Sequence[float], epoch: int) -> float:
    """The validation PER after an epoch, from 1.

    Raises:
        UserError: if the curve has no such epoch.
    """
    if not 1 <= epoch <= len(curve):
        raise UserError(f"an epoch must be in 1 .. {len(curve)}, but got {epoch}")
    return curve[epoch - 1]
