"""`nasasr collect`: train the cells of a campaign, or show its progress."""

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from surrogate.cli.config_argument import ConfigKind, config_argument
from surrogate.cli.engine_options import (
    AddressOption,
    EngineName,
    EngineOption,
    WorkersOption,
    chosen_engine,
)
from surrogate.cli.extras import imports_of
from surrogate.cli.options import (
    CORPUS_HELP,
    RowFormat,
    corpus_roots,
    duration_s,
    resumed_by,
    run_and_status_group,
)
from surrogate.cli.output import Format, write_json, write_rows
from surrogate.cli.progress import ProgressDisplay, told_when_stopped


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    text = "Train the cells of a campaign, or show its progress."
    run_and_status_group(app, "collect", text, run, status)


def run(
    config: Annotated[Path, config_argument(ConfigKind.CAMPAIGN, "timit-micro-200")],
    corpus: Annotated[list[str], typer.Option(metavar="PATH", help=CORPUS_HELP)],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Campaign folder: new, or one to resume.")
    ],
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only the first N trainings.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Start no training after 90s, 150m, 2h, 1d."),
    ] = None,
    retry_failed: Annotated[
        bool,
        typer.Option("--retry-failed", help="Repeat failed trainings, except those that diverged."),
    ] = False,
    engine: EngineOption = EngineName.LOCAL,
    workers: WorkersOption = None,
    address: AddressOption = None,
) -> None:
    """Train the cells of a campaign; run it again to resume."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    chosen = chosen_engine(engine, workers, address)
    max_seconds = None if until is None else duration_s(until)
    with imports_of("train"):
        from train_benchmark.collecting.campaign import collect
        from train_benchmark.collecting.plan import Campaign

    campaign = Campaign.load(config)
    with told_when_stopped(resumed_by(out)), ProgressDisplay("training cells") as display:
        result = collect(
            campaign,
            corpus_roots(corpus),
            out,
            engine=chosen,
            limit=limit,
            max_seconds=max_seconds,
            retry_failed=retry_failed,
            on_progress=lambda progress: display.show(progress.done, progress.total),
        )
    typer.echo(
        f"{result.done} of {result.total} trainings in {out}, {result.new} of them new, "
        f"{result.failed} failed",
        err=True,
    )


def status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Campaign folder.")],
    output: RowFormat = Format.TABLE,
) -> None:
    """Show the progress of a campaign, which may be running."""
    from dataclasses import asdict

    from train_benchmark.collecting.campaign_folder import campaign_status

    row = asdict(campaign_status(folder))
    if output is Format.JSON:
        write_json(row)
    else:
        write_rows([row], output)
