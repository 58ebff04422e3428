"""Failed records are held back until it is clear whether the cell or the machine is faulty."""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from graph_encoding.common.errors import NasasrError

MAX_ATTEMPTS = 3
"""Attempts per cell: a failure may have a temporary reason, such as lack of memory."""

MAX_FAILED_IN_A_ROW = 5
"""If so many cells fail in a row, the machine is faulty and not the cells."""


class _Record(Protocol):
    @property
    def status(self) -> str: ...

    @property
    def functional_key(self) -> str: ...


RecordT = TypeVar("RecordT", bound=_Record)


class HeldRecords(Generic[RecordT]):
    """Distinguishes a cell that cannot be trained or measured from a faulty machine.

    A record of status "failed" is permanent, so it is held back until another record shows that
    the machine works.

    Args:
        faulty: makes the error of a faulty machine, from the number of cells that failed in a row
            and the last record.
    """

    def __init__(self, faulty: Callable[[int, RecordT], NasasrError]) -> None:
        self._faulty = faulty
        self._held: list[RecordT] = []

    def take(self, *records: RecordT) -> Sequence[RecordT]:
        """Take in the records of one moment.

        Returns:
            Records to store: none, as long as all have failed.

        Raises:
            NasasrError: that of `faulty`, if too many cells in a row have failed; none of their
                records must be stored.
        """
        self._held += records
        if all(record.status == "failed" for record in records):
            cells = {record.functional_key for record in self._held}
            if len(cells) >= MAX_FAILED_IN_A_ROW:
                raise self._faulty(len(cells), self._held[-1])
            return ()
        return self.rest()

    def rest(self) -> Sequence[RecordT]:
        """The records held back; to be stored when the run ends."""
        held, self._held = self._held, []
        return held
