"""What of a campaign is done, in flight, failed or waiting: an index that may be lost.

The records are the truth (`store.py`). The ledger beside them is a SQLite file in WAL mode, which
other processes may read while a campaign runs; whenever it is missing or damaged it is made
anew from the records.
"""

import sqlite3
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from train_benchmark.record import TrainingRecord

LEDGER_FILE = "ledger.sqlite"

RATE_WINDOW_S = 1800.0
"""The rate is that of the last half hour: long enough for slow cells, short enough for changes."""

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
class CampaignStatus:
    """Where a campaign stands.

    Attributes:
        done: trainings that ended well.
        failed: trainings whose record says that they diverged or failed.
        in_flight: trainings begun; of a campaign that was killed, those it lost.
        waiting: trainings not begun.
        per_hour: trainings that ended in the last half hour, per hour; None if none did.
        hours_left: time for the rest at that rate; None if it is not known.
    """

    done: int
    failed: int
    in_flight: int
    waiting: int
    per_hour: float | None
    hours_left: float | None


class Ledger:
    """The writer of a campaign's ledger; use it as a context manager.

    Args:
        folder: campaign folder; whoever writes its records is the only writer of its ledger.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LEDGER_FILE
        self._database: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        try:
            self._open()
        except sqlite3.DatabaseError:
            # Damaged: all it holds is in the records too.
            self._remove()
            self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def plan(self, wanted: Iterable[Identity], records: Mapping[Identity, TrainingRecord]) -> None:
        """Take in what is to be done and what is there; nothing is in flight afterwards.

        Args:
            wanted: trainings of this run.
            records: all records of the campaign folder.
        """
        planned = dict.fromkeys(wanted, "waiting")
        planned.update({identity: _state(record) for identity, record in records.items()})
        with self._connection as database:
            query = "SELECT functional_key, seed, finished FROM trainings"
            finished = {(key, seed): at for key, seed, at in database.execute(query)}
            database.execute("DELETE FROM trainings")
            database.executemany(
                "INSERT INTO trainings VALUES (?, ?, ?, ?)",
                ((*i, state, finished.get(i)) for i, state in planned.items()),
            )

    def start(self, identity: Identity) -> None:
        """Note that a training has begun."""
        with self._connection as database:
            database.execute(
                "UPDATE trainings SET state = 'in flight' WHERE functional_key = ? AND seed = ?",
                identity,
            )

    def finish(self, record: TrainingRecord) -> None:
        """Note that a training has a record."""
        with self._connection as database:
            database.execute(
                "UPDATE trainings SET state = ?, finished = ? "
                "WHERE functional_key = ? AND seed = ?",
                (_state(record), time.time(), *record.identity),
            )

    @property
    def _connection(self) -> sqlite3.Connection:
        assert self._database is not None, "enter the ledger before using it"
        return self._database

    def _open(self) -> None:
        self._database = sqlite3.connect(self._path)
        self._database.execute("PRAGMA journal_mode = WAL")
        # The records are the truth: a lost line of the ledger costs nothing.
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute(_SCHEMA)
        self._database.execute("SELECT finished FROM trainings LIMIT 1").fetchall()

    def _remove(self) -> None:
        if self._database is not None:
            self._database.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)


def read_status(folder: Path, records: Mapping[Identity, TrainingRecord]) -> CampaignStatus:
    """Where a campaign stands, from its ledger or, without one, from its records alone.

    Args:
        folder: campaign folder; it may be written at this moment.
        records: its records.
    """
    states = dict.fromkeys(("waiting", "in flight", "done", "failed"), 0)
    per_hour: float | None = None
    path = folder / LEDGER_FILE
    if path.exists():
        address = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as database:
            query = "SELECT state, count(*) FROM trainings GROUP BY state"
            states.update(database.execute(query).fetchall())
            per_hour = _rate(database)
    else:
        for record in records.values():
            states[_state(record)] += 1
    left = states["waiting"] + states["in flight"]
    hours_left = 0.0 if left == 0 else left / per_hour if per_hour else None
    return CampaignStatus(
        done=states["done"],
        failed=states["failed"],
        in_flight=states["in flight"],
        waiting=states["waiting"],
        per_hour=per_hour,
        hours_left=hours_left,
    )


def _rate(database: sqlite3.Connection) -> float | None:
    """Trainings an hour over the window that ends with the last one that finished."""
    (last,) = database.execute("SELECT max(finished) FROM trainings").fetchone()
    if last is None:
        return None
    first, count = database.execute(
        "SELECT min(finished), count(*) FROM trainings WHERE finished > ?",
        (last - RATE_WINDOW_S,),
    ).fetchone()
    # The first of the window only marks its beginning.
    return (count - 1) / (last - first) * 3600 if last > first else None


def _state(record: TrainingRecord) -> str:
    return "done" if record.status == "ok" else "failed"
