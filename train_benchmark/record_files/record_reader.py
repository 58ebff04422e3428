"""Reader of append-only folders of records; see `collecting.record_writer`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from graph_encoding.common.errors import UserError
from train_benchmark.record import Record

JOURNAL = "journal.jsonl"
"""The newest records, one line of JSON each."""
SHARDS = "shards"
"""Folder of the Parquet files of all older records."""
FAILED = "failed"
"""A record of this status is replaced by one of another status."""


RecordT = TypeVar("RecordT", bound=Record)


@dataclass(frozen=True)
class StoreFormat(Generic[RecordT]):
    """How records of one kind are stored, and their names in messages.

    Attributes:
        from_json: parses a line of the journal.
        read: reads a shard.
        write: writes a shard atomically.
        records_per_shard: number of records per shard.
        run: what the folder belongs to, such as "campaign".
        folder: name of the folder, such as "campaign folder".
        not_with: a file that only folders of the other kind have.
        identity: fields of an identity, such as "(functional key, seed)".
    """

    from_json: Callable[[str], RecordT]
    read: Callable[[Path], Sequence[RecordT]]
    write: Callable[[Sequence[RecordT], Path], None]
    records_per_shard: int
    run: str
    folder: str
    not_with: str
    identity: str


def read_folder(folder: Path, form: StoreFormat[RecordT]) -> dict[Any, RecordT]:
    """All records of a folder by identity, also while another process writes them.

    An incomplete last line of the journal is ignored, and so is a failed record that was retried
    successfully.

    Raises:
        UserError: if the folder is of the other kind, a shard or a complete journal line is
            corrupt, or two records of one identity differ.
    """
    if (folder / form.not_with).exists():
        raise UserError(
            f"{folder} must be a {form.folder}, but has {form.not_with}, which only folders of "
            "another kind have; choose another folder"
        )
    # The journal first: records that move to a shard in between are found twice, never lost.
    journaled = read_journal(folder, form)
    found: list[RecordT] = []
    for shard in sorted((folder / SHARDS).glob("*.parquet")):
        found += form.read(shard)
    records: dict[Any, RecordT] = {}
    for record in (*found, *journaled):
        other = records.setdefault(record.identity, record)
        # The names of shards do not give their order in time.
        if replaces(record, other):
            records[record.identity] = record
        elif not replaces(other, record) and other.to_json() != record.to_json():
            raise UserError(
                f"{form.run} {folder} must have one record for each {form.identity}, but "
                f"{record.identity} has two that differ; remove the wrong one"
            )
    return records


def replaces(record: Record, other: Record) -> bool:
    """Whether a record replaces a failed one of the same identity."""
    return other.status == FAILED and record.status != FAILED


def read_journal(folder: Path, form: StoreFormat[RecordT]) -> list[RecordT]:
    """The records of a folder's journal, without an incomplete last line.

    Raises:
        UserError: if a complete line is not a record.
    """
    path = folder / JOURNAL
    if not path.exists():
        return []
    records = []
    # The text after the last line break is empty, or cut off by a kill.
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        try:
            records.append(form.from_json(line.decode()))
        except (ValueError, TypeError) as e:
            raise UserError(
                f"journal {path}, line {number} is corrupt: {e}; remove the line"
            ) from e
    return records
