"""Which trainings of a campaign are done, in flight, failed or waiting: an index that may be lost.

The records (`record_writer.py`) are authoritative. The ledger beside them is a SQLite file in WAL
mode, which other processes may read while a campaign runs; if it is missing or damaged it is
rebuilt from the records.
"""

import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from graph_encoding.common.errors import UserError
from train_benchmark.record import TrainingRecord

_log = logging.getLogger(__name__)

LEDGER_FILE = "ledger.sqlite"

RATE_WINDOW_S = 1800.0
"""Window of the rate: half an hour, long enough for slow cells and short enough for changes."""

Identity = tuple[str, int]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS trainings (
    functional_key TEXT NOT NULL,
    seed INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'in flight', 'done', 'failed')),
    finished REAL,
    PRIMARY KEY (functional_key, seed)
)
"""


@dataclass(frozen=True)
class FailedTraining:
    """A training whose record says that it diverged or failed.

    Attributes:
        cell: its cell.
        seed: its seed.
        status: "diverged" or "failed".
        error: the reason.
    """

    cell: str
    seed: int
    status: str
    error: str


@dataclass(frozen=True)
class CampaignStatus:
    """Progress of a campaign.

    Attributes:
        done: successful trainings.
        failed: trainings whose record says that they diverged or failed.
        in_flight: trainings that have started; of a killed campaign, those it lost. None if there
            is no ledger, as in a copy of the records alone.
        waiting: trainings that have not started; None likewise.
        per_hour: trainings per hour since the first that ended in the last half hour, not counting
            that one; None if fewer than two ended.
        hours_left: time for the rest at that rate; None if unknown.
        failures: (failed,) the failed trainings, by cell and seed.
    """

    done: int
    failed: int
    in_flight: int | None
    waiting: int | None
    per_hour: float | None
    hours_left: float | None
    failures: tuple[FailedTraining, ...] = ()


class Ledger:
    """The writer of a campaign's ledger; use it as a context manager.

    Args:
        folder: campaign folder; the writer of its records is the only writer of its ledger.

    Raises:
        UserError: on entering, if it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LEDGER_FILE
        self._database: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        try:
            self._open()
        except sqlite3.DatabaseError:
            with self._writable():
                self._rebuild()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # At the orderly end of a run, a training without a record has been given up.
        self._note("UPDATE trainings SET state = 'waiting' WHERE state = 'in flight'")
        self._connection.close()

    def plan(self, wanted: Iterable[Identity], records: Mapping[Identity, TrainingRecord]) -> None:
        """Enter the planned trainings and the existing records; nothing is in flight afterwards.

        Args:
            wanted: trainings of this run.
            records: all records of the campaign folder.

        Raises:
            UserError: if it cannot be written.
        """
        planned = dict.fromkeys(wanted, "waiting")
        planned.update({identity: _state(record) for identity, record in records.items()})
        try:
            self._replace_by(planned)
        except sqlite3.DatabaseError:
            # Opening reads no more than the beginning.
            with self._writable():
                self._rebuild()
                self._replace_by(planned)

    def start(self, identity: Identity) -> None:
        """Note that a training has started."""
        self._note(
            "UPDATE trainings SET state = 'in flight' WHERE functional_key = ? AND seed = ?",
            *identity,
        )

    def finish(self, record: TrainingRecord) -> None:
        """Note that a training has a record."""
        self._note(
            "UPDATE trainings SET state = ?, finished = ? WHERE functional_key = ? AND seed = ?",
            _state(record),
            time.time(),
            *record.identity,
        )

    @contextmanager
    def _writable(self) -> Iterator[None]:
        """An error that a new file has too, such as a full disk, is not damage to the old one."""
        try:
            yield
        except sqlite3.DatabaseError as e:
            raise UserError(
                f"campaign folder {self._path.parent} must have room for {self._path.name}, which "
                f"cannot be written: {e}; make room or choose another --out"
            ) from e

    def _replace_by(self, planned: Mapping[Identity, str]) -> None:
        with self._connection as database:
            query = "SELECT functional_key, seed, finished FROM trainings"
            finished = {(key, seed): at for key, seed, at in database.execute(query)}
            database.execute("DELETE FROM trainings")
            database.executemany(
                "INSERT INTO trainings VALUES (?, ?, ?, ?)",
                ((*i, state, finished.get(i)) for i, state in planned.items()),
            )

    def _note(self, query: str, *values: float | str) -> None:
        """Change a row; a ledger that cannot be written must not end a campaign."""
        try:
            with self._connection as database:
                database.execute(query, values)
        except sqlite3.DatabaseError as e:
            _log.warning(
                "cannot write %s: %s; the next `nasasr collect` rebuilds it", self._path, e
            )

    @property
    def _connection(self) -> sqlite3.Connection:
        assert self._database is not None, "enter the ledger before using it"
        return self._database

    def _open(self) -> None:
        self._database = sqlite3.connect(self._path)
        self._database.execute("PRAGMA journal_mode = WAL")
        # The records are authoritative: a lost row of the ledger costs nothing.
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute(_SCHEMA)
        self._database.execute("SELECT finished FROM trainings LIMIT 1").fetchall()

    def _rebuild(self) -> None:
        """Replace a damaged ledger by an empty one: its content is in the records too."""
        if self._database is not None:
            self._database.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)
        self._open()


def read_status(folder: Path, records: Mapping[Identity, TrainingRecord]) -> CampaignStatus:
    """Progress of a campaign: done and failed from its records, the rest from its ledger.

    Without a ledger, or with a damaged one, the rest is unknown.

    Args:
        folder: campaign folder; it may be written while it is read.
        records: its records.
    """
    failures = tuple(
        FailedTraining(record.cell, record.seed, record.status, record.error)
        for record in sorted(records.values(), key=lambda record: (record.cell, record.seed))
        if _state(record) == "failed"
    )
    done = len(records) - len(failures)
    status = CampaignStatus(done, len(failures), None, None, None, None, failures)
    path = folder / LEDGER_FILE
    if not path.exists():
        return status
    try:
        unfinished = _unfinished(path, records)
        per_hour = _rate(path, time.time())
    except sqlite3.DatabaseError:
        _log.warning("cannot read %s; the next `nasasr collect` rebuilds it", path)
        return status
    left = unfinished.total()
    return replace(
        status,
        in_flight=unfinished["in flight"],
        waiting=unfinished["waiting"],
        per_hour=per_hour,
        hours_left=0.0 if left == 0 else left / per_hour if per_hour else None,
    )


def _unfinished(path: Path, records: Mapping[Identity, TrainingRecord]) -> Counter[str]:
    """Number of trainings without a record, by state."""
    query = "SELECT functional_key, seed, state FROM trainings WHERE state IN (?, ?)"
    rows = _ask(path, query, "waiting", "in flight")
    return Counter(state for key, seed, state in rows if (key, seed) not in records)


def _rate(path: Path, now: float) -> float | None:
    """Trainings per hour over the window that ends now."""
    query = "SELECT min(finished), count(*) FROM trainings WHERE finished > ?"
    ((first, count),) = _ask(path, query, now - RATE_WINDOW_S)
    # The first training only marks the start of the window: when it started is unknown.
    return (count - 1) / (now - first) * 3600 if count > 1 and now > first else None


def _ask(path: Path, query: str, *values: float | str) -> list[tuple[Any, ...]]:
    """Rows of a ledger that may be written while it is read."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        return database.execute(query, values).fetchall()


def _state(record: TrainingRecord) -> str:
    return "done" if record.status == "ok" else "failed"
