"""The benchmark that answers everything: measured where it was measured, forecast elsewhere."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from graph_encoding.cell import Cell
from graph_encoding.errors import UserError
from graph_encoding.functional import functional_key
from graph_encoding.semantics import Semantics
from surrogate.forecast import Forecaster, TargetForecast

if TYPE_CHECKING:
    from train_benchmark.table import BenchmarkTable
    from train_benchmark.table_query import SeedChoice


@dataclass(frozen=True)
class Answer:
    """What a benchmark says of a cell.

    Attributes:
        value: phone error rate, lower is better.
        source: "measured": `value` stands in the table; "forecast": it comes from the surrogate.
        forecast: mean, spread and interval, where the value is a forecast.
    """

    value: float
    source: Literal["measured", "forecast"]
    forecast: TargetForecast | None


class Benchmark:
    """A table and the surrogate that was fitted on it.

    Args:
        table: measured trainings.
        forecaster: answers where the table has nothing.

    Raises:
        UserError: if they are of different recipes.
    """

    def __init__(self, table: "BenchmarkTable", forecaster: Forecaster) -> None:
        if table.metadata.recipe_hash != forecaster.metadata.recipe_hash:
            raise UserError(
                f"table {table.metadata.name!r} and artifact {forecaster.metadata.name!r} must be "
                "of one recipe, but their recipe hashes differ; fit an artifact on the table"
            )
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
        # Late: the table brings pyarrow, which a forecast has no need of.
        from train_benchmark.table import BenchmarkTable

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
            metric: a label of the table; of functions that were never measured, a target of the
                surrogate.
            seed: of measured functions, which training; "all" is for `table_query.query`.
            epoch: of measured functions, the epoch of validation, from 1.

        Raises:
            UserError: if the cell is dead, a measured one lacks the seed or epoch, or the metric
                is none that can be answered.
        """
        from train_benchmark.table_query import query

        cell = Cell.parse(cell) if isinstance(cell, str) else cell
        if seed == "all":
            raise UserError(
                "an answer is one number: choose a seed or 'mean'; for all seeds call "
                "train_benchmark.table_query.query"
            )
        measured = self.table.labels_of(functional_key(cell, self._semantics), "val_per")
        (forecast,) = self._forecaster.forecast([cell])
        if measured or forecast.support == "dead":
            value = query(self.table, cell, metric, seed=seed, epoch=epoch)
            assert isinstance(value, float)
            return Answer(value, "measured", None)
        if epoch is not None:
            raise UserError(
                f"cell {cell.text!r} was never measured, and its error rate after epoch {epoch} is "
                "no target of the surrogate; leave the epoch out"
            )
        by_name = {target.target: target for target in forecast.targets}
        if metric not in by_name:
            raise UserError(
                f"cell {cell.text!r} was never measured: its metric must be one of "
                f"{', '.join(by_name)}, but got {metric!r}"
            )
        return Answer(by_name[metric].mean, "forecast", by_name[metric])
