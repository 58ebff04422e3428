"""What trainings and measurements have in common: a folder that loses no record."""

import errno
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graph_encoding import UserError
from tests.unit.train_benchmark.test_record import RECORD
from train_benchmark.collecting.record_writer import AppendStore
from train_benchmark.record import TrainingRecord
from train_benchmark.record_files.folder_kinds import CAMPAIGN, SWEEP
from train_benchmark.record_files.record_reader import StoreFormat, read_folder

ROOT = Path(__file__).parents[4]
Store = AppendStore[TrainingRecord, tuple[str, int]]
WRONG_TYPES = json.dumps({**json.loads(RECORD.to_json()), "val_per_curve": 5})
RECORDS = [replace(RECORD, seed=seed) for seed in range(1, 8)]
FAILED = replace(
    RECORD, status="failed", error="out of memory", val_per_curve=(), test_per=float("nan")
)
DIVERGED = replace(FAILED, status="diverged", error="the training loss is nan")


def small_shards(records_per_shard: int) -> StoreFormat[TrainingRecord]:
    return replace(CAMPAIGN, records_per_shard=records_per_shard)


def seeds(folder: Path) -> list[int]:
    return sorted(seed for _, seed in read_folder(folder, CAMPAIGN))


def lines(folder: Path) -> list[str]:
    return [record.to_json() for record in read_folder(folder, CAMPAIGN).values()]


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


def test_a_full_disk_leaves_the_folder_unlocked(tmp_path: Path) -> None:
    class FullDisk(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    # A store that is deleted is unlocked too.
    store = Store(tmp_path, CAMPAIGN)

    def fill() -> None:
        with store:
            assert store._journal is not None
            store._journal.close()
            store._journal = io.BufferedWriter(FullDisk())
            store.append(RECORD)

    with pytest.raises(OSError, match="No space left"):
        fill()
    with Store(tmp_path, CAMPAIGN) as other:
        other.append(RECORD)
    assert seeds(tmp_path) == [RECORD.seed]


@pytest.mark.parametrize("form", [CAMPAIGN, SWEEP])
def test_a_folder_of_the_other_kind_is_refused_and_not_called_corrupt(
    tmp_path: Path, form: StoreFormat[Any]
) -> None:
    (tmp_path / "journal.jsonl").write_text("a sound line of another kind of record\n")
    (tmp_path / form.not_with).write_text("{}")
    with pytest.raises(UserError, match=f"must be a {form.folder}, but has {form.not_with}"):
        read_folder(tmp_path, form)
    with pytest.raises(UserError, match="choose another folder"):
        AppendStore(tmp_path, form).__enter__()


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


@pytest.mark.parametrize("line", ['"a text"', "[]", '{"seed": 1}', WRONG_TYPES, "\xff", "9" * 5000])
def test_a_corrupt_line_is_named(tmp_path: Path, line: str) -> None:
    journal = tmp_path / "journal.jsonl"
    journal.write_bytes(f"{RECORD.to_json()}\n{line}\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"journal .*, line 2 is corrupt: .*; remove the line"):
        read_folder(tmp_path, CAMPAIGN)


def test_a_file_system_without_locks_is_not_another_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl", reason="Windows has none")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    with Store(tmp_path, CAMPAIGN), pytest.raises(UserError, match="has another writer"):
        Store(tmp_path, CAMPAIGN).__enter__()
    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(UserError, match=r"cannot lock campaign folder .*No locks available"):
        Store(tmp_path, CAMPAIGN).__enter__()


def test_without_file_locks_tables_and_folders_are_read(saved_table: Path, tmp_path: Path) -> None:
    """They come with the extras that write records."""
    (tmp_path / "journal.jsonl").write_text(RECORD.to_json() + "\n")
    program = f"""
import sys
from pathlib import Path
sys.modules["filelock"] = None
from train_benchmark.record_files.folder_kinds import read_store
from train_benchmark.table.benchmark_table import BenchmarkTable
print(len(BenchmarkTable.load({str(saved_table)!r})), len(read_store(Path({str(tmp_path)!r}))))
"""
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout == "80 1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["journal.jsonl"]


@pytest.mark.parametrize("later", [RECORD, DIVERGED])
@pytest.mark.parametrize("records_per_shard", [1, 2, 10])
def test_a_record_takes_the_place_of_a_failed_one(
    tmp_path: Path, records_per_shard: int, later: TrainingRecord
) -> None:
    """Whichever shard is read first: their names say nothing of time."""
    form = small_shards(records_per_shard)
    with Store(tmp_path, form, retry_failed=True) as store:
        assert store.append(FAILED)
        with pytest.raises(UserError, match="already has a record"):
            store.append(later)
    with Store(tmp_path, form, retry_failed=True) as store:
        assert store.append(later)
        assert store.records == {RECORD.identity: later}
        assert lines(tmp_path) == [later.to_json()]
    assert lines(tmp_path) == [later.to_json()]


@pytest.mark.parametrize("reverse", [False, True])
def test_the_order_in_which_records_stand_decides_nothing(tmp_path: Path, reverse: bool) -> None:
    both = [FAILED.to_json(), RECORD.to_json()]
    journal = "\n".join(reversed(both) if reverse else both) + "\n"
    (tmp_path / "journal.jsonl").write_text(journal)
    assert lines(tmp_path) == [RECORD.to_json()]


def test_what_failed_again_is_not_kept_beside_the_first_failure(tmp_path: Path) -> None:
    with Store(tmp_path, CAMPAIGN) as store:
        store.append(FAILED)
    with Store(tmp_path, CAMPAIGN, retry_failed=True) as store:
        assert not store.append(replace(FAILED, error="out of memory again"))
        assert [r.to_json() for r in store.records.values()] == [FAILED.to_json()]
        assert store.append(replace(FAILED, seed=2))
    assert lines(tmp_path) == [FAILED.to_json(), replace(FAILED, seed=2).to_json()]


def test_two_failures_or_results_that_differ_are_refused(tmp_path: Path) -> None:
    for one in (FAILED, RECORD):
        other = replace(one, train_seconds=one.train_seconds + 1)
        (tmp_path / "journal.jsonl").write_text(f"{one.to_json()}\n{other.to_json()}\n")
        with pytest.raises(UserError, match="has two that differ"):
            read_folder(tmp_path, CAMPAIGN)


def test_only_failures_are_tried_again(tmp_path: Path) -> None:
    records = [FAILED, replace(DIVERGED, seed=2), replace(RECORD, seed=3)]
    with Store(tmp_path, CAMPAIGN) as store:
        for record in records:
            store.append(record)
    with Store(tmp_path, CAMPAIGN) as store:
        assert [seed for _, seed in store.records] == [1, 2, 3]
    with Store(tmp_path, CAMPAIGN, retry_failed=True) as store:
        assert [seed for _, seed in store.records] == [2, 3]
    assert seeds(tmp_path) == [1, 2, 3]
