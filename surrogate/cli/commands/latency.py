"""`nasasr latency`: measure the latency of cells, or show what a sweep measured."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph_encoding.common.errors import UserError
from surrogate.cli.config_argument import ConfigKind, config_argument
from surrogate.cli.extras import imports_of
from surrogate.cli.options import RowFormat, integers_of, resumed_by, run_and_status_group
from surrogate.cli.output import Format, write_json, write_rows
from surrogate.cli.progress import ProgressDisplay, told_when_stopped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from train_benchmark.record_files.latency_record import LatencyRecord


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    text = "Measure the latency of cells, or summarise a sweep."
    run_and_status_group(app, "latency", text, run, status)


def run(
    config: Annotated[Path, config_argument(ConfigKind.LATENCY, "example")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Latency folder: new, or one to resume.")
    ],
    cores: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Cores to measure on; by default the last ones."),
    ] = None,
    baselines_of: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Scale latencies to the speed of the device during that earlier sweep.",
        ),
    ] = None,
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed", help="Repeat failed measurements, except those of unsupported cells."
        ),
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Name of the device in the records; by default that of its processor, which "
            "another device may share.",
        ),
    ] = None,
    output: RowFormat = Format.TABLE,
) -> None:
    """Measure the cells of a configuration; run it again to resume."""
    with imports_of("latency"):
        from train_benchmark.latency.config import Sweep
        from train_benchmark.latency.sweep import read_sweep, run_sweep

    sweep = Sweep.load(config)
    if baselines_of is not None:
        read_sweep(baselines_of)  # here: before a new folder is made
    with (
        told_when_stopped(resumed_by(out)),
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
    output: RowFormat = Format.TABLE,
) -> None:
    """Summarise the measurements of a sweep, one row per setting; it may be running."""
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

    wanted = tuple(integers_of("--cores", text))
    if hasattr(os, "sched_getaffinity") and not set(wanted) <= os.sched_getaffinity(0):
        available = ", ".join(map(str, sorted(os.sched_getaffinity(0))))
        raise UserError(f"--cores must be among {available}, but got {text!r}")
    return wanted
