"""`nasasr benchmark`: predictors side by side on the same splits."""

import math
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph_encoding.common.errors import UserError
from surrogate.cli.config_argument import ConfigKind, config_argument
from surrogate.cli.engine_options import (
    AddressOption,
    EngineName,
    EngineOption,
    WorkersOption,
    chosen_or_this,
)
from surrogate.cli.extras import imports_of
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

_ROUNDING = 1e-12


_Config = Annotated[Path | None, config_argument(ConfigKind.BENCHMARK, "timit-micro")]
_Table = Annotated[
    str | None,
    typer.Option(help="Shipped table, or the folder of one (./NAME); by default timit-micro."),
]
_Graphs = Annotated[Path | None, typer.Option(metavar="FILE", help="Labelled graphs, JSON Lines.")]
_Target = Annotated[
    str | None, typer.Option(help="What is predicted; by default val_per, where it is a table's.")
]
_Direction = Annotated[
    str | None, typer.Option(help="Good end of a graph file's labels: minimise or maximise.")
]
_Transform = Annotated[
    str | None, typer.Option(help="Scale of a graph file's labels: identity, log or logit.")
]
_Unit = Annotated[str | None, typer.Option(help="Unit of a graph file's labels.")]
_Protocols = Annotated[
    str | None,
    typer.Option(
        help="Ways to divide the keys, joined by commas: random (the default), "
        "leave-operation-out, small-to-large, extended."
    ),
]
_TrainSizes = Annotated[
    str | None,
    typer.Option(help="Numbers of training keys, joined by commas; by default 50,100."),
]
_Repeats = Annotated[int | None, typer.Option(min=1, help="Splits of each size; by default 10.")]
_Predictors = Annotated[
    str | None,
    typer.Option(help="Names, or module:Class, joined by commas; by default xgb,mean."),
]
_Predictor = Annotated[
    list[str] | None, typer.Option(help="One more: a name, or module:Class. Repeatable.")
]
_Seed = Annotated[int | None, typer.Option(min=0, help="Start of all randomness; by default 0.")]
_Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder to keep results in: runs/benchmark/NAME."),
]
_Format = Annotated[Format, typer.Option("--format", help="Form of the output.")]


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
    output: _Format = Format.TABLE,
) -> None:
    """Compare predictors; run the same command again to resume.

    Defaults are those without CONFIG, whose own values come first.
    """
    source = {"table": table, "graphs": graphs}
    of_graphs = {"direction": direction, "transform": transform, "unit": unit}
    chosen = _with_options(
        config,
        source={**source, **of_graphs},
        top={"target": target, "repeats": repeats, "seed": seed},
        lists={"protocols": protocols, "train_sizes": train_sizes, "predictors": predictors},
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


def _with_options(
    path: Path | None,
    *,
    source: dict[str, Any],
    top: dict[str, Any],
    lists: dict[str, str | None],
    added: list[str],
) -> "BenchmarkConfig":
    """The configuration of a file, with what the command line says otherwise."""
    from surrogate.comparison import benchmark_config, load_benchmark_config

    given = {name: value for name, value in source.items() if value is not None}
    values: dict[str, Any] = {"source": {}}
    if path is not None:
        values = load_benchmark_config(path).model_dump(exclude_none=True)
    elif "table" not in given and "graphs" not in given:
        given["table"] = "timit-micro"
    if "table" in given or "graphs" in given:
        of_table = "val_per" if "table" in given else None
        values["name"] = _name_of(given, top["target"] or values.get("target") or of_table)
    values["source"] = _merged_source(values["source"], given)
    values.update({name: value for name, value in top.items() if value is not None})
    if "table" in values["source"]:
        values.setdefault("target", "val_per")
    if "target" not in values:
        raise UserError("a graph file may have several labels: name one with --target")
    words = {
        name: [w.strip() for w in text.split(",")]
        for name, text in lists.items()
        if text is not None
    }
    if "protocols" in words:
        own = values.get("protocols", {})
        values["protocols"] = {name: own.get(name, {}) for name in words["protocols"]}
    if "train_sizes" in words:
        values["train_sizes"] = _numbers(words["train_sizes"])
        values["protocols"] = {name: {} for name in values.get("protocols", ["random"])}
    values.update(_predictors(values, words.get("predictors"), added))
    return benchmark_config(values)


def _merged_source(of_file: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The fields of a file, but for those given; a source is of one kind only."""
    merged = {**of_file, **given}
    if "table" in given and "graphs" not in given:
        of_graphs = ("graphs", "direction", "transform", "unit")
        return {name: v for name, v in merged.items() if name in given or name not in of_graphs}
    if "graphs" in given and "table" not in given:
        merged.pop("table", None)
    return merged


def _predictors(
    values: dict[str, Any], chosen: list[str] | None, added: list[str]
) -> dict[str, Any]:
    """Who takes part, and the settings of those."""
    names = values.get("predictors", ("xgb", "mean")) if chosen is None else chosen
    names = list(dict.fromkeys([*names, *added]))
    # A plugin in the folder that one works in can be named, as with `python -m`. Last: a file of
    # that folder must not stand in for a package that is installed.
    if any(":" in name for name in names) and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    settings = values.get("settings", {})
    return {"predictors": names, "settings": {n: s for n, s in settings.items() if n in names}}


def _numbers(words: list[str]) -> list[int]:
    try:
        return [int(word) for word in words]
    except ValueError as e:
        raise UserError(
            f"--train-sizes must be integers joined by commas, but got {','.join(words)!r}"
        ) from e


def _name_of(source: dict[str, Any], target: str | None) -> str:
    """A name for a folder, out of where graphs come from and what is predicted.

    The target is always in it, so that it is not that of a file in configs/benchmark.
    """
    path = Path(source.get("graphs") or source["table"])
    # A shipped table is a name and no path; `.` has a name only once it is made whole.
    stem = path.resolve().stem if path.exists() else path.stem
    text = f"{stem}-{target}" if target else stem
    return re.sub(r"[^\w.-]+", "-", text).lstrip("-.") or "benchmark"


def _run(config: "BenchmarkConfig", folder: Path, engine: "Engine") -> "BenchmarkResult":
    from surrogate.comparison import run_benchmark

    remedy = f"finished fits are stored. Resume with --out {folder}"
    with told_when_stopped(remedy), ProgressDisplay("fits") as display:
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
    """An infinite width is no JSON."""
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
        row[s.metric] = _with_half_width(s.mean, s.low, s.high)
    return [*rows.values()]


def _with_half_width(mean: float, low: float | None, high: float | None) -> str:
    """A mean, and half its interval where there is one."""
    if low is None or high is None:
        return f"{mean:.4g}"
    half = (high - low) / 2
    # Of equal numbers rounding leaves a deviation of some 1e-16 of them.
    return f"{mean:.4g} ± {half if half > _ROUNDING * abs(mean) else 0.0:.2g}"


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
            f"noise ceiling of {', '.join(unknown)}: not known; it needs two seeds of test keys"
        )
