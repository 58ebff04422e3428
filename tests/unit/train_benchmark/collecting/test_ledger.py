"""The ledger: an index that may be lost, and what it says of a campaign."""

import dataclasses
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from graph_encoding import UserError
from surrogate.testing.synthetic import synthetic_table
from train_benchmark.collecting.ledger import LEDGER_FILE, Ledger, read_status
from train_benchmark.record import TrainingRecord


@pytest.fixture(scope="module")
def records() -> dict[tuple[str, int], TrainingRecord]:
    return {r.identity: r for r in synthetic_table(8, failed=2).records}


class Clock:
    """The time, as the ledger sees it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr("train_benchmark.collecting.ledger.time.time", lambda: self.now)


def counts(folder: Path, records: dict[tuple[str, int], TrainingRecord]) -> tuple[int | None, ...]:
    return dataclasses.astuple(read_status(folder, records))[:4]


def test_states_of_a_run(tmp_path: Path, records: dict[tuple[str, int], TrainingRecord]) -> None:
    wanted = list(records)
    failed = sum(r.status != "ok" for r in records.values())
    with Ledger(tmp_path) as ledger:
        ledger.plan(wanted, {})
        assert counts(tmp_path, {}) == (0, 0, 0, len(wanted))
        ledger.start(wanted[0])
        assert counts(tmp_path, {}) == (0, 0, 1, len(wanted) - 1)
        for record in records.values():
            ledger.finish(record)
    assert counts(tmp_path, records) == (len(wanted) - failed, failed, 0, 0)
    status = read_status(tmp_path, records)
    assert status.hours_left == 0.0
    assert len(status.failures) == failed == 2
    for one in status.failures:
        (record,) = (r for r in records.values() if (r.cell, r.seed) == (one.cell, one.seed))
        assert (record.status, record.error) == (one.status, one.error)


def test_a_run_that_ends_in_order_has_nothing_in_flight(tmp_path: Path) -> None:
    with suppress(KeyboardInterrupt), Ledger(tmp_path) as ledger:
        ledger.plan([("a", 1), ("b", 1)], {})
        ledger.start(("a", 1))
        raise KeyboardInterrupt
    assert counts(tmp_path, {}) == (0, 0, 0, 2)


def test_a_killed_run_has_nothing_in_flight_when_it_goes_on(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path).__enter__()
    # Not left as a run is left that ends in order.
    with closing(ledger._connection):
        ledger.plan([("a", 1), ("b", 1)], {})
        ledger.start(("a", 1))
    assert counts(tmp_path, {}) == (0, 0, 1, 1)
    with Ledger(tmp_path) as ledger:
        ledger.plan([("a", 1), ("b", 1)], {})
    assert counts(tmp_path, {}) == (0, 0, 0, 2)


def test_a_smaller_plan_forgets_what_is_no_longer_wanted(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.plan([("a", 1), ("b", 1)], {})
        ledger.plan([("b", 1)], {})
    assert counts(tmp_path, {}) == (0, 0, 0, 1)


@pytest.mark.parametrize("content", [None, b"not a database, but some forty bytes of text"])
def test_a_missing_or_damaged_ledger_is_made_anew_from_the_records(
    tmp_path: Path, records: dict[tuple[str, int], TrainingRecord], content: bytes | None
) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.plan([*records, ("never trained", 1)], records)
    expected = counts(tmp_path, records)
    (tmp_path / LEDGER_FILE).unlink()
    if content:
        (tmp_path / LEDGER_FILE).write_bytes(content)
    with Ledger(tmp_path) as ledger:
        ledger.plan([*records, ("never trained", 1)], records)
    assert counts(tmp_path, records) == expected


def damage_the_middle(ledger: Path) -> None:
    """Random bytes in place of a third of the file; its beginning is whole."""
    size = ledger.stat().st_size
    assert size > 60_000
    with ledger.open("r+b") as file:
        file.seek(size // 3)
        file.write(random.Random(0).randbytes(size // 3))


def give_other_columns(ledger: Path) -> None:
    ledger.unlink()
    with closing(sqlite3.connect(ledger)) as database:
        database.execute("CREATE TABLE trainings (functional_key TEXT, seed INT, finished REAL)")
        database.commit()


@pytest.mark.parametrize("damage", [damage_the_middle, give_other_columns])
def test_damage_that_shows_only_when_it_is_read_is_mended(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    wanted = [(f"key {number}", 1) for number in range(3000)]
    with Ledger(tmp_path) as ledger:
        ledger.plan(wanted, {})
    damage(tmp_path / LEDGER_FILE)
    with Ledger(tmp_path) as ledger:
        ledger.plan(wanted, {})
        ledger.start(wanted[0])
        assert counts(tmp_path, {}) == (0, 0, 1, 2999)


def test_a_ledger_that_is_damaged_while_it_runs_costs_no_training(
    tmp_path: Path,
    records: dict[tuple[str, int], TrainingRecord],
    caplog: pytest.LogCaptureFixture,
) -> None:
    record = next(iter(records.values()))
    with Ledger(tmp_path) as ledger:
        ledger.plan(records, {})
        with closing(sqlite3.connect(tmp_path / LEDGER_FILE)) as other:
            other.execute("DROP TABLE trainings")
        ledger.start(record.identity)
        ledger.finish(record)
    # Of the beginning, of the record, and of the end of the run.
    assert [r.levelname for r in caplog.records] == ["WARNING"] * 3
    assert "cannot write" in caplog.text and "rebuilds it" in caplog.text


def test_without_a_ledger_the_records_alone_speak(
    tmp_path: Path, records: dict[tuple[str, int], TrainingRecord]
) -> None:
    failed = sum(r.status != "ok" for r in records.values())
    assert counts(tmp_path, records) == (len(records) - failed, failed, None, None)


def test_rate_and_time_left(
    tmp_path: Path,
    records: dict[tuple[str, int], TrainingRecord],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    finished = dict(zip([0.0, 5000.0, 5036.0, 5072.0], records.values(), strict=False))
    with Ledger(tmp_path) as ledger:
        ledger.plan(records, {})
        for clock.now, record in finished.items():
            ledger.finish(record)
    there = {record.identity: record for record in finished.values()}
    status = read_status(tmp_path, there)
    # The first lies outside the window; three in 72 s are two intervals of 36 s: 100 an hour.
    assert status.per_hour == pytest.approx(100.0)
    assert status.hours_left == pytest.approx((len(records) - 4) / 100)


@pytest.mark.parametrize(
    ("now", "per_hour"),
    [
        (1000.0, None),  # one has ended: how long it took is not known
        (1600.0, 6.0),
        (2000.0, 7.2),
        (2600.0, 4.5),  # nothing has ended for ten minutes
        (2801.0, 2.998),  # the first has left the window
        (3401.0, None),
        (90_000.0, None),  # stopped yesterday
    ],
)
def test_the_rate_is_that_of_the_half_hour_before_now(
    tmp_path: Path,
    records: dict[tuple[str, int], TrainingRecord],
    monkeypatch: pytest.MonkeyPatch,
    now: float,
    per_hour: float | None,
) -> None:
    """A campaign whose first trainings ended 1000, 1600 and 2000 s after its start."""
    clock = Clock(monkeypatch)
    with Ledger(tmp_path) as ledger:
        ledger.plan(records, {})
        for clock.now, record in zip((1000.0, 1600.0, 2000.0), records.values(), strict=False):
            if clock.now <= now:
                ledger.finish(record)
    clock.now = now
    status = read_status(tmp_path, {})
    assert status.per_hour == (None if per_hour is None else pytest.approx(per_hour, rel=1e-3))
    assert (status.hours_left is None) == (per_hour is None)


@pytest.mark.parametrize("content", [b"not a database, but some forty bytes of text", b""])
def test_the_status_of_a_damaged_ledger_is_that_of_the_records(
    tmp_path: Path, records: dict[tuple[str, int], TrainingRecord], content: bytes
) -> None:
    expected = read_status(tmp_path, records)
    (tmp_path / LEDGER_FILE).write_bytes(content)
    assert read_status(tmp_path, records) == expected


def test_records_count_whatever_the_ledger_says(
    tmp_path: Path, records: dict[tuple[str, int], TrainingRecord]
) -> None:
    """A kill may come behind a record and before its line in the ledger."""
    failed = sum(r.status != "ok" for r in records.values())
    with Ledger(tmp_path) as ledger:
        ledger.plan([*records, ("never trained", 1)], {})
        ledger.start(next(iter(records)))
    assert counts(tmp_path, records) == (len(records) - failed, failed, 0, 1)


def test_readers_may_look_while_a_run_writes(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.plan([("a", 1)], {})
        with sqlite3.connect(f"file:{tmp_path / LEDGER_FILE}?mode=ro", uri=True) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM trainings").fetchall()
            ledger.start(("a", 1))
        assert counts(tmp_path, {}) == (0, 0, 1, 0)


def test_a_folder_that_is_gone_is_a_message(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"must have room for ledger.sqlite, which cannot be"):
        Ledger(tmp_path / "gone").__enter__()


@pytest.mark.parametrize("most_bytes", [0, 1 << 12, 1 << 14])
def test_a_full_disk_is_a_message(tmp_path: Path, most_bytes: int) -> None:
    """On entering or when the plan is written, as far as the room goes."""
    pytest.importorskip("resource", reason="limits of files are those of Unix")
    code = (
        "import resource, sys; from pathlib import Path; "
        "from graph_encoding import UserError\n"
        "from train_benchmark.collecting.ledger import Ledger\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({most_bytes}, {most_bytes}))\n"
        "try:\n"
        "    with Ledger(Path(sys.argv[1])) as ledger:\n"
        "        ledger.plan([(str(i), 1) for i in range(10_000)], {})\n"
        "except UserError as e: print(e)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "must have room for ledger.sqlite, which cannot be written" in done.stdout
