"""Ctrl-C only where it does no harm."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self


class HeldInterrupts:
    """Holds Ctrl-C back within a `with` block, but for the parts of it that let it through.

    An interrupt that reaches optuna 5 while it writes its journal, or tells a trial's end, makes it
    fail by its own cleaning up: by a lock that is removed twice, or a variable that was never
    set. What is held takes effect at the next part that lets it through, or at the block's end.

    Where interrupts are ignored, and elsewhere than in the main thread, nothing changes.
    """

    def __init__(self) -> None:
        self._before = signal.getsignal(signal.SIGINT)
        in_main_thread = threading.current_thread() is threading.main_thread()
        self._holds = in_main_thread and callable(self._before)
        self._held: tuple[int, FrameType | None] | None = None

    @property
    def pending(self) -> bool:
        """Whether an interrupt waits to take effect."""
        return self._held is not None

    def __enter__(self) -> Self:
        if self._holds:
            signal.signal(signal.SIGINT, self._hold)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._holds:
            signal.signal(signal.SIGINT, self._before)
        if error is None:
            self._release()

    @contextmanager
    def let_through(self) -> Iterator[None]:
        """A part in which Ctrl-C takes effect at once."""
        if not self._holds:
            yield
            return
        self._release()
        signal.signal(signal.SIGINT, self._before)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, self._hold)

    def _hold(self, number: int, frame: FrameType | None) -> None:
        self._held = (number, frame)

    def _release(self) -> None:
        held, self._held = self._held, None
        if held is not None and callable(self._before):
            self._before(*held)
