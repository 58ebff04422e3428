"""Optuna's journal in a file, written whole also when Ctrl-C comes."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from graph_encoding.errors import MissingExtraError

try:
    from optuna.storages.journal import JournalFileBackend
except ModuleNotFoundError as e:
    raise MissingExtraError(e.name or "optuna", "predictors") from e


class CalmJournal(JournalFileBackend):
    """A journal file whose lines and locks Ctrl-C cannot break.

    An interrupt that reaches optuna while it gives its lock back makes it remove the lock twice,
    and fail by that. Here it waits for the end of the line.
    """

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write some lines, then be interrupted if need be."""
        with interrupts_held_back():
            super().append_logs(logs)


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Let Ctrl-C take effect only after the block; elsewhere than in the main thread do nothing."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    held: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: held.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        before(*held[0])
