"""Ctrl-C while a study's journal is written."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="needs the extra predictors")

from optuna.storages.journal import JournalFileBackend

from surrogate.tuning.journal import CalmJournal, interrupts_held_back


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """As in a terminal, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_waits_for_the_end_of_the_block() -> None:
    reached = []

    def work() -> None:
        with interrupts_held_back():
            signal.raise_signal(signal.SIGINT)
            reached.append("end of the block")
        reached.append("behind the block")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == ["end of the block"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_of_the_block_comes_through_and_the_handler_comes_back() -> None:
    with pytest.raises(OSError, match="disk full"), interrupts_held_back():
        raise OSError("disk full")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_who_ignores_interrupts_goes_on_ignoring_them() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interrupts_held_back():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_in_another_thread_nothing_is_held() -> None:
    done = []

    def work() -> None:
        with interrupts_held_back():
            done.append(signal.getsignal(signal.SIGINT) is signal.default_int_handler)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]


def test_an_interrupted_line_is_whole_and_its_lock_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = CalmJournal(str(tmp_path / "study.journal"))
    real = JournalFileBackend.append_logs

    def interrupted(self: JournalFileBackend, logs: list[dict[str, object]]) -> None:
        signal.raise_signal(signal.SIGINT)
        real(self, logs)

    monkeypatch.setattr(JournalFileBackend, "append_logs", interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal.append_logs([{"op_code": 0}])
    assert list(journal.read_logs(0)) == [{"op_code": 0}]
    assert [path.name for path in tmp_path.iterdir()] == ["study.journal"]
