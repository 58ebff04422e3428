"""`nasasr collect`: train the cells of a campaign, see where it stands."""

import logging
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from graph_encoding.common.errors import UserError
from surrogate.cli.config_argument import ConfigKind, config_argument
from surrogate.cli.corpus_option import CORPUS_HELP, corpus_roots
from surrogate.cli.engine_options import (
    AddressOption,
    EngineName,
    EngineOption,
    WorkersOption,
    chosen_engine,
)
from surrogate.cli.extras import imports_of
from surrogate.cli.output import Format, write_json, write_rows
from surrogate.cli.progress import ProgressDisplay, told_when_stopped
from surrogate.cli.run_group import RunUnlessNamed


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = typer.Typer(
        cls=RunUnlessNamed,
        no_args_is_help=True,
        help="Train the cells of a campaign: `nasasr collect CONFIG ...`, or see where it stands.",
        context_settings={"ignore_unknown_options": True},
    )
    group.command("run")(run)
    group.command("status")(status)
    app.add_typer(group, name="collect")


def run(
    config: Annotated[Path, config_argument(ConfigKind.CAMPAIGN, "timit-micro-200")],
    corpus: Annotated[list[str], typer.Option(metavar="PATH", help=CORPUS_HELP)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Campaign folder: new, or to go on.")],
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first so many trainings.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Begin no training after 90s, 150m, 2h, 1d."),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Train again what failed; what diverged stays.")
    ] = False,
    engine: EngineOption = EngineName.LOCAL,
    workers: WorkersOption = None,
    address: AddressOption = None,
) -> None:
    """Train the cells of a campaign; run again to go on where it was stopped."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    chosen = chosen_engine(engine, workers, address)
    max_seconds = None if until is None else duration_s(until)
    with imports_of("train"):
        from train_benchmark.collecting.campaign import collect
        from train_benchmark.collecting.plan import Campaign

    campaign = Campaign.load(config)
    goes_on = f"nothing that was finished is lost. Go on with --out {out}"
    with told_when_stopped(goes_on), ProgressDisplay("training cells") as display:
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
    output: Annotated[Format, typer.Option("--format", help="Form of the output.")] = Format.TABLE,
) -> None:
    """Say where a campaign stands; it may be running."""
    from dataclasses import asdict

    from train_benchmark.collecting.campaign_folder import campaign_status

    row = asdict(campaign_status(folder))
    if output is Format.JSON:
        write_json(row)
    else:
        write_rows([row], output)


def duration_s(text: str) -> float:
    """Seconds of a duration: a number and s, m, h or d.

    Raises:
        UserError: if it is written otherwise.

    >>> duration_s("150m")
    9000.0
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhd])", text.strip())
    if match is None:
        raise UserError(f"a time must be a number and s, m, h or d, such as 150m, but got {text!r}")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[match[2]]
