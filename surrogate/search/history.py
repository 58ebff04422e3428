"""What a search has evaluated: an append-only file that survives a kill at any byte."""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self, get_args

from filelock import FileLock, Timeout

from graph_encoding.common.atomic_files import flush_folder, truncate_half_line
from graph_encoding.common.errors import UserError, unreadable
from graph_encoding.common.strict_json import parse_json

Status = Literal["ok", "failed", "dead", "stopped"]

_VERSION = 1

_CHECKSUM = "_sha256"
"""Ending of the names of checksums. Older histories lack them and are resumed without."""


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of one function.

    Attributes:
        key: functional key.
        cell: text of the cell that was evaluated.
        seed: seed of the training.
        values: name of a quantity -> its value on its own scale; empty of what failed or is dead.
        costs: (m,) costs of the objectives, lower is better; empty where values are.
        status: "ok"; "stopped": the training was stopped early, and values of its target are
            forecasts; "failed", which counts as a training; or "dead", which takes none.
        source: where the values come from, such as "table timit-micro".
        asked_at: trainings that had been asked for before this one, >= 0.
        error: why it failed; else empty.
        epochs: epochs that the training took; 0 if unknown.
        asked: cells that the searcher was asked for together with this one; 0 if unknown, as in
            older histories.
    """

    key: str
    cell: str
    seed: int
    values: dict[str, float]
    costs: tuple[float, ...]
    status: Status
    source: str
    asked_at: int
    error: str = ""
    epochs: int = 0
    asked: int = 0

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field

    def __post_init__(self) -> None:
        if self.status not in get_args(Status):
            raise UserError(f"status must be one of {get_args(Status)}, but got {self.status!r}")
        if (self.status in ("ok", "stopped")) != bool(self.costs):
            raise UserError(
                "costs must go with the status 'ok' or 'stopped' and no other, but those of "
                f"{self.cell} are {self.costs} with {self.status!r}"
            )
        if not all(map(math.isfinite, (*self.costs, *self.values.values()))):
            raise UserError(
                f"values must be finite, but those of {self.cell} are {self.values}; record the "
                "evaluation as failed"
            )

    def to_json(self) -> str:
        """One line of JSON."""
        unknown = [name for name in ("epochs", "asked") if not getattr(self, name)]
        plain = {name: value for name, value in asdict(self).items() if name not in unknown}
        return json.dumps(plain, sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, line: str) -> Self:
        """The inverse of `to_json`.

        Raises:
            UserError: if the line is no evaluation.
        """
        return parse_json(line, cls, "a line must be an evaluation")


class History:
    """The evaluations of one search, in the order in which they were asked for.

    With a file, use it as a context manager: each evaluation is on the disk when `append` returns,
    and half a line that a kill left is cut off. One process at a time may hold the file. A file
    without an evaluation becomes that of the search that enters it.

    Args:
        about: what the search is, as JSON has it: problem, searcher, settings, seed. A file of
            another search is refused.
        path: the file; None keeps the history in memory.

    Raises:
        UserError: on entering, if the file is of another search, damaged, or held by another
            process.
    """

    def __init__(self, about: dict[str, Any], path: Path | None = None) -> None:
        self._about = json.loads(json.dumps({"version": _VERSION, **about}))
        self._path = path
        self._lock = FileLock(f"{path}.lock")
        self._file: IO[bytes] | None = None
        self._evaluations: list[Evaluation] = []

    @property
    def evaluations(self) -> Sequence[Evaluation]:
        """All of them, in order."""
        return tuple(self._evaluations)

    def __len__(self) -> int:
        return len(self._evaluations)

    def append(self, evaluation: Evaluation) -> None:
        """Add one; with a file it is on the disk when this returns."""
        if self._path is not None:
            self._write(evaluation.to_json())
        self._evaluations.append(evaluation)

    def recorded(self, place: int, key: str, seed: int) -> Evaluation | None:
        """The evaluation at a place, for a search that is resumed; None if it is still to come.

        Raises:
            UserError: if it is of another function or seed than the search asks for now.
        """
        if place >= len(self._evaluations):
            return None
        found = self._evaluations[place]
        if (found.key, found.seed) != (key, seed):
            raise UserError(
                f"a resumed search must ask for what it asked for before, but evaluation {place} "
                f"of {self._path} is {found.key!r} with seed {found.seed}, and now {key!r} with "
                f"seed {seed} is asked for; it was made by other code or versions: choose another "
                "folder"
            )
        return found

    def asked(self, place: int) -> int:
        """Size of the batch that begins at a place; 0 if it is still to come or unknown."""
        of_batch = takewhile(lambda e: e.asked_at == place, self._evaluations[place:])
        return max((evaluation.asked for evaluation in of_batch), default=0)

    def __enter__(self) -> Self:
        if self._path is None:
            return self
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
            self._file = self._path.open("ab")
            truncate_half_line(self._path)
            self._read(self._path)
            if not self._evaluations:
                self._file.truncate(0)
                self._write(json.dumps(self._about, sort_keys=True))
                flush_folder(self._path.parent)
        except Timeout as e:
            raise UserError(
                f"the history {self._path} is held by another process; wait for it or stop it"
            ) from e
        except OSError as e:
            self._close()
            raise UserError(
                f"cannot write the history {self._path}: {e}; choose another folder"
            ) from e
        except UserError:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _read(self, path: Path) -> None:
        remedy = "choose another folder"
        with unreadable(f"{path} must be the history of a search", remedy):
            lines = path.read_text(encoding="utf-8").splitlines()
            about = dict(json.loads(lines[0])) if lines else self._about
            evaluations = read_evaluations(path, lines[1:], remedy)
        differing = sorted(
            name
            for name in {**about, **self._about}
            if about.get(name) != self._about.get(name)
            and (name in about or not name.endswith(_CHECKSUM))
        )
        if differing and (evaluations or "version" in differing):
            raise UserError(
                f"{path} is of another search: {', '.join(differing)} differ; give what it was "
                "started with, or choose another folder"
            )
        self._evaluations = evaluations

    def _write(self, line: str) -> None:
        assert self._file is not None, "enter the history before appending"
        self._file.write(line.encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self._lock.release()


def read_evaluations(path: Path, lines: Sequence[str], remedy: str) -> list[Evaluation]:
    """Read the lines of a history after its first one.

    Args:
        path: the history, for messages.
        lines: one evaluation each.
        remedy: what the user can do about a line that is damaged.

    Raises:
        UserError: with the number of a line that is no evaluation.
    """
    evaluations = []
    for number, line in enumerate(lines, start=2):
        try:
            evaluations.append(Evaluation.from_json(line))
        except UserError as e:
            raise UserError(
                f"{path} must be the history of a search, but line {number} is not of one: {e}; "
                f"{remedy}"
            ) from e
    return evaluations
