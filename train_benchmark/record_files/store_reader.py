"""Reading of a folder that records are only ever added to; see `collecting.append_store`."""

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
"""Status of a record that gives way to any of another status."""


RecordT = TypeVar("RecordT", bound=Record)


@dataclass(frozen=True)
class StoreFormat(Generic[RecordT]):
    """How records of one kind are kept, and what messages call them.

    Attributes:
        from_json: makes a record of a line of the journal.
        read: the records of a shard.
        write: writes a shard, whole or not at all.
        records_per_shard: so many records are sealed at a time.
        run: what the folder belongs to, such as "campaign".
        folder: what the folder is called, such as "campaign folder".
        not_with: a file that only folders of the other kind have.
        identity: what an identity is made of, such as "(functional key, seed)".
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
    """All records of a folder by identity; it may be written at this moment.

    A cut-off last line of the journal is ignored: that record was being written. So is a failed
    record beside one that is not: it was tried again.

    Raises:
        UserError: if the folder is of the other kind, a shard or a whole journal line is corrupt,
            or two records of one identity differ.
    """
    if (folder / form.not_with).exists():
        raise UserError(
            f"{folder} must be a {form.folder}, but has {form.not_with}, which only folders of "
            "another kind have; choose another folder"
        )
    # The journal first: sealed between the two looks, its records are found twice, never lost.
    journaled = read_journal(folder, form)
    found: list[RecordT] = []
    for shard in sorted((folder / SHARDS).glob("*.parquet")):
        found += form.read(shard)
    records: dict[Any, RecordT] = {}
    for record in (*found, *journaled):
        other = records.setdefault(record.identity, record)
        # Not by their order: the names of shards say nothing of time.
        if replaces(record, other):
            records[record.identity] = record
        elif not replaces(other, record) and other.to_json() != record.to_json():
            raise UserError(
                f"{form.run} {folder} must have one record for each {form.identity}, but "
                f"{record.identity} has two that differ; remove the wrong one"
            )
    return records


def replaces(record: Record, other: Record) -> bool:
    """Whether a record takes the place of another of its identity, which had failed."""
    return other.status == FAILED and record.status != FAILED


def read_journal(folder: Path, form: StoreFormat[RecordT]) -> list[RecordT]:
    """The records of a folder's journal, without a line that was cut off.

    Raises:
        UserError: if a whole line is no record.
    """
    path = folder / JOURNAL
    if not path.exists():
        return []
    records = []
    # What follows the last line break was cut off by a kill, or is empty.
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        try:
            records.append(form.from_json(line.decode()))
        except (ValueError, TypeError) as e:
            raise UserError(
                f"journal {path}, line {number} is corrupt: {e}; remove the line"
            ) from e
    return records
