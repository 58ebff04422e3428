"""Numbers of the page as whole numbers: what it shows is what Python prints, to the last digit."""

import gzip
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MISSING = -1
"""A whole number for a value that does not exist. On the page it is the largest of its kind."""


@dataclass(frozen=True)
class Digits:
    """How a quantity is shown: in which unit, and with how many decimals.

    Attributes:
        per_unit: shown units per unit of the library, such as 1000 milliseconds per second.
        decimals: digits after the point, >= 0.
    """

    per_unit: float = 1.0
    decimals: int = 4

    def text(self, value: float) -> str:
        """The value as the page shows it.

        >>> Digits(1e3, 2).text(0.0252702659)
        '25.27'
        """
        return f"{value * self.per_unit:.{self.decimals}f}"

    def whole(self, value: float | None) -> int:
        """The shown digits as a whole number; `MISSING` for None and NaN.

        >>> Digits(decimals=4).whole(0.59645), Digits().whole(None)
        (5965, -1)
        """
        if value is None or not math.isfinite(value):
            return MISSING
        return int(self.text(value).replace(".", ""))

    def column(self, values: Iterable[float | None]) -> NDArray[np.int64]:
        """(n,) whole numbers of n values."""
        return np.array([self.whole(value) for value in values], dtype=np.int64)


PER_DIGITS = Digits()
DISTANCE_DIGITS = Digits(decimals=3)


def latency_digits(seconds: Sequence[float]) -> Digits:
    """Milliseconds with four digits for the smallest of n >= 1 latencies.

    >>> latency_digits([0.000172, 0.02]).decimals
    4
    """
    least_ms = min(seconds) * 1e3
    return Digits(1e3, min(max(3 - math.floor(math.log10(least_ms)), 0), 6))


def packed(about: Mapping[str, Any], columns: Mapping[str, NDArray[Any]]) -> bytes:
    """Facts and columns as one compressed block.

    Args:
        about: facts, as JSON has them.
        columns: whole numbers >= `MISSING`, or float64; of any shape.

    Returns:
        gzip of: the length of the header (4 bytes, little endian), the header, and the columns.
        The bytes of a column stand by their place in a number, all first ones first: neighbouring
        numbers are similar, so that this form compresses better.
    """
    entries, blocks, offset = [], [], 0
    for name, column in columns.items():
        stored = column if column.dtype == np.float64 else _narrow(column)
        planes = np.ascontiguousarray(stored).reshape(-1).view(np.uint8)
        block = planes.reshape(-1, stored.dtype.itemsize).T.tobytes()
        kind = stored.dtype.newbyteorder("=").str[1:]
        entries.append({"name": name, "kind": kind, "shape": stored.shape, "offset": offset})
        blocks.append(block)
        offset += len(block)
    header = json.dumps({**about, "columns": entries}, separators=(",", ":")).encode()
    # Without a time, equal contents are equal files.
    return gzip.compress(len(header).to_bytes(4, "little") + header + b"".join(blocks), 9, mtime=0)


def _narrow(column: NDArray[Any]) -> NDArray[Any]:
    """The narrowest unsigned kind, whose largest number means a missing value."""
    largest = int(column.max(initial=0))
    kind = next(k for k in (np.uint8, np.uint16, np.uint32) if largest < np.iinfo(k).max)
    return np.where(column == MISSING, np.iinfo(kind).max, column).astype(kind)
