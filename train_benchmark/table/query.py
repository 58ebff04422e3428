"""Queries of a table, with an explicit seed."""

import operator
from collections.abc import Mapping
from typing import Literal, SupportsIndex

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.common.errors import DeadCellError, UserError
from graph_encoding.functional_identity import functional_form
from graph_encoding.semantics import Semantics
from train_benchmark.table.benchmark_table import LABELS, BenchmarkTable

SeedChoice = SupportsIndex | Literal["mean", "all"]
"""A seed, the "mean" of a function's seeds, or "all" of them."""


def query(
    table: BenchmarkTable,
    cell: Cell,
    metric: str = "val_per",
    *,
    seed: SeedChoice,
    epoch: int | None = None,
) -> float | dict[int, float]:
    """A measured phone error rate of a cell's function; lower is better.

    Args:
        table: the table.
        cell: any point of the function.
        metric: one of `LABELS`.
        seed: which training.
        epoch: from 1; return the validation PER after this epoch. The metric must be "val_per".

    Returns:
        One number, or with "all" one per seed.

    Raises:
        DeadCellError: if the cell is dead.
        UserError: if the cell was not measured, the seed or the epoch is missing, or the metric is
            unknown.
    """
    form = functional_form(cell, Semantics(table.metadata.semantics))
    if metric not in LABELS:
        raise UserError(f"a metric must be one of {', '.join(LABELS)}, but got {metric!r}")
    if epoch is not None and metric != "val_per":
        raise UserError(f"the metric must be 'val_per' with an epoch, but got {metric!r}")
    by_seed = table.labels_of(form.key, metric)
    if not by_seed:
        raise _nothing_measured(table, cell)
    if epoch is not None:
        by_seed = {row.seed: _at_epoch(row.val_per_curve, epoch) for row in table.rows_of(form.key)}
    return chosen_seed(by_seed, seed, f"cell {cell.text!r}")


def query_latency(
    table: BenchmarkTable, cell: Cell, setting: str, *, device: str | None = None
) -> float:
    """Measured seconds of one run of a cell's function; lower is better.

    Args:
        table: the table.
        cell: any point of the function.
        setting: one of `table.latency.settings`.
        device: name of the processor; optional if there is only one.

    Raises:
        DeadCellError: if the cell is dead.
        UserError: if the setting, the device, or the function in it was not measured.
    """
    form = functional_form(cell, Semantics(table.metadata.semantics))
    measured = table.latency.seconds(setting, device)
    if form.key in measured:
        return measured[form.key]
    tried = table.latency.failure_of(form.key, setting, device)
    if tried is None and form.is_dead:
        raise DeadCellError(
            f"table {table.metadata.name!r} has no latency of cell {cell.text!r} in {setting!r}: "
            "its output does not depend on the input (it is dead), so it is neither measured nor "
            "predicted; choose a living cell"
        )
    raise UserError(
        f"table {table.metadata.name!r} has no latency of cell {cell.text!r} in {setting!r} "
        f"({tried or 'not measured'}); forecast it with `nasasr predict`, or measure it with "
        "`nasasr latency`"
    )


def measurement_status(
    table: BenchmarkTable, cell: Cell
) -> Literal["measured", "failed", "dead", "unmeasured"]:
    """Whether a table has measured a cell's function.

    Args:
        table: the table.
        cell: any point of the function.

    Returns:
        "measured": at least one training succeeded; "failed": all trainings failed; "dead": not
        trained, because the output does not depend on the input; "unmeasured": not trained.
    """
    form = functional_form(cell, Semantics(table.metadata.semantics))
    statuses = table.statuses_of(form.key).values()
    if "ok" in statuses:
        return "measured"
    if statuses:
        return "failed"
    return "dead" if form.is_dead else "unmeasured"


def _nothing_measured(table: BenchmarkTable, cell: Cell) -> UserError:
    status = measurement_status(table, cell)
    if status == "dead":
        return DeadCellError(
            f"cell {cell.text!r} is dead: its output does not depend on the input, so it is not "
            "trained and has no error rate"
        )
    what = "failed trainings only" if status == "failed" else "no measured training"
    return UserError(
        f"table {table.metadata.name!r} has {what} of cell {cell.text!r}; forecast it with "
        "`nasasr predict`, or measure it with `nasasr collect`"
    )


def chosen_seed(
    by_seed: Mapping[int, float], seed: SeedChoice, what: str
) -> float | dict[int, float]:
    """Apply a choice of seeds to values by seed.

    Raises:
        UserError: if the seed is missing or the choice is invalid.
    """
    if seed == "all":
        return dict(by_seed)
    if seed == "mean":
        return float(np.mean(list(by_seed.values())))
    if isinstance(seed, SupportsIndex) and operator.index(seed) in by_seed:
        return by_seed[operator.index(seed)]
    raise UserError(
        f"{what} was measured with the seeds {sorted(by_seed)}: choose one of them, 'mean' or "
        f"'all', but got {seed!r}"
    )


def _at_epoch(curve: tuple[float, ...], epoch: int) -> float:
    if not isinstance(epoch, SupportsIndex) or not 1 <= operator.index(epoch) <= len(curve):
        raise UserError(f"an epoch must be in 1 .. {len(curve)}, but got {epoch!r}")
    return curve[epoch - 1]
