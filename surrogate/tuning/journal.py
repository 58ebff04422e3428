"""The journal of a study: Optuna's file of records, without half-written lines."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

from graph_encoding.common.atomic_files import truncate_half_line
from graph_encoding.common.errors import UserError


class StudyJournal(JournalFileBackend):
    """Optuna's journal, made safe against a write that stopped within a line.

    Optuna assumes that another process is still writing a last line without a line break, and
    appends to it, which joins two records to an unreadable one. All writing is done under the lock
    of the journal, so its holder knows that a half-written line has no writer any more: a full
    disk, a kill or a power cut ended it.

    Args:
        path: the file, in the folder of its study.

    Attributes:
        failure: why the last attempt to append failed; None if none did.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), _LockWithWholeLines(path))
        self.failure: OSError | None = None
        self._folder = path.parent

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append records.

        Raises:
            OSError: if they cannot be written; kept as `failure`, as Optuna may replace it.
        """
        try:
            super().append_logs(logs)
        except OSError as e:
            self.failure = e
            raise

    @contextmanager
    def errors_as_messages(self) -> Iterator[None]:
        """Turn what Optuna raises after a failed write into an error that names the cause.

        Raises:
            UserError: if a record could not be written.
        """
        try:
            yield
        except Exception as e:
            if self.failure is None:
                raise
            reason = self.failure.strerror or self.failure
            raise UserError(
                f"cannot write study folder {self._folder}: {reason}; "
                "make that possible and run the same command again: trials that ended are stored"
            ) from e


class _LockWithWholeLines(JournalFileSymlinkLock):
    """The lock of a journal; acquiring it removes a half-written line."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path

    def acquire(self) -> bool:
        """Wait for the lock, then cut off what follows the last line break."""
        acquired: bool = super().acquire()
        try:
            truncate_half_line(self._path)
        except BaseException:
            self.release()
            raise
        return acquired
