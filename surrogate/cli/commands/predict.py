"""`nasasr predict`: forecasts for cells."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph_encoding.common.errors import UserError
from surrogate.cli.options import CellsFile, CellTexts, RowFormat, observed_rates, read_cells
from surrogate.cli.output import Format, Row, write_csv, write_json, write_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from surrogate.fitting.artifact import Artifact
    from surrogate.forecasting.values import Forecast

_FOR_PROGRAMS = ("macs", "note", "level", "collapse_probability", "estimate_std")
"""Columns that a table leaves out, to keep its lines short."""


_Sweeps = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="DIR",
        help="Folder of `nasasr latency` with a few functions measured on your own device: "
        "forecast its settings too; repeatable.",
    ),
]
_Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--setting",
        metavar="NAME",
        help="Forecast latency in this setting only ('none': in no setting); repeatable.",
    ),
]
_WithCurve = Annotated[
    bool | None,
    typer.Option(
        "--curve/--no-curve",
        help="One row per epoch instead of one per target (JSON has both, unless --no-curve).",
        show_default=False,
    ),
]
_Wide = Annotated[
    bool, typer.Option("--wide", help="One row per target and latency setting, with all columns.")
]
_ObservedCurve = Annotated[
    str | None,
    typer.Option(
        metavar="PER,...",
        help="Validation PER of a single cell's first epochs, such as 0.99,0.95, or of some "
        "epochs, such as 5:0.83,8:0.71: forecast the rest of that training.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(predict)


def predict(
    cells: CellTexts = None,
    cells_file: CellsFile = None,
    output: RowFormat = Format.TABLE,
    level: Annotated[
        float, typer.Option(help="Probability that the true value lies in an interval.")
    ] = 0.9,
    artifact: Annotated[
        str,
        typer.Option(metavar="NAME|DIR", help="Shipped artifact, or the folder of one (./NAME)."),
    ] = "timit-micro",
    latency: _Sweeps = None,
    settings: _Settings = None,
    curve: _WithCurve = None,
    observed_curve: _ObservedCurve = None,
    wide: _Wide = False,
) -> None:
    """Forecast the phone error rate and the latency of cells.

    val_per is the mean validation PER of the last 60 % of a training's epochs (epochs 9 to 20 of
    timit-micro's 20), test_per the test PER with the weights of the epoch of the lowest validation
    PER. Both are fractions, lower is better.

    The number to trust is estimate_mean: the mean over training seeds, from the forecast and the
    function's own trainings. mean predicts a label of the table, most of which are one training.
    """
    from surrogate.fitting.artifact import load_artifact
    from surrogate.forecasting.forecast import Forecaster
    from surrogate.latency.new_device import transferred_from_sweep

    parsed = read_cells(cells or [], cells_file)
    observed = None if observed_curve is None else observed_rates(observed_curve)
    fitted = load_artifact(artifact)
    semantics = fitted.metadata.semantics
    sweeps = [transferred_from_sweep(fitted.latency, folder, semantics) for folder in latency or ()]
    transferred = [setting for sweep in sweeps for setting in sweep]
    forecaster = Forecaster(fitted, transferred)
    with_curve = output is Format.JSON if curve is None else curve
    in_blocks = output is Format.TABLE and not with_curve and not wide
    shown: bool | list[str] = True
    if settings is not None:
        shown = [name for name in settings if name != "none"]
    elif in_blocks:
        own = f"{fitted.metadata.macro.name}/"
        shown = [name for name in forecaster.settings if name.startswith(own)]
        shown += [one.setting for one in transferred if one.setting not in shown]
    forecasts = forecaster.forecast(
        parsed, level, observed_curve=observed, curve=with_curve, latency=shown
    )
    if in_blocks:
        _write_for_people(forecasts, fitted)
    else:
        _write(forecasts, output, artifact, by_epoch=with_curve)
    for one in forecasts:
        if one.note:
            typer.echo(f"{one.cell}: {one.note}", err=True)


def _write_for_people(forecasts: "Sequence[Forecast]", artifact: "Artifact") -> None:
    from surrogate.cli.forecast_blocks import MOST_BLOCKS, block, legend, line, scales_of

    scales = scales_of(artifact)
    if len(forecasts) > MOST_BLOCKS:
        write_table([line(forecast, scales) for forecast in forecasts])
    else:
        typer.echo("\n\n".join(block(forecast, scales) for forecast in forecasts))
    if scales:
        typer.echo(f"\n{legend(scales, artifact.metadata.table)}")


def _write(
    forecasts: "Sequence[Forecast]", output: Format, artifact: str, *, by_epoch: bool
) -> None:
    from surrogate.forecasting.rows import EPOCH_COLUMNS, epoch_rows, forecast_rows

    if output is Format.JSON:
        write_json([{**asdict(one), "measured": one.measured} for one in forecasts])
    elif by_epoch:
        if any(one.curve is None and one.support != "dead" for one in forecasts):
            raise UserError(
                f"artifact {artifact!r} has no learning curves: it was fitted without a "
                "curve_predictor; fit one with it, or leave --curve out"
            )
        rows = epoch_rows(forecasts)
        if output is Format.CSV:
            write_csv(rows, EPOCH_COLUMNS)
        elif rows:
            write_table(rows)
    elif output is Format.CSV:
        write_csv(forecast_rows(forecasts))
    else:
        write_table([_for_readers(row) for row in forecast_rows(forecasts)])


def _for_readers(row: Row) -> Row:
    """A row whose target, setting and device share one column, to keep lines short."""
    from surrogate.forecasting.rows import PLACE

    left_out = (*PLACE, *_FOR_PROGRAMS)
    shown = {name: value for name, value in row.items() if name not in left_out}
    text = row["target"]
    if row["kind"] == "latency":
        suffix = ", transferred" if row["source"] == "transferred" else ""
        text = f"latency_s {row['setting']} on {row['device']}{suffix}"
    head = ("cell", "params", "support")
    return {**{name: shown.pop(name) for name in head}, "target": text, **shown}
