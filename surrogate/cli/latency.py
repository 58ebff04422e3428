"""`nasasr latency`: measure what cells cost to run, see what a sweep found."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph_encoding.errors import MissingExtraError, UserError
from surrogate.cli.collect import INTERRUPTED, _RunUnlessNamed, time_left
from surrogate.cli.output import Format, write_csv, write_json, write_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from train_benchmark.latency.record import LatencyRecord
    from train_benchmark.latency.sweep import SweepProgress

_LINE_SECONDS = 30.0


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = typer.Typer(
        cls=_RunUnlessNamed,
        no_args_is_help=True,
        help="Measure the latency of cells: `nasasr latency CONFIG ...`, or see what was found.",
        context_settings={"ignore_unknown_options": True},
    )
    group.command("run")(run)
    group.command("status")(status)
    app.add_typer(group, name="latency")


def run(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="Such as configs/latency/example.toml")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Latency folder: new, or to go on.")],
    cores: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Cores to measure on; by default the last ones."),
    ] = None,
    baselines_of: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="State latencies for the speed of that earlier sweep."),
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="Form of the summary.")] = Format.TABLE,
) -> None:
    """Measure the cells of a config; run again to go on where it was stopped."""
    try:
        from train_benchmark.latency.config import Sweep
        from train_benchmark.latency.sweep import run_sweep
    except ModuleNotFoundError as e:
        raise MissingExtraError(e.name or "onnxruntime", "latency") from e

    sweep = Sweep.load(config)
    with _Display() as display:
        try:
            records = run_sweep(
                sweep,
                out,
                cores=None if cores is None else _core_numbers(cores),
                baselines_of=baselines_of,
                on_progress=display.show,
            )
        except KeyboardInterrupt:
            typer.echo(
                f"stopped; nothing that was finished is lost. Go on with --out {out}", err=True
            )
            raise typer.Exit(INTERRUPTED) from None
    _write_summary(records.values(), output)


def status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Latency folder.")],
    output: Annotated[Format, typer.Option("--format", help="Form of the output.")] = Format.TABLE,
) -> None:
    """Say what a sweep has found so far, one row a setting; it may be running."""
    from train_benchmark.latency.sweep import read_sweep

    _write_summary(read_sweep(folder), output)


def _write_summary(records: "Iterable[LatencyRecord]", output: Format) -> None:
    from dataclasses import asdict

    from train_benchmark.latency.summary import summarise

    rows = [asdict(summary) for summary in summarise(records)]
    if output is Format.JSON:
        write_json(rows)
    elif not rows:
        typer.echo("no cell has been measured yet", err=True)
    elif output is Format.CSV:
        write_csv(rows)
    else:
        write_table(rows)


def _core_numbers(text: str) -> tuple[int, ...]:
    import os

    try:
        wanted = tuple(int(core) for core in text.split(","))
    except ValueError as e:
        raise UserError(f"--cores must be numbers joined by commas, but got {text!r}") from e
    if hasattr(os, "sched_getaffinity") and not set(wanted) <= os.sched_getaffinity(0):
        there = ", ".join(map(str, sorted(os.sched_getaffinity(0))))
        raise UserError(f"--cores must be of {there}, but got {text!r}")
    return wanted


class _Display:
    """A progress bar with the time left on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self._console = Console(stderr=True)
        # A bar that is drawn ten times a second would run beside what is measured.
        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            console=self._console,
            auto_refresh=False,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("measuring", total=None, left="")
        self._started = time.monotonic()
        self._last_line = -_LINE_SECONDS

    def __enter__(self) -> "_Display":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, progress: "SweepProgress") -> None:
        """Show where the sweep stands."""
        elapsed = time.monotonic() - self._started
        done, total = progress.done, progress.total
        left = time_left(done, total, progress.new, elapsed)
        self._bar.update(
            self._task, description=progress.setting, total=total, completed=done, left=left
        )
        self._bar.refresh()
        due = elapsed - self._last_line >= _LINE_SECONDS or done == total
        if not self._console.is_terminal and due:
            self._last_line = elapsed
            typer.echo(f"{progress.setting} {done}/{total} {left}".rstrip(), err=True)
