"""What trainings and measurements have in common: a folder that loses no record."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from graph_encoding import UserError
from tests.unit.train_benchmark.test_record import RECORD
from train_benchmark.append_store import AppendStore, StoreFormat, read_folder
from train_benchmark.record import TrainingRecord
from train_benchmark.store import CAMPAIGN

Store = AppendStore[TrainingRecord, tuple[str, int]]
RECORDS = [replace(RECORD, seed=seed) for seed in range(1, 8)]


def small_shards(records_per_shard: int) -> StoreFormat[TrainingRecord]:
    return replace(CAMPAIGN, records_per_shard=records_per_shard)


def seeds(folder: Path) -> list[int]:
    return sorted(seed for _, seed in read_folder(folder, CAMPAIGN))


def test_a_reader_misses_nothing_when_the_journal_is_sealed_while_it_reads(tmp_path: Path) -> None:
    with Store(tmp_path, small_shards(3)) as store:
        for record in RECORDS[:5]:
            store.append(record)

        def read_and_seal(shard: Path) -> Sequence[TrainingRecord]:
            """The reader has listed the shards and looks into the first: the writer seals."""
            for record in RECORDS[5:]:
                if record.identity not in store.records:
                    store.append(record)
            return CAMPAIGN.read(shard)

        found = read_folder(tmp_path, replace(CAMPAIGN, read=read_and_seal))
        assert (tmp_path / "journal.jsonl").read_text().count("\n") == 1
    # What was there when the reader began; the last two came later.
    assert {record.identity for record in RECORDS[:5]} <= set(found)


class InterruptedFlush:
    """Ctrl-C that comes when the flush number `at` has been done."""

    def __init__(self, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self._fsync, self._left = os.fsync, at
        monkeypatch.setattr(os, "fsync", self)

    def __call__(self, descriptor: int) -> None:
        self._fsync(descriptor)
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt


def fill(folder: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    with Store(folder, small_shards(3)) as store:
        InterruptedFlush(at, monkeypatch)
        for record in RECORDS[:4]:
            store.append(record)


@pytest.mark.parametrize(("at", "kept"), [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (4, [1, 2, 3])])
def test_ctrl_c_in_an_append_keeps_the_record_that_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, kept: list[int]
) -> None:
    """The third record fills a shard: the fourth flush is that of the shard."""
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path, monkeypatch, at)
    assert seeds(tmp_path) == kept
    with Store(tmp_path, CAMPAIGN) as store:
        for record in RECORDS[len(kept) :]:
            store.append(record)
    assert seeds(tmp_path) == [record.seed for record in RECORDS]


def test_a_folder_that_cannot_be_read_is_left_unlocked(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    journal.write_text("{broken\n")
    store = Store(tmp_path, CAMPAIGN)
    with pytest.raises(UserError, match="line 1 is corrupt"):
        store.__enter__()
    journal.write_text("")
    with Store(tmp_path, CAMPAIGN) as other:
        other.append(RECORD)
    assert seeds(tmp_path) == [RECORD.seed]
