"""Failed records that wait until it is clear whether their cells are to blame or the machine."""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from graph_encoding.common.errors import NasasrError

MAX_ATTEMPTS = 3
"""How often a cell is tried that fails for a reason which may pass, such as lack of memory."""

MAX_FAILED_IN_A_ROW = 5
"""So many cells that fail one after another are no property of the cells: the machine is ill."""


class _Record(Protocol):
    @property
    def status(self) -> str: ...

    @property
    def functional_key(self) -> str: ...


RecordT = TypeVar("RecordT", bound=_Record)


class HeldRecords(Generic[RecordT]):
    """Tells a cell that cannot be trained or measured from a machine that can do none.

    A record of status "failed" is written for good, so it is held back until another one shows
    that the machine works.

    Args:
        ill: makes the error of a machine that is ill, out of the number of cells that failed in
            a row and the last record.
    """

    def __init__(self, ill: Callable[[int, RecordT], NasasrError]) -> None:
        self._ill = ill
        self._held: list[RecordT] = []

    def take(self, *records: RecordT) -> Sequence[RecordT]:
        """Take in what was found at one time.

        Returns:
            Records to keep: none, as long as only failures have been found.

        Raises:
            NasasrError: that of `ill`, if too many cells in a row have failed; none of their
                records is to be kept.
        """
        self._held += records
        if all(record.status == "failed" for record in records):
            cells = {record.functional_key for record in self._held}
            if len(cells) >= MAX_FAILED_IN_A_ROW:
                raise self._ill(len(cells), self._held[-1])
            return ()
        return self.rest()

    def rest(self) -> Sequence[RecordT]:
        """What is held back; to be kept when all is done."""
        held, self._held = self._held, []
        return held
