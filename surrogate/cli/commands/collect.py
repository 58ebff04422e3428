"""`nasasr collect`: train the cells of a campaign, or show its progress."""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from surrogate.cli.output import Format, write_csv, write_json, write_table
from surrogate.cli.progress import ProgressDisplay, duration_text, told_when_stopped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from train_benchmark.collecting.ledger import CampaignStatus, FailedTraining

_MOST_FAILURES = 10
"""Failed trainings that are shown; JSON has all."""


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

    found = campaign_status(folder)
    row = asdict(found)
    if output is Format.JSON:
        write_json(row)
    elif output is Format.CSV:
        del row["failures"]
        write_csv([row])
    else:
        write_table([{"campaign": key, str(folder): text} for key, text in _facts(found, folder)])
        _write_failures(found.failures)


def _facts(status: "CampaignStatus", folder: Path) -> "Iterator[tuple[str, str]]":
    """What people want to know of a campaign, by name."""
    from train_benchmark.record_files.record_reader import JOURNAL, SHARDS

    is_known = status.waiting is not None and status.in_flight is not None
    if is_known:
        unfinished = (status.waiting or 0) + (status.in_flight or 0)
        total = status.done + status.failed + unfinished
        yield "done", f"{status.done:,} of {total:,} trainings"
    else:
        yield "done", f"{status.done:,} trainings"
    yield "failed", f"{status.failed:,}"
    if is_known:
        yield "running", f"{status.in_flight:,}"
        yield "waiting", f"{status.waiting:,}"
        slow = "unknown: fewer than two trainings ended in the last half hour"
        yield "speed", slow if status.per_hour is None else f"{status.per_hour:.3g} per hour"
        left = status.hours_left
        yield "time left", "unknown" if left is None else duration_text(left * 3600)
    else:
        yield "waiting", "unknown: no ledger.sqlite; the next `nasasr collect` writes it"
    shards = len([*(folder / SHARDS).glob("*.parquet")])
    journal = folder / JOURNAL
    newest = journal.read_bytes().count(b"\n") if journal.exists() else 0
    of_shards = "1 shard" if shards == 1 else f"{shards} shards"
    yield "records", f"{of_shards}, and {newest} in the journal"


def _write_failures(failures: "Sequence[FailedTraining]") -> None:
    from dataclasses import asdict

    if not failures:
        return
    typer.echo("")
    write_table([asdict(one) for one in failures[:_MOST_FAILURES]])
    if (more := len(failures) - _MOST_FAILURES) > 0:
        typer.echo(f"and {more:,} more failed trainings: --format json has all")
