"""Error rates of any cell: measured if the table has it, else forecast."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.functional_identity import functional_form
from graph_encoding.semantics import Semantics
from surrogate.data.targets import PER_UNIT, TARGETS, label_epochs
from surrogate.forecasting.forecast import Forecaster
from surrogate.forecasting.values import Forecast, TargetForecast

if TYPE_CHECKING:
    from train_benchmark.table.benchmark_table import BenchmarkTable
    from train_benchmark.table.query import SeedChoice


@dataclass(frozen=True)
class Answer:
    """The result of a query.

    Attributes:
        value: phone error rate, lower is better.
        source: "measured": `value` is in the table; "forecast": it is the surrogate's.
        forecast: mean, standard deviation and interval, if the value is a forecast.
    """

    value: float
    source: Literal["measured", "forecast"]
    forecast: TargetForecast | None


class Benchmark:
    """A table and the surrogate that was fitted on it.

    Args:
        table: measured trainings.
        forecaster: forecasts functions that the table does not have.

    Raises:
        UserError: if their recipes, corpora or label definitions differ.
    """

    def __init__(self, table: "BenchmarkTable", forecaster: Forecaster) -> None:
        check_same_source(table, forecaster)
        self.table = table
        self._forecaster = forecaster
        self._semantics = Semantics(table.metadata.semantics)

    @classmethod
    def load(cls, name_or_folder: str | Path, artifact: str | Path | None = None) -> "Benchmark":
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
        seed: "SeedChoice" = "mean",
        epoch: int | None = None,
    ) -> Answer:
        """A phone error rate of any cell.

        Args:
            cell: a cell or its text.
            metric: a label of the table; for unmeasured functions, a target of the surrogate.
            seed: seed of a measured training, or "mean"; a forecast is for any seed. "all" is for
                `train_benchmark.table.query.query`.
            epoch: validation PER after this epoch, from 1, for the metric "val_per".

        Raises:
            UserError: if the cell is dead, the seed, epoch or metric is invalid, or a measured cell
                lacks it.
        """
        from train_benchmark.table.query import query

        cell = Cell.parse(cell) if isinstance(cell, str) else cell
        _check_choice(seed, epoch)
        form = functional_form(cell, self._semantics)
        measured = self.table.labels_of(form.key, "val_per")
        if form.is_dead or measured:
            _check_measured(cell, measured, seed)
            value = query(self.table, cell, metric, seed=seed, epoch=epoch)
            assert isinstance(value, float)
            return Answer(value, "measured", None)
        if epoch is not None:
            found = self._at_epoch(cell, metric, epoch)
        else:
            found = self._target(cell, metric)
        return Answer(found.mean, "forecast", found)

    def _target(self, cell: Cell, metric: str) -> TargetForecast:
        if metric not in self._forecaster.targets:
            raise UserError(
                f"cell {cell.text!r} was never measured: its metric must be one of "
                f"{', '.join(self._forecaster.targets)}, but got {metric!r}"
            )
        (forecast,) = self._forecaster.forecast(
            [cell], targets=[metric], curve=False, latency=False
        )
        return forecast.targets[0]

    def _at_epoch(self, cell: Cell, metric: str, epoch: int) -> TargetForecast:
        (forecast,) = self._forecaster.forecast([cell], targets=(), latency=False)
        return _of_curve(forecast, metric, epoch)


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


def _check_choice(seed: "SeedChoice", epoch: int | None) -> None:
    if seed == "all":
        raise UserError(
            "a query returns one number: choose a seed or 'mean'; for all seeds call "
            "train_benchmark.table.query.query"
        )
    if seed != "mean" and not _is_whole(seed):
        raise UserError(f"a seed must be a whole number or 'mean', but got {seed!r}")
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
        low=curve.low[i],
        high=curve.high[i],
        collapse_probability=None,
    )
