"""`nasasr collect`: train the cells of a campaign."""

import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph_encoding.errors import MissingExtraError

if TYPE_CHECKING:
    from train_benchmark.campaign import Progress

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + the number of SIGINT, as shells have it."""

_LINE_SECONDS = 30.0


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(collect)


def collect(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="Such as configs/campaign/timit-micro-200.toml")
    ],
    corpus: Annotated[Path, typer.Option(metavar="PATH", help="Folder of the corpus.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Campaign folder: new, or to go on.")],
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first so many trainings.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; one core each.")] = 1,
) -> None:
    """Train the cells of a campaign; run again to go on where it was stopped."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    try:
        from train_benchmark.campaign import Campaign
        from train_benchmark.campaign import collect as run
    except ModuleNotFoundError as e:
        raise MissingExtraError(e.name or "torch", "train") from e

    campaign = Campaign.load(config)
    with ProgressDisplay() as display:
        try:
            result = run(
                campaign, corpus, out, workers=workers, limit=limit, on_progress=display.show
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
