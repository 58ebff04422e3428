"""`nasasr latency`: measure what cells cost to run, see what a sweep found."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph_encoding.common.errors import UserError
from surrogate.cli.config_argument import ConfigKind, config_argument
from surrogate.cli.extras import imports_of
from surrogate.cli.output import Format, write_json, write_rows
from surrogate.cli.progress import ProgressDisplay, told_when_stopped
from surrogate.cli.run_group import RunUnlessNamed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from train_benchmark.record_files.latency_record import LatencyRecord


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = typer.Typer(
        cls=RunUnlessNamed,
        no_args_is_help=True,
        help="Measure the latency of cells: `nasasr latency CONFIG ...`, or see what was found.",
        context_settings={"ignore_unknown_options": True},
    )
    group.command("run")(run)
    group.command("status")(status)
    app.add_typer(group, name="latency")


def run(
    config: Annotated[Path, config_argument(ConfigKind.LATENCY, "example")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Latency folder: new, or to go on.")],
    cores: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Cores to measure on; by default the last ones."),
    ] = None,
    baselines_of: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="State latencies for the speed of that earlier sweep."),
    ] = None,
    retry_failed: Annotated[
        bool,
        typer.Option("--retry-failed", help="Measure again what failed; unsupported cells stay."),
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Name of the machine in the records; by default that of its processor, which "
            "another machine may have too.",
        ),
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="Form of the summary.")] = Format.TABLE,
) -> None:
    """Measure the cells of a config; run again to go on where it was stopped."""
    with imports_of("latency"):
        from train_benchmark.latency.config import Sweep
        from train_benchmark.latency.sweep import read_sweep, run_sweep

    sweep = Sweep.load(config)
    if baselines_of is not None:
        read_sweep(baselines_of)  # here: a new folder is not begun for a wrong one
    goes_on = f"nothing that was finished is lost. Go on with --out {out}"
    with (
        told_when_stopped(goes_on),
        ProgressDisplay("measuring", while_timing=True) as display,
    ):
        records = run_sweep(
            sweep,
            out,
            cores=None if cores is None else _core_numbers(cores),
            baselines_of=baselines_of,
            retry_failed=retry_failed,
            device=device,
            on_progress=lambda p: display.show(p.done, p.total, p.setting),
        )
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
    else:
        write_rows(rows, output)


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
