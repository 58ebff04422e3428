"""`nasasr benchmark`: compare predictors on the same splits."""

import math
from collections.abc import Callable, Mapping
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
from surrogate.cli.output import Format, Value, write_csv, write_json
from surrogate.cli.progress import ProgressDisplay, told_when_stopped
from surrogate.cli.score_tables import legend, score_lines, write_in_pieces

if TYPE_CHECKING:
    from graph_encoding.engines.engine import Engine
    from surrogate.comparison import BenchmarkConfig, BenchmarkResult
    from surrogate.comparison.ceiling import Ceiling
    from surrogate.comparison.summary import SummaryRow

_REPORT = "report.html"
_SHOWN = ("kendall_tau", "rmse", "precision_at_10", "regret", "fit_seconds", "query_microseconds")
"""Metrics of the printed tables, besides coverage and width; the other formats have all."""

_PLACES: "dict[str, Callable[[SummaryRow], Value]]" = {
    "train keys": lambda row: row.train_size,
    "predictor": lambda row: row.predictor,
}
"""Columns that say whose scores a line of the tables has."""

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
        _write_tables(result)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row without infinite widths, which JSON cannot hold."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }


def _write_tables(result: "BenchmarkResult") -> None:
    """A section for each protocol, with its noise ceiling, then what the columns mean."""
    from surrogate.comparison.protocol import PROTOCOLS
    from surrogate.comparison.summary import EVERY_DETAIL

    level = f"{100 * result.config.group_level:.6g}"
    shown = {*_SHOWN, f"coverage_{level}", f"width_{level}"}
    of_divisions = ("kendall_tau", f"coverage_{level}")
    rows = [row for row in result.summary if not row.group and row.metric in shown]
    for protocol, ceilings in result.ceilings.items():
        own = [row for row in rows if row.protocol == protocol]
        whole = [row for row in own if row.detail == EVERY_DETAIL]
        mean = "; means over its divisions, then these" if whole else ""
        typer.echo(f"{protocol}: {PROTOCOLS.get(protocol).question}{mean}\n")
        lines = score_lines(whole or own, _PLACES)
        write_in_pieces([*lines, *_ceiling_lines(ceilings, shown)], [*_PLACES])
        if whole:
            divisions = [r for r in own if r.detail != EVERY_DETAIL and r.metric in of_divisions]
            places = {"division": lambda row: row.detail, **_PLACES}
            typer.echo("")
            write_in_pieces(score_lines(divisions, places), [*places])
        typer.echo(f"\n{_ceiling_fact(ceilings)}\n")
    if fact := result.features_fact:
        typer.echo(f"{fact}\n")
    typer.echo(legend(rows))


def _ceiling_lines(ceilings: "Mapping[str, Ceiling]", shown: set[str]) -> list[dict[str, Value]]:
    """Scores of other seeds, and of the true means, as those of two more predictors."""
    from surrogate.comparison.summary import interval_texts

    others: dict[str, Value] = {"predictor": "(other seeds)"}
    perfect: dict[str, Value] = {"predictor": "(true means)"}
    for name, one in ceilings.items():
        if name in shown:
            value, low, high = interval_texts([one.value, one.low, one.high])
            others[name] = f"{value} ({low} to {high})"
            perfect[name] = None if one.perfect is None else f"{one.perfect:.3g}"
    return [others, perfect] if ceilings else []


def _ceiling_fact(ceilings: "Mapping[str, Ceiling]") -> str:
    if not ceilings:
        return "noise ceiling: unknown; it needs two seeds per test key"
    keys = next(iter(ceilings.values())).keys
    return (
        f"noise ceiling, over the {keys:,} test keys with several seeds: predictions by the mean\n"
        "of the other seeds, and by the true means, which are surpassed by chance only"
    )
