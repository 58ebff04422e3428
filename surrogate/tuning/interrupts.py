"""Ctrl-C only where it does no harm."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held_interrupts() -> Iterator[None]:
    """Delay Ctrl-C until the end of a `with` block that ends without an error.

    An interrupt that reaches optuna 5 while it writes its journal makes it fail in its own
    clean-up: it removes a lock twice, or reads a variable that was never set.

    Where interrupts are ignored, and in other threads than the main one, nothing changes.
    """
    before = signal.getsignal(signal.SIGINT)
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not (in_main_thread and callable(before)):
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
