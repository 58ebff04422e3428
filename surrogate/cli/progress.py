"""Progress of long work, and the message when it is interrupted."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

import typer

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + the number of SIGINT, as shells have it."""

TERMINATED = 143
"""Exit code after SIGTERM, likewise."""

_LINE_SECONDS = 30.0


class ProgressDisplay:
    """A progress bar with the time left on a terminal, a line every 30 seconds elsewhere.

    Args:
        what: name of the work, in a word or two.
        while_timing: whether the work measures time: the bar is then drawn at each step only, not
            ten times a second beside the measurement.
    """

    def __init__(self, what: str, *, while_timing: bool = False) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            console=self._console,
            auto_refresh=not while_timing,
            disable=not self._console.is_terminal,
        )
        self._what = what
        self._task = self._bar.add_task(what, total=None, left="")
        self._started = time.monotonic()
        self._last_line = -_LINE_SECONDS
        self._done_before: int | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, done: int, total: int, what: str | None = None) -> None:
        """Show the progress.

        Args:
            done: finished steps; those of the first call were finished earlier.
            total: all steps.
            what: name of the current work, if it has changed.
        """
        if self._done_before is None:
            self._done_before = done
        name = what or self._what
        elapsed = time.monotonic() - self._started
        left = time_left(done, total, done - self._done_before, elapsed)
        self._bar.update(self._task, description=name, total=total, completed=done, left=left)
        self._bar.refresh()
        due = elapsed - self._last_line >= _LINE_SECONDS or done == total
        if not self._console.is_terminal and due:
            self._last_line = elapsed
            typer.echo(f"{name} {done}/{total} {left}".rstrip(), err=True)


def time_left(done: int, total: int, new: int, elapsed_s: float) -> str:
    """Time left at the rate of this run; empty before its first step and at the end.

    >>> time_left(done=60, total=100, new=10, elapsed_s=100.0)
    'about 6m 40s left'
    """
    if not new or done == total:
        return ""
    return f"about {duration_text((total - done) * elapsed_s / new)} left"


def duration_text(seconds: float) -> str:
    """A duration in its two largest units.

    >>> [duration_text(seconds) for seconds in (5, 400, 7500, 200_000)]
    ['0m 5s', '6m 40s', '2h 5m', '2d 7h']
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours_of_day = divmod(hours, 24)
    if days:
        return f"{days}d {hours_of_day}h"
    return f"{hours}h {minutes}m" if hours else f"{minutes}m {rest}s"


@contextmanager
def told_when_stopped(consequence: str) -> Iterator[None]:
    """Print what Ctrl-C or SIGTERM leaves behind, and exit with its code.

    SIGTERM, with which schedulers and `timeout` stop work, is handled like Ctrl-C.
    """
    terminated = False

    def stop(*_: object) -> None:
        nonlocal terminated
        terminated = True
        # Code that defers Ctrl-C defers this too. Background work may ignore Ctrl-C, but not this.
        if callable(signal.getsignal(signal.SIGINT)):
            signal.raise_signal(signal.SIGINT)
        else:
            raise KeyboardInterrupt

    try:
        with _terminated_by(stop):
            yield
    except KeyboardInterrupt:
        typer.echo(f"stopped; {consequence}", err=True)
        raise typer.Exit(TERMINATED if terminated else INTERRUPTED) from None


@contextmanager
def _terminated_by(handler: Callable[..., None]) -> Iterator[None]:
    """Handle SIGTERM, if it would end the process; only the main thread can."""
    ends = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if not ends or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
