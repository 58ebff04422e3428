"""`nasasr predict`: forecasts for cells."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from surrogate.cli.cell import read_cells
from surrogate.cli.output import Format, Row, write_csv, write_json, write_table

if TYPE_CHECKING:
    from surrogate.forecast import Forecast


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(predict)


def predict(
    cells: Annotated[
        list[str] | None,
        typer.Argument(metavar="CELL...", help="Cells as text, such as 10_100_1000."),
    ] = None,
    cells_file: Annotated[
        str | None,
        typer.Option("--cells", metavar="FILE", help="File of cells, one a line; - is stdin."),
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="Form of the output.")] = Format.TABLE,
    level: Annotated[float, typer.Option(help="Probability that an interval holds.")] = 0.9,
    artifact: Annotated[
        str, typer.Option(metavar="NAME|DIR", help="Shipped artifact, or the folder of one.")
    ] = "timit-micro",
) -> None:
    """Forecast the phone error rate of cells."""
    from surrogate.forecast import Forecaster

    parsed = read_cells(cells or [], cells_file)
    forecasts = Forecaster.load(artifact).forecast(parsed, level)
    if output is Format.JSON:
        write_json([_as_json(forecast) for forecast in forecasts])
    elif output is Format.CSV:
        write_csv([row for forecast in forecasts for row in _as_rows(forecast)])
    else:
        write_table([row for forecast in forecasts for row in _as_rows(forecast)])
        for forecast in forecasts:
            if forecast.note:
                typer.echo(f"{forecast.cell}: {forecast.note}", err=True)


def _as_json(forecast: "Forecast") -> dict[str, Any]:
    return {**asdict(forecast), "measured": forecast.measured}


def _as_rows(forecast: "Forecast") -> list[Row]:
    """One row a target; a dead cell has one row without numbers."""
    head: Row = {"cell": forecast.cell, "params": forecast.params, "support": forecast.support}
    names = ("target", "mean", "std", "std_model", "std_seed", "low", "high")
    if not forecast.targets:
        return [{**head, **dict.fromkeys(names), "measured_mean": None, "seeds": 0}]
    rows: list[Row] = []
    for target in forecast.targets:
        row = forecast.measured_row
        values = row.values[target.target] if row else ()
        rows.append(
            {
                **head,
                **{name: getattr(target, name) for name in names},
                "measured_mean": sum(values) / len(values) if values else None,
                "seeds": len(values),
            }
        )
    return rows
