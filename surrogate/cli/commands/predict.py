"""`nasasr predict`: forecasts for cells."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph_encoding.common.errors import UserError
from surrogate.cli.commands.cell import read_cells
from surrogate.cli.output import Format, Row, write_csv, write_json, write_table
from surrogate.data.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from surrogate.fitting.artifact import Artifact
    from surrogate.forecasting.forecast import Forecast
    from surrogate.latency.transfer import TransferredLatency
    from train_benchmark.record_files.latency_record import LatencyRecord

_PLACE = ("kind", "target", "unit", "setting", "device", "source")
"""Columns that say what a row is a forecast of."""

_NUMBERS = ("mean", "std", "std_model", "std_seed", "low", "high")

_FOR_PROGRAMS = ("macs", "note", "level", "collapse_probability")
"""Columns that a table leaves out, so that its lines are no longer than they must be."""

_EPOCH_COLUMNS = ("cell", "epoch", "mean", "std", "low", "high", "observed")


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(predict)


_Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--setting",
        metavar="NAME",
        help="Forecast latency in this setting alone ('none': in no setting); repeatable.",
    ),
]

_ObservedCurve = Annotated[
    str | None,
    typer.Option(
        metavar="PER,...",
        help="Validation PER of a single cell's first epochs, such as 0.99,0.95, or of some, "
        "such as 5:0.83,8:0.71: forecast the rest of that training.",
    ),
]


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
        str,
        typer.Option(metavar="NAME|DIR", help="Shipped artifact, or the folder of one (./NAME)."),
    ] = "timit-micro",
    latency: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Folder of `nasasr latency` with a few functions on a device of yours: forecast "
            "its settings too; repeatable.",
        ),
    ] = None,
    settings: _Settings = None,
    curve: Annotated[
        bool | None,
        typer.Option(
            "--curve/--no-curve",
            help="A row an epoch, in place of a row a target; JSON has both but with --no-curve.",
            show_default=False,
        ),
    ] = None,
    observed_curve: _ObservedCurve = None,
) -> None:
    """Forecast the phone error rate and the latency of cells.

    val_per is the mean validation PER of the last 60 % of a training's epochs (epochs 9 to 20 of
    timit-micro's 20), test_per the test PER with the weights of the epoch of the lowest validation
    PER. Both are fractions, lower is better.
    """
    from surrogate.fitting.artifact import load_artifact
    from surrogate.forecasting.forecast import Forecaster

    parsed = read_cells(cells or [], cells_file)
    observed = None if observed_curve is None else observed_rates(observed_curve)
    fitted = load_artifact(artifact)
    forecaster = Forecaster(
        fitted, [t for folder in latency or () for t in _transferred(fitted, folder)]
    )
    with_curve = output is Format.JSON if curve is None else curve
    shown = True if settings is None else [name for name in settings if name != "none"]
    forecasts = forecaster.forecast(
        parsed, level, observed_curve=observed, curve=with_curve, latency=shown
    )
    _write(forecasts, output, artifact, by_epoch=with_curve)


def _write(
    forecasts: "Sequence[Forecast]", output: Format, artifact: str, *, by_epoch: bool
) -> None:
    if output is Format.JSON:
        write_json([_as_json(forecast) for forecast in forecasts])
    elif by_epoch:
        _write_epochs(forecasts, output, artifact)
    else:
        rows = [row for forecast in forecasts for row in _as_rows(forecast)]
        if output is Format.CSV:
            write_csv(rows)
        else:
            write_table([_for_readers(row) for row in rows])
    for forecast in forecasts:
        if forecast.note:
            typer.echo(f"{forecast.cell}: {forecast.note}", err=True)


def _write_epochs(forecasts: "Sequence[Forecast]", output: Format, artifact: str) -> None:
    """One row an epoch; dead cells have none, and their notes say why."""
    if any(forecast.curve is None and forecast.support != "dead" for forecast in forecasts):
        raise UserError(
            f"artifact {artifact!r} has no learning curves: it was fitted without a "
            "curve_predictor; fit one with it, or leave --curve out"
        )
    rows = [row for forecast in forecasts for row in _epoch_rows(forecast)]
    if output is Format.CSV:
        write_csv(rows, _EPOCH_COLUMNS)
    elif rows:
        write_table(rows)


def _transferred(artifact: "Artifact", folder: Path) -> "list[TransferredLatency]":
    """One for each setting and device that a sweep's folder has records of.

    Raises:
        UserError: if one of them has too few functions that could be measured.
    """
    from train_benchmark.table.latencies import gather_latencies

    groups: dict[tuple[str, str], list[LatencyRecord]] = {}
    for record in gather_latencies([folder], artifact.metadata.semantics):
        groups.setdefault((record.setting, record.device), []).append(record)
    try:
        return [_transferred_to(artifact, records) for records in groups.values()]
    except UserError as e:
        raise UserError(f"--latency {folder}: {e}") from e


def _transferred_to(artifact: "Artifact", records: "list[LatencyRecord]") -> "TransferredLatency":
    """What the artifact knows, carried over to the one setting and device of some records."""
    import numpy as np

    from graph_encoding.cell import Cell
    from graph_encoding.graph import cell_graph
    from graph_encoding.semantics import Semantics
    from surrogate.latency.transfer import TransferredLatency

    setting, device = records[0].setting, records[0].device
    measured = [record for record in records if record.status == "ok"]
    if not measured:
        raise UserError(
            f"{setting!r} on {device!r} must have measured functions, but of {len(records)} the "
            f"first is {records[0].status}: {records[0].error}; leave the setting out of the sweep"
        )
    semantics = Semantics(artifact.metadata.semantics)
    return TransferredLatency.fit(
        artifact.latency,
        setting,
        device,
        [cell_graph(Cell.parse(record.cell), semantics) for record in measured],
        np.array([record.latency_s for record in measured]),
    )


def observed_rates(text: str) -> dict[int, float]:
    """Error rates by epoch, counted from 1.

    Raises:
        UserError: if it is written otherwise, or an epoch stands there twice.

    >>> observed_rates("0.99,0.95,8:0.7")
    {1: 0.99, 2: 0.95, 8: 0.7}
    """
    found: dict[int, float] = {}
    epoch = 0
    for part in text.split(","):
        before, colon, rate = part.rpartition(":")
        try:
            epoch = int(before) if colon else epoch + 1
            per = float(rate)
        except ValueError:
            raise UserError(
                "an observed curve must be error rates or epoch:rate, joined by commas, such as "
                f"0.99,0.95 or 5:0.83,8:0.71, but {part!r} is neither"
            ) from None
        if epoch in found:
            raise UserError(f"an observed curve must have each epoch once, but has {epoch} twice")
        found[epoch] = per
    return found


def _as_json(forecast: "Forecast") -> dict[str, Any]:
    return {**asdict(forecast), "measured": forecast.measured}


def _as_rows(forecast: "Forecast") -> list[Row]:
    """One row a target and a latency setting; a dead cell has one row without numbers."""
    names = ("cell", "params", "macs", "support", "note", "level")
    head: Row = {name: getattr(forecast, name) for name in names}
    empty: Row = dict.fromkeys((*_PLACE, *_NUMBERS, "collapse_probability", "measured_mean"))
    if forecast.support == "dead":
        return [{**head, **empty, "seeds": 0}]
    rows: list[Row] = []
    for target in forecast.targets:
        row = forecast.measured_row
        values = row.values[target.target] if row else ()
        rows.append(
            {
                **head,
                **empty,
                "kind": "target",
                "target": target.target,
                "unit": TARGETS.get(target.target).unit,
                **{name: getattr(target, name) for name in _NUMBERS},
                "collapse_probability": target.collapse_probability,
                "measured_mean": sum(values) / len(values) if values else None,
                "seeds": len(values),
            }
        )
    rows += [
        {
            **head,
            **empty,
            "support": latency.support,
            "note": "",  # that of the error rates: other cells were timed than trained
            "kind": "latency",
            "target": "latency_s",
            "unit": "second",
            "setting": latency.setting,
            "device": latency.device,
            "source": latency.source,
            **{name: getattr(latency, name) for name in ("mean", "std", "low", "high")},
            "measured_mean": latency.measured,
            "seeds": 0,
        }
        for latency in forecast.latencies
    ]
    return rows


def _for_readers(row: Row) -> Row:
    """What a target is in one column, so that a line is no wider than it must be."""
    left_out = (*_PLACE, *_FOR_PROGRAMS)
    shown = {name: value for name, value in row.items() if name not in left_out}
    text = row["target"]
    if row["kind"] == "latency":
        carried_over = ", transferred" if row["source"] == "transferred" else ""
        text = f"latency_s {row['setting']} on {row['device']}{carried_over}"
    head = ("cell", "params", "support")
    return {**{name: shown.pop(name) for name in head}, "target": text, **shown}


def _epoch_rows(forecast: "Forecast") -> list[Row]:
    """One row an epoch; none for a dead cell."""
    curve = forecast.curve
    if curve is None:
        return []
    names = ("mean", "std", "low", "high")
    return [
        {
            "cell": forecast.cell,
            "epoch": epoch,
            **{name: getattr(curve, name)[epoch - 1] for name in names},
            "observed": epoch in curve.observed_epochs,
        }
        for epoch in range(1, len(curve.mean) + 1)
    ]
