"""`nasasr benchmark`: compare predictors on the same splits."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from surrogate.cli.config_argument import ConfigKind, config_argument
from surrogate.cli.engine_options import (
    AddressOption,
    EngineName,
    EngineOption,
    WorkersOption,
    chosen_or_this,
)
from surrogate.cli.extras import imports_of
from surrogate.cli.options import RowFormat, integers_of, resumed_by, words_of
from surrogate.cli.output import Format, Row, write_csv, write_json, write_table
from surrogate.cli.progress import ProgressDisplay, told_when_stopped

if TYPE_CHECKING:
    from graph_encoding.engines.engine import Engine
    from surrogate.comparison import BenchmarkConfig, BenchmarkResult

_REPORT = "report.html"
_SHOWN = (
    "kendall_tau",
    "spearman_rho",
    "r2",
    "rmse",
    "precision_at_10",
    "regret",
    "crps",
    "fit_seconds",
    "query_microseconds",
)
"""Metrics of the printed table, besides coverage and width; the other formats have all."""

_SIZES = "--train-sizes"

_Config = Annotated[Path | None, config_argument(ConfigKind.BENCHMARK, "timit-micro")]
_Table = Annotated[
    str | None,
    typer.Option(help="Shipped table, or the folder of one (./NAME); by default timit-micro."),
]
_Graphs = Annotated[Path | None, typer.Option(metavar="FILE", help="Labelled graphs, JSON Lines.")]
_Target = Annotated[
    str | None, typer.Option(help="Label to predict; by default val_per, for a table.")
]
_Direction = Annotated[
    str | None, typer.Option(help="Better end of a graph file's labels: minimise or maximise.")
]
_Transform = Annotated[
    str | None, typer.Option(help="Scale of a graph file's labels: identity, log or logit.")
]
_Unit = Annotated[str | None, typer.Option(help="Unit of a graph file's labels.")]
_Protocols = Annotated[
    str | None,
    typer.Option(
        help="Ways to split the keys, joined by commas: random (the default), "
        "leave-operation-out, small-to-large, extended."
    ),
]
_TrainSizes = Annotated[
    str | None,
    typer.Option(_SIZES, help="Numbers of training keys, joined by commas; by default 50,100."),
]
_Repeats = Annotated[int | None, typer.Option(min=1, help="Splits per size; by default 10.")]
_Predictors = Annotated[
    str | None,
    typer.Option(help="Names, or module:Class, joined by commas; by default xgb,mean."),
]
_Predictor = Annotated[
    list[str] | None, typer.Option(help="One more predictor: a name, or module:Class; repeatable.")
]
_Seed = Annotated[int | None, typer.Option(min=0, help="Random seed; by default 0.")]
_Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder for results; by default runs/benchmark/NAME."),
]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(benchmark)


def benchmark(
    config: _Config = None,
    table: _Table = None,
    graphs: _Graphs = None,
    target: _Target = None,
    direction: _Direction = None,
    transform: _Transform = None,
    unit: _Unit = None,
    protocols: _Protocols = None,
    train_sizes: _TrainSizes = None,
    repeats: _Repeats = None,
    predictors: _Predictors = None,
    predictor: _Predictor = None,
    seed: _Seed = None,
    out: _Out = None,
    engine: EngineOption = EngineName.LOCAL,
    workers: WorkersOption = None,
    address: AddressOption = None,
    output: RowFormat = Format.TABLE,
) -> None:
    """Compare predictors on the same splits; run it again to resume.

    The defaults apply without CONFIG; options replace the values of CONFIG.
    """
    from surrogate.comparison.overrides import config_with

    chosen = config_with(
        config,
        source={
            "table": table,
            "graphs": graphs,
            "direction": direction,
            "transform": transform,
            "unit": unit,
        },
        values={
            "target": target,
            "repeats": repeats,
            "seed": seed,
            "protocols": words_of(protocols),
            "train_sizes": None if train_sizes is None else integers_of(_SIZES, train_sizes),
            "predictors": words_of(predictors),
        },
        added=predictor or [],
    )
    folder = out or Path("runs") / "benchmark" / chosen.name
    result = _run(chosen, folder, chosen_or_this(engine, workers, address))
    _write_result(result, output)
    typer.echo(f"wrote {folder}: scores.parquet, summary.parquet, fits/", err=True)
    with imports_of("report"):
        from surrogate.report import write_report

        write_report(result, folder / _REPORT)
    typer.echo(f"wrote {folder / _REPORT}", err=True)


def _run(config: "BenchmarkConfig", folder: Path, engine: "Engine") -> "BenchmarkResult":
    from surrogate.comparison import run_benchmark

    with told_when_stopped(resumed_by(folder)), ProgressDisplay("fits") as display:
        return run_benchmark(
            config,
            folder,
            engine=engine,
            on_progress=lambda done, total, _new: display.show(done, total),
        )


def _write_result(result: "BenchmarkResult", output: Format) -> None:
    rows = [_plain(asdict(row)) for row in result.summary]
    if output is Format.JSON:
        write_json(rows)
    elif output is Format.CSV:
        write_csv(rows)
    else:
        write_table(_table_rows(result))
        if fact := result.features_fact:
            typer.echo(f"\n{fact}")
        _write_ceilings(result)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row without infinite widths, which JSON cannot hold."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }


def _table_rows(result: "BenchmarkResult") -> list[Row]:
    level = f"{100 * result.config.group_level:.6g}"
    shown = {*_SHOWN, f"coverage_{level}", f"width_{level}"}
    rows: dict[tuple[str, str, int, str], dict[str, Any]] = {}
    for s in result.summary:
        if s.group or s.metric not in shown:
            continue
        place = (s.protocol, s.detail, s.train_size, s.predictor)
        start = dict(zip(("protocol", "detail", "train", "predictor"), place, strict=True))
        row = rows.setdefault(place, start)
        row[s.metric] = s.text
    return [*rows.values()]


def _write_ceilings(result: "BenchmarkResult") -> None:
    typer.echo("")
    rows: list[Row] = [
        {
            "protocol": protocol,
            "noise ceiling": ceiling.metric,
            "other seeds": f"{ceiling.value:.4g}",
            "low": f"{ceiling.low:.4g}",
            "high": f"{ceiling.high:.4g}",
            "perfect": "-" if ceiling.perfect is None else f"{ceiling.perfect:.4g}",
            "keys": ceiling.keys,
        }
        for protocol, of_metric in result.ceilings.items()
        for ceiling in of_metric.values()
    ]
    if rows:
        write_table(rows)
    unknown = [protocol for protocol, of_metric in result.ceilings.items() if not of_metric]
    if unknown:
        typer.echo(
            f"noise ceiling of {', '.join(unknown)}: unknown; it needs two seeds per test key"
        )
