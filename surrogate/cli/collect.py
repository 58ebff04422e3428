"""`nasasr collect`: train the cells of a campaign, see where it stands."""

import logging
import re
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from graph_encoding.errors import MissingExtraError, UserError
from surrogate.cli.output import ReportFormat, write_json, write_table

if TYPE_CHECKING:
    from train_benchmark.campaign import Progress
    from train_benchmark.engines.base import Engine

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + the number of SIGINT, as shells have it."""

_LINE_SECONDS = 30.0


class EngineName(StrEnum):
    """Where trainings run."""

    LOCAL = "local"
    RAY = "ray"


class _RunUnlessNamed(TyperGroup):
    """`collect CONFIG ...` is `collect run CONFIG ...`: the first word need not name a command."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            args = ["run", *args]
        return super().resolve_command(ctx, args)


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = typer.Typer(
        cls=_RunUnlessNamed,
        no_args_is_help=True,
        help="Train the cells of a campaign: `nasasr collect CONFIG ...`, or see where it stands.",
        context_settings={"ignore_unknown_options": True},
    )
    group.command("run")(run)
    group.command("status")(status)
    app.add_typer(group, name="collect")


def run(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="Such as configs/campaign/timit-micro-200.toml")
    ],
    corpus: Annotated[Path, typer.Option(metavar="PATH", help="Folder of the corpus.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Campaign folder: new, or to go on.")],
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first so many trainings.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Begin no training after 90s, 150m, 2h, 1d."),
    ] = None,
    engine: Annotated[EngineName, typer.Option(help="Where trainings run.")] = EngineName.LOCAL,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Trainings at a time, one core each: 1, or all cores of Ray."),
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="Ray cluster: auto, local or host:port.")
    ] = None,
) -> None:
    """Train the cells of a campaign; run again to go on where it was stopped."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    if address is not None and engine is not EngineName.RAY:
        raise UserError(f"--address is of --engine ray, but the engine is {engine.value}")
    max_seconds = None if until is None else duration_s(until)
    try:
        from train_benchmark.campaign import Campaign, collect
    except ModuleNotFoundError as e:
        raise MissingExtraError(e.name or "torch", "train") from e

    campaign = Campaign.load(config)
    with ProgressDisplay() as display:
        try:
            result = collect(
                campaign,
                corpus,
                out,
                engine=_make_engine(engine, workers, address),
                limit=limit,
                max_seconds=max_seconds,
                on_progress=display.show,
            )
        except KeyboardInterrupt:
            typer.echo(
                f"stopped; nothing that was finished is lost. Go on with --out {out}", err=True
            )
            raise typer.Exit(INTERRUPTED) from None
    typer.echo(
        f"{result.done} of {result.total} trainings in {out}, {result.new} of them new, "
        f"{result.failed} failed",
        err=True,
    )


def status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Campaign folder.")],
    output: Annotated[
        ReportFormat, typer.Option("--format", help="Form of the output.")
    ] = ReportFormat.TABLE,
) -> None:
    """Say where a campaign stands; it may be running."""
    from dataclasses import asdict

    try:
        from train_benchmark.campaign import campaign_status
    except ModuleNotFoundError as e:
        raise MissingExtraError(e.name or "torch", "train") from e

    row = asdict(campaign_status(folder))
    if output is ReportFormat.JSON:
        write_json(row)
    else:
        write_table([row])


def duration_s(text: str) -> float:
    """Seconds of a duration: a number and s, m, h or d.

    Raises:
        UserError: if it is written otherwise.

    >>> duration_s("150m")
    9000.0
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if match is None:
        raise UserError(f"a time must be a number and s, m, h or d, such as 150m, but got {text!r}")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[match[2]]


def _make_engine(name: EngineName, workers: int | None, address: str | None) -> "Engine":
    if name is EngineName.RAY:
        from train_benchmark.engines.ray_cluster import RayEngine

        return RayEngine(address or "auto", workers)
    from train_benchmark.engines.local import LocalEngine

    return LocalEngine(workers or 1)


class ProgressDisplay:
    """A progress bar with the time left on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self._console = Console(stderr=True)
        self._bar = RichProgress(
            TextColumn("training cells"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("training", total=None, left="")
        self._started = time.monotonic()
        self._last_line = -_LINE_SECONDS

    def __enter__(self) -> "ProgressDisplay":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, progress: "Progress") -> None:
        """Show where the campaign stands."""
        elapsed = time.monotonic() - self._started
        left = time_left(progress.done, progress.total, progress.new, elapsed)
        self._bar.update(self._task, total=progress.total, completed=progress.done, left=left)
        due = elapsed - self._last_line >= _LINE_SECONDS or progress.done == progress.total
        if not self._console.is_terminal and due:
            self._last_line = elapsed
            typer.echo(f"{progress.done}/{progress.total} {left}".rstrip(), err=True)


def time_left(done: int, total: int, new: int, elapsed_s: float) -> str:
    """Time left at the rate of this run, in words; empty before the first training is done.

    >>> time_left(done=60, total=100, new=10, elapsed_s=100.0)
    'about 6m 40s left'
    """
    if not new:
        return ""
    seconds = round((total - done) * elapsed_s / new)
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"about {hours}h {minutes}m left" if hours else f"about {minutes}m {seconds}s left"
