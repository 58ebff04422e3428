"""Ctrl-C takes effect where it may, and nowhere else."""

import signal
import threading
from collections.abc import Iterator

import pytest

from surrogate.tuning.interrupts import held_interrupts


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """As in a terminal, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def test_an_interrupt_waits_for_the_end_of_the_block() -> None:
    reached: list[str] = []

    def work() -> None:
        with held_interrupts():
            interrupt()
            interrupt()
            reached.append("end of the block")
        reached.append("behind the block")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == ["end of the block"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_of_the_block_is_raised_and_the_handler_is_restored() -> None:
    def work() -> None:
        with held_interrupts():
            interrupt()
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        work()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_where_interrupts_are_ignored_they_stay_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with held_interrupts():
        interrupt()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_another_thread_holds_nothing() -> None:
    found = []

    def work() -> None:
        with held_interrupts():
            found.append(signal.getsignal(signal.SIGINT) is signal.default_int_handler)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [True]
