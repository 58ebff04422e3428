"""The journal of a study: what a write that stopped within a line leaves of it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("optuna", reason="needs the extra predictors")

from graph_encoding import UserError
from surrogate.tuning.journal import StudyJournal

RECORDS = st.lists(st.dictionaries(st.text(max_size=3), st.integers()), min_size=1, max_size=5)


def read(path: Path) -> list[dict[str, Any]]:
    return list(StudyJournal(path).read_logs(0))


@given(before=RECORDS, after=RECORDS, data=st.data())
def test_whole_records_before_a_cut_stay_and_new_ones_follow(
    before: list[dict[str, Any]],
    after: list[dict[str, Any]],
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("study") / "study.journal"
    StudyJournal(path).append_logs(before)
    content = path.read_bytes()
    kept = content[: data.draw(st.integers(0, len(content)), "cut")]
    path.write_bytes(kept)
    whole = [json.loads(line) for line in kept.split(b"\n")[:-1]]
    StudyJournal(path).append_logs(after)
    assert read(path) == whole + after
    assert [*path.parent.iterdir()] == [path]  # the lock is released


def test_a_journal_that_is_open_appends_whole_lines_behind_another_writer_that_died(
    tmp_path: Path,
) -> None:
    """One worker of several is killed within a write; the others go on."""
    path = tmp_path / "study.journal"
    alive = StudyJournal(path)
    alive.append_logs([{"a": 1}])
    with path.open("ab") as file:
        file.write(b'{"half": ')
    assert list(alive.read_logs(1)) == []
    alive.append_logs([{"a": 2}])
    assert list(alive.read_logs(1)) == [{"a": 2}]
    assert read(path) == [{"a": 1}, {"a": 2}]


def test_a_failed_write_is_a_message_whatever_is_raised_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = StudyJournal(tmp_path / "study.journal")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    def append() -> None:
        with journal.errors_as_messages():
            try:
                journal.append_logs([{}])
            except OSError as e:
                raise AssertionError("Should not reach.") from e  # as Optuna does

    with pytest.raises(UserError, match=r"cannot write study folder .*: No space left on device"):
        append()


def test_errors_that_are_no_failed_writes_stay_what_they_are(tmp_path: Path) -> None:
    journal = StudyJournal(tmp_path / "study.journal")
    with pytest.raises(ZeroDivisionError), journal.errors_as_messages():
        _ = 1 / 0
