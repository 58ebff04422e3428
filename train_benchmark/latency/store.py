"""Where a latency sweep keeps its records: one writer, append-only, safe against a kill.

As `train_benchmark.store` does for trainings: a record goes to a journal first, flushed to the
disk, and now and then the journal is sealed as a Parquet shard.
"""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from graph_encoding.errors import UserError
from train_benchmark.latency.record import LatencyRecord, read_latencies, write_latencies
from train_benchmark.record import content_hash

RECORDS_PER_SHARD = 1000

_JOURNAL = "journal.jsonl"
_SHARDS = "shards"
_LOCK = "lock"

Identity = tuple[str, str]


def read_latency_store(folder: Path) -> dict[Identity, LatencyRecord]:
    """All records of a sweep's folder by (setting, functional key).

    A cut-off last line of the journal is ignored: that measurement was in flight.

    Raises:
        UserError: if a shard or a whole journal line is corrupt, or two records of one
            (setting, key) differ.
    """
    found: list[LatencyRecord] = []
    for shard in sorted((folder / _SHARDS).glob("*.parquet")):
        found += read_latencies(shard)
    found += _read_journal(folder / _JOURNAL)
    records: dict[Identity, LatencyRecord] = {}
    for record in found:
        other = records.setdefault(record.identity, record)
        if other is not record and other.to_json() != record.to_json():
            raise UserError(
                f"sweep {folder} must have one record for each (setting, functional key), but "
                f"{record.identity} has two that differ; remove the wrong one"
            )
    return records


class LatencyStore:
    """The one writer of a sweep's folder; use it as a context manager.

    Args:
        folder: folder of the sweep, made if it does not exist.

    Raises:
        UserError: on entering, if the folder cannot be written or another writer has it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records: dict[Identity, LatencyRecord] = {}
        self._journaled: list[LatencyRecord] = []
        self._journal: IO[bytes] | None = None
        self._lock: IO[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            (self.folder / _SHARDS).mkdir(parents=True, exist_ok=True)
            self._lock = (self.folder / _LOCK).open("wb")
        except OSError as e:
            raise UserError(
                f"cannot write latency folder {self.folder}: {e}; choose another --out"
            ) from e
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            self._lock.close()
            raise UserError(
                f"latency folder {self.folder} has another writer; wait for it or stop it"
            ) from e
        self.records = read_latency_store(self.folder)
        self._journaled = _read_journal(self.folder / _JOURNAL)
        self._drop_torn_line()
        self._journal = (self.folder / _JOURNAL).open("ab")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._journal is not None and self._lock is not None
        self._seal()
        self._journal.close()
        self._lock.close()

    def append(self, record: LatencyRecord) -> None:
        """Keep a record; when this returns it is on the disk.

        Raises:
            UserError: if there is one of its (setting, key) already.
        """
        assert self._journal is not None, "enter the store before appending"
        if record.identity in self.records:
            raise UserError(f"sweep {self.folder} already has a record of {record.identity}")
        self._journal.write(record.to_json().encode() + b"\n")
        self._journal.flush()
        os.fsync(self._journal.fileno())
        self.records[record.identity] = record
        self._journaled.append(record)
        if len(self._journaled) >= RECORDS_PER_SHARD:
            self._seal()

    def _seal(self) -> None:
        """Move the journal's records into a shard named by its content."""
        assert self._journal is not None
        if not self._journaled:
            return
        name = content_hash([record.to_json() for record in self._journaled])[:16]
        write_latencies(self._journaled, self.folder / _SHARDS / f"{name}.parquet")
        self._journal.truncate(0)
        os.fsync(self._journal.fileno())
        self._journaled = []

    def _drop_torn_line(self) -> None:
        journal = self.folder / _JOURNAL
        if journal.exists():
            content = journal.read_bytes()
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                os.truncate(journal, whole)


def _read_journal(path: Path) -> list[LatencyRecord]:
    if not path.exists():
        return []
    records = []
    # What follows the last line break was cut off by a kill, or is empty.
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        try:
            records.append(LatencyRecord.from_json(line.decode()))
        except (UserError, UnicodeDecodeError) as e:
            raise UserError(
                f"journal {path}, line {number} is corrupt: {e}; remove the line"
            ) from e
    return records
