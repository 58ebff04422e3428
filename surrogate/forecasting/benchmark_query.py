"""Error rates of any cell: measured if the table has it, else forecast."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.functional_identity import functional_form
from graph_encoding.semantics import Semantics
from surrogate.data.prediction import check_level
from surrogate.data.targets import PER_UNIT, TARGETS, label_epochs
from surrogate.fitting.artifact import DEFAULT_ARTIFACT
from surrogate.forecasting.batch_query import (
    NO_ROW,
    Answers,
    Function,
    Row,
    at_epoch,
    estimate_row,
    forecast_row,
    functions_of,
    measured_row,
    standard_cells,
)
from surrogate.forecasting.forecast import Forecaster
from surrogate.forecasting.values import Forecast, TargetForecast
from train_benchmark.labels import LABELS

if TYPE_CHECKING:
    from train_benchmark.table.benchmark_table import BenchmarkTable
    from train_benchmark.table.query import SeedChoice


Posterior = Literal["posterior"]
"""In place of a seed: the estimate of the true mean over all seeds."""


@dataclass(frozen=True)
class Answer:
    """The result of a query.

    Attributes:
        value: phone error rate, or seconds of a latency; lower is better.
        source: "measured": `value` is in the table; "forecast": it is the surrogate's; "estimate":
            it is the mean of `forecast.estimate`.
        forecast: mean, standard deviation and interval of an error rate that is no measurement.
    """

    value: float
    source: Literal["measured", "forecast", "estimate"]
    forecast: TargetForecast | None


class Benchmark:
    """A table and the surrogate that was fitted on it.

    Attributes:
        table: measured trainings.
        forecaster: forecasts functions that the table does not have.

    Raises:
        UserError: if their recipes, corpora or label definitions differ.
    """

    def __init__(self, table: "BenchmarkTable", forecaster: Forecaster) -> None:
        check_same_source(table, forecaster)
        self.table = table
        self.forecaster = forecaster
        self._semantics = Semantics(table.metadata.semantics)

    @classmethod
    def load(
        cls, name_or_folder: str | Path = DEFAULT_ARTIFACT, artifact: str | Path | None = None
    ) -> "Benchmark":
        """Read a table and an artifact: shipped ones by name, or folders.

        Args:
            name_or_folder: the table.
            artifact: the artifact; by default the shipped one of the table's name.
        """
        # Late: the table imports pyarrow, which a forecast does not need.
        from train_benchmark.table.benchmark_table import BenchmarkTable

        table = BenchmarkTable.load(name_or_folder)
        return cls(table, Forecaster.load(artifact or table.metadata.name))

    def query(
        self,
        cell: Cell | str,
        metric: str = "val_per",
        *,
        seed: "SeedChoice | Posterior" = "mean",
        epoch: int | None = None,
    ) -> Answer:
        """A phone error rate of any cell.

        Args:
            cell: a cell or its text.
            metric: a label of the table; for unmeasured functions, a target of the surrogate.
            seed: seed of a measured training, or "mean"; a forecast is for any seed. "posterior":
                the estimate of the true mean over seeds, of measured and other functions alike,
                see `Estimate`. "all" is for `train_benchmark.table.query.query`.
            epoch: validation PER after this epoch, from 1, for the metric "val_per".

        Raises:
            DeadCellError: if the cell is dead.
            UserError: if the seed, epoch or metric is invalid, or a measured cell lacks it.
        """
        from train_benchmark.table.query import query

        cell = Cell.parse(cell) if isinstance(cell, str) else cell
        _check_choice(seed, epoch)
        form = functional_form(cell, self._semantics)
        if seed == "posterior" and not form.is_dead:
            (found,) = self._estimates([cell], metric, epoch)
            assert found.estimate is not None
            return Answer(found.estimate.mean, "estimate", found)
        seed = "mean" if seed == "posterior" else seed
        measured = self.table.labels_of(form.key, "val_per")
        if form.is_dead or measured:
            _check_measured(cell, measured, seed)
            value = query(self.table, cell, metric, seed=seed, epoch=epoch)
            assert isinstance(value, float)
            return Answer(value, "measured", None)
        (found,) = self._forecasts([cell], metric, epoch)
        return Answer(found.mean, "forecast", found)

    def query_curve(self, cell: Cell | str, *, seed: "SeedChoice" = "mean") -> tuple[float, ...]:
        """Validation PER after each epoch of any cell: `query` of each epoch, from 1.

        Raises:
            UserError: as `query`; or if an unmeasured function has no forecast of its curve.
        """
        cell = Cell.parse(cell) if isinstance(cell, str) else cell
        rows = self.table.rows_of(functional_form(cell, self._semantics).key)
        # Which checks everything, and that no curve is shorter than the others.
        self.query(cell, seed=seed, epoch=max((len(row.val_per_curve) for row in rows), default=1))
        if not rows:
            (found,) = self.forecaster.forecast([cell], targets=(), latency=False)
            assert found.curve is not None
            return found.curve.mean
        curves = [row.val_per_curve for row in rows if seed in ("mean", row.seed)]
        return tuple(float(np.mean(of_epoch)) for of_epoch in zip(*curves, strict=True))

    def query_latency(self, cell: Cell | str, setting: str, *, device: str | None = None) -> Answer:
        """Seconds of one run of any living cell: measured if the table has it, else forecast.

        Args:
            cell: a cell or its text.
            setting: one of `table.latency.settings` or of the forecaster's.
            device: name of the processor; optional if there is only one.

        Raises:
            DeadCellError: if the cell is dead.
            UserError: if its measurement failed, the setting is unknown, or has several devices.
        """
        from train_benchmark.table.query import query_latency

        cell = Cell.parse(cell) if isinstance(cell, str) else cell
        form = functional_form(cell, self._semantics)
        table = self.table.latency
        if setting in table.settings:
            is_known = form.key in table.seconds(setting, device)
            if is_known or form.is_dead or table.failure_of(form.key, setting, device):
                value = query_latency(self.table, cell, setting, device=device)
                return Answer(value, "measured", None)
        (found,) = self.forecaster.forecast([cell], targets=(), curve=False, latency=[setting])
        return Answer(found.latency(setting, device).mean, "forecast", None)

    def query_many(
        self,
        cells: Iterable[Cell | str],
        metric: str = "val_per",
        *,
        seed: "SeedChoice | Posterior" = "mean",
        epoch: int | None = None,
        level: float = 0.9,
    ) -> Answers:
        """Phone error rates of n cells, equal to those of `query`.

        A cell without a value does not fail the others: its source is "dead" or "missing". Numbers
        of forecasts depend on the other cells from about the ninth digit on.

        Args:
            cells: cells or their texts, in any order; some may be equal.
            metric: as of `query`.
            seed: as of `query`; functions without it are "missing".
            epoch: as of `query`.
            level: probability with which a label lies in the interval of its forecast, in (0, 1).

        Raises:
            UserError: if a text is no cell, the table has no training with the seed, or the metric
                or the epoch is invalid.
        """
        _check_choice(seed, epoch)
        check_level(level)
        parsed = tuple(Cell.parse(cell) if isinstance(cell, str) else cell for cell in cells)
        functions = functions_of(parsed, self._semantics)
        cell_of = dict(zip(functions, parsed, strict=True))
        if seed == "posterior":
            rows = self._estimate_rows(cell_of, metric, epoch, level)
            return Answers.of(parsed, [rows[function] for function in functions])
        self._check_request(metric, seed, epoch)
        trained = [
            function for function in cell_of if self.table.labels_of(function.key, "val_per")
        ]
        rows = dict.fromkeys(cell_of, NO_ROW) | self._measured(trained, metric, seed, epoch)
        unmeasured = [function for function, row in rows.items() if row is NO_ROW]
        living = [function for function in unmeasured if not function.is_dead]
        found = self._forecasts([cell_of[function] for function in living], metric, epoch, level)
        rows |= {function: forecast_row(f) for function, f in zip(living, found, strict=True)}
        return Answers.of(parsed, [rows[function] for function in functions])

    def arrays(
        self, metric: str = "val_per", *, seed: "SeedChoice | Posterior" = "mean"
    ) -> Answers:
        """As `query_many`, of all 13,824 points of the standard space in the order of `CellSpace`.

        Raises:
            UserError: as `query_many`.
        """
        return self.query_many(standard_cells(), metric, seed=seed)

    def _forecasts(
        self, cells: Sequence[Cell], metric: str, epoch: int | None, level: float = 0.9
    ) -> list[TargetForecast]:
        """Forecasts of living cells that were never measured."""
        if not cells:
            return []
        if epoch is not None:
            curves = self.forecaster.forecast(cells, level, targets=(), latency=False)
            return [_of_curve(forecast, metric, epoch) for forecast in curves]
        if metric not in self.forecaster.targets:
            raise UserError(
                f"cell {cells[0].text!r} was never measured: its metric must be one of "
                f"{', '.join(self.forecaster.targets)}, but got {metric!r}"
            )
        found = self.forecaster.forecast(cells, level, targets=[metric], curve=False, latency=False)
        return [forecast.targets[0] for forecast in found]

    def _estimates(
        self, cells: Sequence[Cell], metric: str, epoch: int | None, level: float = 0.9
    ) -> list[TargetForecast]:
        """Forecasts of living cells, each with an estimate of its true mean.

        Raises:
            UserError: if the artifact has no estimates of the metric, or an epoch is given.
        """
        if epoch is not None:
            raise UserError(f"estimates of true means are of labels: omit the epoch {epoch}")
        targets = self.forecaster.targets
        if metric not in targets:
            raise UserError(
                f"the metric of an estimate must be one of {', '.join(targets)}, but got {metric!r}"
            )
        found = self.forecaster.forecast(cells, level, targets=[metric], curve=False, latency=False)
        if any(forecast.targets[0].estimate is None for forecast in found):
            raise UserError(
                f"artifact {self.forecaster.metadata.name!r} has no estimates of true means: it "
                "is of an earlier version, or too few functions of its table have two seeds; fit "
                "it again with this version, or choose a seed or 'mean'"
            )
        return [forecast.targets[0] for forecast in found]

    def _estimate_rows(
        self, cell_of: Mapping[Function, Cell], metric: str, epoch: int | None, level: float
    ) -> dict[Function, Row]:
        """The rows of all functions of a query of estimates."""
        living = [function for function in cell_of if not function.is_dead]
        found = self._estimates([cell_of[function] for function in living], metric, epoch, level)
        rows = dict.fromkeys(cell_of, NO_ROW)
        for function, forecast in zip(living, found, strict=True):
            assert forecast.estimate is not None
            rows[function] = estimate_row(forecast.estimate)
        return rows

    def _check_request(self, metric: str, seed: "SeedChoice", epoch: int | None) -> None:
        """Refuse what no cell can be asked for, whatever the cells are."""
        known = sorted({*LABELS, *self.forecaster.targets})
        if metric not in known:
            raise UserError(f"the metric must be one of {', '.join(known)}, but got {metric!r}")
        if seed != "mean" and seed not in self.table.seeds:
            raise UserError(
                f"table {self.table.metadata.name!r} has the seeds {list(self.table.seeds)}: "
                f"choose one of them or 'mean', but got {seed!r}"
            )
        if epoch is not None and metric != "val_per":
            raise UserError(f"an epoch goes with the metric 'val_per' only, but got {metric!r}")

    def _measured(
        self, functions: Sequence[Function], metric: str, seed: "SeedChoice", epoch: int | None
    ) -> dict[Function, Row]:
        """The rows of functions that were measured."""
        if epoch is None:
            by_seed = [self.table.labels_of(function.key, metric) for function in functions]
        else:
            curves = [self._curves[function.key] for function in functions]
            by_seed = [{of: at_epoch(curve, epoch) for of, curve in row.items()} for row in curves]
        return {
            function: measured_row(values, seed)
            for function, values in zip(functions, by_seed, strict=True)
        }

    @cached_property
    def _curves(self) -> dict[str, dict[int, tuple[float, ...]]]:
        """Functional key -> seed -> measured learning curve."""
        curves: dict[str, dict[int, tuple[float, ...]]] = {}
        for record in self.table.measured:
            curves.setdefault(record.functional_key, {})[record.seed] = record.val_per_curve
        return curves


def check_same_source(table: "BenchmarkTable", forecaster: Forecaster) -> None:
    """Make sure that an artifact forecasts the labels of a table.

    Raises:
        UserError: if their recipes or corpora differ, or a target's label averages other epochs
            than the table's label of that name.
    """
    both = (
        f"table {table.metadata.name!r} and artifact {forecaster.metadata.name!r} must be of one "
    )
    for what in ("recipe_hash", "corpus_fingerprint"):
        of_table, of_artifact = (getattr(x.metadata, what) for x in (table, forecaster))
        if of_table != of_artifact:
            raise UserError(
                f"{both}recipe and corpus, but the {what} of the table is {of_table} and the "
                f"artifact's {of_artifact}; fit an artifact on the table"
            )
    targets = [TARGETS.get(name) for name in forecaster.targets]
    for name, window in label_epochs(targets, table.epochs).items():
        fitted = forecaster.metadata.label_epochs.get(name)
        if fitted != window:
            of_older = "the last five epochs, as in older versions"
            raise UserError(
                f"{both}definition of labels, but {name!r} of the table is the mean validation PER "
                f"of {window}, and the artifact's of {fitted or of_older}; fit the artifact "
                f"again: `nasasr fit {table.metadata.name} --out DIR`"
            )


def _check_choice(seed: "SeedChoice | Posterior", epoch: int | None) -> None:
    if seed == "all":
        raise UserError(
            "a query returns one number: choose a seed or 'mean'; for all seeds call "
            "train_benchmark.table.query.query"
        )
    if seed not in ("mean", "posterior") and not _is_whole(seed):
        raise UserError(f"a seed must be a whole number, 'mean' or 'posterior', but got {seed!r}")
    if epoch is not None and not _is_whole(epoch):
        raise UserError(f"an epoch must be a whole number from 1, but got {epoch!r}")


def _check_measured(cell: Cell, measured: Mapping[int, float], seed: "SeedChoice") -> None:
    """Unlike here, a query of a table may ask for all seeds at once."""
    if measured and seed != "mean" and seed not in measured:
        raise UserError(
            f"cell {cell.text!r} was measured with the seeds {sorted(measured)}: choose one of "
            f"them or 'mean', but got {seed!r}"
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _of_curve(forecast: Forecast, metric: str, epoch: int) -> TargetForecast:
    if metric != "val_per":
        raise UserError(f"an epoch goes with the metric 'val_per' only, but got {metric!r}")
    curve = forecast.curve
    if curve is None:
        raise UserError(
            f"cell {forecast.cell!r} was never measured, and the artifact has no learning curves; "
            "leave the epoch out, or fit an artifact with a curve_predictor"
        )
    if not 1 <= epoch <= len(curve.mean):
        raise UserError(f"an epoch must be in 1 .. {len(curve.mean)}, but got {epoch}")
    i = epoch - 1
    return TargetForecast(
        target=metric,
        unit=PER_UNIT,
        mean=curve.mean[i],
        std=curve.std[i],
        std_model=curve.std_model[i],
        std_seed=None if curve.std_seed is None else curve.std_seed[i],
        low=None if curve.low is None else curve.low[i],
        high=None if curve.high is None else curve.high[i],
        collapse_probability=None,
    )
