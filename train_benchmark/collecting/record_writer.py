"""A folder that records are only ever added to, safe against being killed at any moment.

A record is first appended to a journal as one line of JSON and flushed to the disk. A full journal
is sealed as a Parquet shard and emptied. Whenever the process dies, a record is in a shard, in the
journal, or in both (and then counted once); a line that was cut off was never reported as done.
"""

import os
from pathlib import Path
from types import TracebackType
from typing import IO, Generic, Self, TypeVar

from filelock import FileLock, Timeout

from graph_encoding.common.atomic_files import flush_folder, truncate_half_line
from graph_encoding.common.errors import UserError
from graph_encoding.common.hashing import content_hash
from train_benchmark.record import TrainingRecord
from train_benchmark.record_files.folder_kinds import CAMPAIGN, CampaignIdentity
from train_benchmark.record_files.record_reader import (
    FAILED,
    JOURNAL,
    SHARDS,
    RecordT,
    StoreFormat,
    read_folder,
    read_journal,
    replaces,
)

IdentityT = TypeVar("IdentityT")

_LOCK = "lock"


class AppendStore(Generic[RecordT, IdentityT]):
    """The one writer of a folder of records; use it as a context manager.

    Args:
        folder: the folder, made if it does not exist.
        form: how its records are stored.
        retry_failed: whether failed records are ignored, so that others can replace them.

    Attributes:
        folder: the folder.
        records: all records that count, by identity, once the store is entered.

    Raises:
        UserError: on entering, if the folder cannot be written or locked, or has another writer.
    """

    def __init__(
        self, folder: Path, form: StoreFormat[RecordT], *, retry_failed: bool = False
    ) -> None:
        self.folder = folder
        self.records: dict[IdentityT, RecordT] = {}
        self._form = form
        self._retry_failed = retry_failed
        self._to_replace: dict[IdentityT, RecordT] = {}
        self._journaled = 0
        self._journal: IO[bytes] | None = None
        # A marker that a killed writer leaves behind would lock the folder for ever.
        self._lock = FileLock(folder / _LOCK, fallback_to_soft=False, preserve_lock_file=True)

    def __enter__(self) -> Self:
        self._acquire_lock()
        try:
            self._take_in()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._journal is not None
        try:
            self._seal()
        finally:
            # After a failed write, closing writes again and may fail again.
            try:
                self._journal.close()
            finally:
                self._lock.release()

    def append(self, record: RecordT) -> bool:
        """Store a record; when this returns it is on the disk.

        Returns:
            Whether it was stored: a second failure does not replace the first one.

        Raises:
            UserError: if a record of its identity exists.
        """
        assert self._journal is not None, "enter the store before appending"
        if record.identity in self.records:
            raise UserError(
                f"{self._form.run} {self.folder} already has a record of {record.identity}"
            )
        failed_before = self._to_replace.pop(record.identity, None)
        if failed_before is not None and not replaces(record, failed_before):
            self.records[record.identity] = failed_before
            return False
        self._journal.write(record.to_json().encode() + b"\n")
        self._journal.flush()
        os.fsync(self._journal.fileno())
        self.records[record.identity] = record
        self._journaled += 1
        if self._journaled >= self._form.records_per_shard:
            self._seal()
        return True

    def _acquire_lock(self) -> None:
        """Make the folder if it does not exist, and lock it against other writers."""
        name = f"{self._form.folder} {self.folder}"
        try:
            (self.folder / SHARDS).mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise UserError(f"cannot write {name}: {e}; choose another --out") from e
        try:
            self._lock.acquire(blocking=False)
        except Timeout as e:
            raise UserError(f"{name} has another writer; wait for it or stop it") from e
        except OSError as e:
            raise UserError(
                f"cannot lock {name}: {e}; choose an --out that can be written, on a file system "
                "that has locks"
            ) from e

    def _take_in(self) -> None:
        """Read the existing records, and open the journal behind its last whole line."""
        self.records = read_folder(self.folder, self._form)
        if self._retry_failed:
            failed = [i for i, record in self.records.items() if record.status == FAILED]
            self._to_replace = {identity: self.records.pop(identity) for identity in failed}
        self._journaled = len(read_journal(self.folder, self._form))
        truncate_half_line(self.folder / JOURNAL)
        self._journal = (self.folder / JOURNAL).open("ab")
        # A line is on the disk only if the journal's own name is, and that of its folder.
        flush_folder(self.folder)
        flush_folder(self.folder.parent)

    def _seal(self) -> None:
        """Move the journal's records into a shard named by its content."""
        assert self._journal is not None
        # The content of the file counts, not the count of `append`: Ctrl-C may have ended it after
        # its record was on the disk.
        self._journal.flush()
        records = read_journal(self.folder, self._form)
        if not records:
            return
        name = content_hash([record.to_json() for record in records])[:16]
        self._form.write(records, self.folder / SHARDS / f"{name}.parquet")
        self._journal.truncate(0)
        os.fsync(self._journal.fileno())
        self._journaled = 0


class RecordStore(AppendStore[TrainingRecord, CampaignIdentity]):
    """The one writer of a campaign's folder: an `AppendStore` of trainings."""

    def __init__(self, folder: Path, *, retry_failed: bool = False) -> None:
        super().__init__(folder, CAMPAIGN, retry_failed=retry_failed)
