"""Ctrl-C takes effect where it may, and nowhere else."""

import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from surrogate.tuning.interrupts import HeldInterrupts


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """As in a terminal, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def interrupted(work: Callable[[list[str]], None]) -> list[str]:
    """What was reached before the interrupt took effect; afterwards all is as before."""
    reached: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        work(reached)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    return reached


def test_an_interrupt_waits_for_the_end_of_the_block() -> None:
    def work(reached: list[str]) -> None:
        with HeldInterrupts() as interrupts:
            interrupt()
            assert interrupts.pending
            reached.append("end of the block")
        reached.append("behind the block")

    assert interrupted(work) == ["end of the block"]


def test_it_takes_effect_at_once_where_it_is_let_through() -> None:
    def work(reached: list[str]) -> None:
        with HeldInterrupts() as interrupts, interrupts.let_through():
            interrupt()
            reached.append("behind the interrupt")

    assert interrupted(work) == []


def test_what_was_held_takes_effect_at_the_next_part_that_lets_it_through() -> None:
    def work(reached: list[str]) -> None:
        with HeldInterrupts() as interrupts:
            with interrupts.let_through():
                reached.append("first part")
            interrupt()
            reached.append("between the parts")
            with interrupts.let_through():
                reached.append("second part")

    assert interrupted(work) == ["first part", "between the parts"]


def test_an_error_of_the_block_comes_through_and_the_handler_comes_back() -> None:
    with pytest.raises(OSError, match="disk full"), HeldInterrupts():
        raise OSError("disk full")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_who_ignores_interrupts_goes_on_ignoring_them() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with HeldInterrupts() as interrupts, interrupts.let_through():
        interrupt()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    assert not interrupts.pending


def test_another_thread_holds_nothing() -> None:
    found = []

    def work() -> None:
        with HeldInterrupts() as interrupts, interrupts.let_through():
            found.append(signal.getsignal(signal.SIGINT) is signal.default_int_handler)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [True]
