"""`nasasr benchmark`: predictors side by side on the same splits."""

import math
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graph_encoding.errors import MissingExtraError, UserError
from surrogate.cli.collect import INTERRUPTED, time_left
from surrogate.cli.output import Format, Row, write_csv, write_json, write_table

if TYPE_CHECKING:
    from surrogate.benchmark import BenchmarkConfig, BenchmarkResult

_REPORT = "report.html"
_LINE_SECONDS = 30.0
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


_Config = Annotated[
    Path | None,
    typer.Argument(metavar="CONFIG", help="Such as configs/benchmark/timit-micro.toml"),
]
_Table = Annotated[str | None, typer.Option(help="Shipped table, or the folder of one.")]
_Graphs = Annotated[Path | None, typer.Option(metavar="FILE", help="Labelled graphs, JSON Lines.")]
_Target = Annotated[str | None, typer.Option(help="What is predicted.")]
_Direction = Annotated[
    str | None, typer.Option(help="Good end of a graph file's labels: minimise or maximise.")
]
_Transform = Annotated[
    str | None, typer.Option(help="Scale of a graph file's labels: identity, log or logit.")
]
_Unit = Annotated[str | None, typer.Option(help="Unit of a graph file's labels.")]
_Protocols = Annotated[str | None, typer.Option(help="Ways to divide the keys, joined by commas.")]
_TrainSizes = Annotated[
    str | None, typer.Option(help="Numbers of training keys, joined by commas.")
]
_Repeats = Annotated[int | None, typer.Option(min=1, help="Splits of each size.")]
_Predictors = Annotated[str | None, typer.Option(help="Names, or module:Class, joined by commas.")]
_Predictor = Annotated[
    list[str] | None, typer.Option(help="One more: a name, or module:Class. Repeatable.")
]
_Seed = Annotated[int | None, typer.Option(min=0, help="Start of all randomness.")]
_Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder to keep results in: runs/benchmark/NAME."),
]
_Workers = Annotated[int, typer.Option(min=1, help="Fits at a time, a process each.")]
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
    workers: _Workers = 1,
    output: _Format = Format.TABLE,
) -> None:
    """Compare predictors; run again to go on where it was stopped."""
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
    result = _run(chosen, folder, workers)
    _write_result(result, output)
    typer.echo(f"wrote {folder}: scores.parquet, summary.parquet, fits/", err=True)
    try:
        from surrogate.report import write_report

        write_report(result, folder / _REPORT)
    except ModuleNotFoundError as e:
        raise MissingExtraError(e.name or "plotly", "report") from e
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
    from surrogate.benchmark import benchmark_config, load_benchmark_config

    # A plugin in the folder that one works in can be named, as with `python -m`.
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    given = {name: value for name, value in source.items() if value is not None}
    values: dict[str, Any] = {}
    if path is not None:
        values = load_benchmark_config(path).model_dump(exclude_none=True)
    if "table" in given or "graphs" in given or path is None:
        values["source"] = given or {"table": "timit-micro"}
        values["name"] = _name_of(given, top["target"])
    else:
        values["source"] = {**values["source"], **given}
    values.update({name: value for name, value in top.items() if value is not None})
    if "table" in values["source"]:
        values.setdefault("target", "val_per")
    words = {name: text.split(",") for name, text in lists.items() if text is not None}
    if "train_sizes" in words:
        values["train_sizes"] = _numbers(words["train_sizes"])
        values["protocols"] = {name: {} for name in values.get("protocols", ["random"])}
    if "protocols" in words:
        values["protocols"] = {name: {} for name in words["protocols"]}
    if "predictors" in words:
        values["predictors"] = words["predictors"]
    if added:
        values["predictors"] = [*values.get("predictors", ("xgb", "mean")), *added]
    if "predictors" in values:
        values["predictors"] = list(dict.fromkeys(values["predictors"]))
        settings = values.get("settings", {})
        values["settings"] = {n: s for n, s in settings.items() if n in values["predictors"]}
    return benchmark_config(values)


def _numbers(words: list[str]) -> list[int]:
    try:
        return [int(word) for word in words]
    except ValueError as e:
        raise UserError(
            f"--train-sizes must be integers joined by commas, but got {','.join(words)!r}"
        ) from e


def _name_of(source: dict[str, Any], target: str | None) -> str:
    stem = Path(source.get("graphs") or source.get("table") or "timit-micro").stem
    return f"{stem}-{target}" if target else stem


def _run(config: "BenchmarkConfig", folder: Path, workers: int) -> "BenchmarkResult":
    from surrogate.benchmark import run_benchmark

    with _ProgressDisplay() as display:
        try:
            return run_benchmark(config, folder, workers=workers, on_progress=display.show)
        except KeyboardInterrupt:
            typer.echo(
                f"stopped; nothing that was finished is lost. Go on with --out {folder}", err=True
            )
            raise typer.Exit(INTERRUPTED) from None


def _write_result(result: "BenchmarkResult", output: Format) -> None:
    rows = [_plain(asdict(row)) for row in result.summary]
    if output is Format.JSON:
        write_json(rows)
    elif output is Format.CSV:
        write_csv(rows)
    else:
        write_table(_table_rows(result))
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
        row[s.metric] = f"{s.mean:.4g}"
        if s.low is not None and s.high is not None:
            # Rounded: the spread of equal numbers is some 1e-16.
            row[s.metric] += f" -+ {round((s.high - s.low) / 2, 9):.2g}"
    return [*rows.values()]


def _write_ceilings(result: "BenchmarkResult") -> None:
    typer.echo("")
    if not result.ceilings:
        typer.echo("noise ceiling: not known; it needs two seeds of the same keys")
        return
    write_table(
        [
            {
                "noise ceiling": ceiling.metric,
                "other seeds": f"{ceiling.value:.4g}",
                "low": f"{ceiling.low:.4g}",
                "high": f"{ceiling.high:.4g}",
                "perfect": "-" if ceiling.perfect is None else f"{ceiling.perfect:.4g}",
                "keys": ceiling.keys,
            }
            for ceiling in result.ceilings.values()
        ]
    )


class _ProgressDisplay:
    """A progress bar with the time left on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("fits"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("fits", total=None, left="")
        self._started = time.monotonic()
        self._last_line = -_LINE_SECONDS

    def __enter__(self) -> "_ProgressDisplay":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, done: int, total: int, new: int) -> None:
        """Show where the benchmark stands."""
        elapsed = time.monotonic() - self._started
        left = time_left(done, total, new, elapsed)
        self._bar.update(self._task, total=total, completed=done, left=left)
        if not self._console.is_terminal and (
            elapsed - self._last_line >= _LINE_SECONDS or done == total
        ):
            self._last_line = elapsed
            typer.echo(f"{done}/{total} fits {left}".rstrip(), err=True)
