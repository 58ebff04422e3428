"""The measured labels of an artifact, by functional key."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from surrogate.data.targets import FloatArray


@dataclass(frozen=True)
class MeasuredRow:
    """The measured labels of one function.

    Attributes:
        seeds: (s,) seeds it was trained with.
        values: for each target's name, the (s,) raw labels in the seeds' order.
    """

    seeds: tuple[int, ...]
    values: Mapping[str, tuple[float, ...]]


class MeasuredRows(Mapping[str, MeasuredRow]):
    """Rows by functional key; each is built when it is asked for.

    Args:
        keys: (n,) functional keys.
        counts: (n,) trainings of each function.
        seeds: (t,) seeds of all trainings, function by function.
        values: for each target's name, their (t,) raw labels.
    """

    def __init__(
        self,
        keys: Sequence[str],
        counts: NDArray[np.int64],
        seeds: NDArray[np.int64],
        values: Mapping[str, FloatArray],
    ) -> None:
        self._place = {key: i for i, key in enumerate(keys)}
        self._ends = np.cumsum(counts)
        self._counts, self._seeds, self._values = counts, seeds, values

    @classmethod
    def of(cls, rows: Mapping[str, MeasuredRow]) -> "MeasuredRows":
        """The rows of any mapping."""
        if isinstance(rows, MeasuredRows):
            return rows
        names = next(iter(rows.values())).values if rows else ()
        return cls(
            list(rows),
            np.array([len(row.seeds) for row in rows.values()], np.int64),
            np.array([seed for row in rows.values() for seed in row.seeds], np.int64),
            {
                name: np.array([v for row in rows.values() for v in row.values[name]], np.float64)
                for name in names
            },
        )

    def __getitem__(self, key: str) -> MeasuredRow:
        """The row of a function."""
        place = self._place[key]
        part = slice(self._ends[place] - self._counts[place], self._ends[place])
        values = {name: tuple(of[part].tolist()) for name, of in self._values.items()}
        return MeasuredRow(tuple(self._seeds[part].tolist()), values)

    def __iter__(self) -> Iterator[str]:
        """The keys, in the order of the artifact."""
        return iter(self._place)

    def __len__(self) -> int:
        """Number of functions."""
        return len(self._place)

    def means(self, target: str) -> FloatArray:
        """(n,) mean raw label of each function."""
        function = np.repeat(np.arange(len(self)), self._counts)
        sums = np.bincount(function, self._values[target], minlength=len(self))
        found: FloatArray = sums / self._counts
        return found

    def to_plain(self) -> dict[str, Any]:
        """A tree for `write_tree`, which `from_plain` reads."""
        return {
            "keys": list(self._place),
            "counts": self._counts.astype(np.min_scalar_type(int(self._counts.max(initial=0)))),
            "seeds": self._seeds,
            "values": self._values,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The inverse of `to_plain`."""
        counts = plain["counts"].astype(np.int64)
        return cls(plain["keys"], counts, plain["seeds"], plain["values"])
