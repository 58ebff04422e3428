"""The inducing points of a Gaussian process, and distances from them."""

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from graph_encoding.encodings.stacked_graphs import GREATEST
from surrogate.predictors.base import Arrays
from surrogate.predictors.features import (
    FEATURE_PREFIX,
    GraphInputs,
    features_of,
    varying_columns,
)

GROUPS = ("subset/", "path/", "path_descriptor/", "statistics/")
"""Prefixes of the columns' names: columns of one group share a length scale. Features given with
the graphs, if any, are another group."""

ROWS_AT_ONCE = 512
"""Graphs whose distances are computed at a time; those of fewer are cached for other processes."""


@dataclass(frozen=True, eq=False)
class PointRows:
    """m graphs as rows of d columns, decoded.

    Attributes:
        rows: (m, d) the graphs, each column in units of its standard deviation.
        parts: the columns of each group.
        squared_lengths: (g, m) squared lengths of the rows within each group.
    """

    rows: NDArray[np.float64]
    parts: list[slice]
    squared_lengths: NDArray[np.float64]

    def distances(self, others: NDArray[np.float64]) -> NDArray[np.float64]:
        """(g, n, m) squared distances from (n, d) rows within each group."""
        return _between(others, self.rows, self.squared_lengths, self.parts)


_DECODED: WeakValueDictionary[bytes, PointRows] = WeakValueDictionary()
"""Rows in use, by the fingerprint of their points."""


@dataclass(frozen=True, eq=False)
class KnownPoints:
    """m graphs in d columns of unit variance, sorted by group.

    Columns mostly count something: each entry is the number of its value among the few distinct
    ones of its column, an eighth of the size. Several processes of one surrogate, one per target
    and per coefficient of a learning curve, have the same inducing points: their rows are decoded,
    and distances from them computed, once for all.

    Attributes:
        used: (d,) columns of `GraphFeatures`.
        starts: (g + 1,) first column of each group, and d.
        centre: (d,) mean of each column.
        scale: (d,) its standard deviation; 1 where that is zero.
        values: distinct values of the first column, then of the second, and so on.
        sizes: (d,) number of values of each column.
        codes: (d, m) number of each entry's value.
    """

    used: NDArray[np.intp]
    starts: NDArray[np.intp]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    values: NDArray[np.float32]
    sizes: NDArray[np.int64]
    codes: NDArray[np.unsignedinteger[Any]]

    @classmethod
    def of(cls, inputs: GraphInputs, places: NDArray[np.intp]) -> "KnownPoints":
        """The graphs at m indices of n; columns are scaled by all n."""
        features = inputs.features
        varying = varying_columns(features)
        names = features_of(inputs.vocabulary).columns
        prefixes = (*GROUPS, FEATURE_PREFIX) if inputs.vocabulary.given else GROUPS
        groups = np.array(
            [next(g for g, p in enumerate(prefixes) if names[i].startswith(p)) for i in varying]
        )
        used = varying[np.argsort(groups, kind="stable")]
        starts = np.searchsorted(np.sort(groups), np.arange(len(prefixes) + 1))
        raw = features[:, used].astype(np.float64)
        std = raw.std(axis=0)
        centre, scale = raw.mean(axis=0), np.where(std > 0, std, 1.0)
        return cls.of_rows(used, starts, centre, scale, stored((raw[places] - centre) / scale))

    @classmethod
    def of_rows(
        cls,
        used: NDArray[np.intp],
        starts: NDArray[np.intp],
        centre: NDArray[np.float64],
        scale: NDArray[np.float64],
        rows: NDArray[np.floating[Any]],
    ) -> "KnownPoints":
        """The points of (m, d) rows of single precision."""
        found = [np.unique(column, return_inverse=True) for column in rows.astype(np.float32).T]
        sizes = np.array([len(values) for values, _ in found], dtype=np.int64)
        codes = np.array(
            [codes for _, codes in found], dtype=np.min_scalar_type(sizes.max(initial=1) - 1)
        )
        values = np.concatenate([values for values, _ in found])
        return cls(used, starts, centre, scale, values, sizes, codes)

    @property
    def given(self) -> list[int]:
        """Number of columns in the group of the features given; no number without the group."""
        return [max(1, int(n)) for n in np.diff(self.starts)[len(GROUPS) :]]

    @cached_property
    def decoded(self) -> PointRows:
        """The points as rows: the same object for equal points."""
        found = hashlib.blake2b(digest_size=16)
        for name in ("used", "starts", "centre", "scale", "values", "sizes", "codes"):
            found.update(np.ascontiguousarray(getattr(self, name)).data)
        fingerprint = found.digest()
        shared = _DECODED.get(fingerprint)
        if shared is None:
            first = np.cumsum(self.sizes) - self.sizes
            columns = self.values.astype(np.float64).take(first[:, None] + self.codes)
            rows = np.ascontiguousarray(columns.T)
            shared = PointRows(rows, self._parts, _lengths(rows, self._parts))
            _DECODED[fingerprint] = shared
        return shared

    def distances(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Squared distances within each group of columns from n graphs' features: (g, n, m)."""
        return self.decoded.distances(self._standardised(features))

    def distances_between(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Squared distances of n graphs from each other within each group: (g, n, n)."""
        rows = self._standardised(features)
        return _between(rows, rows, _lengths(rows, self._parts), self._parts)

    def distances_in_parts(self, inputs: GraphInputs) -> Iterator[NDArray[np.float64]]:
        """`distances` of some graphs at a time; cached for few graphs and equal points."""
        if len(inputs) <= ROWS_AT_ONCE:
            yield inputs.once(self.decoded, lambda: self.distances(inputs.features))
            return
        for start in range(0, len(inputs), ROWS_AT_ONCE):
            yield self.distances(inputs.features[start : start + ROWS_AT_ONCE])

    def arrays(self) -> Arrays:
        """Arrays for `from_arrays`."""
        return {
            "gp_used": self.used,
            "gp_starts": self.starts,
            "gp_centre": self.centre,
            "gp_scale": self.scale,
            "gp_values": self.values,
            "gp_sizes": self.sizes,
            "gp_codes": self.codes,
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "KnownPoints":
        """The inverse of `arrays`."""
        used, starts = arrays["gp_used"], arrays["gp_starts"]
        scaling = arrays["gp_centre"], arrays["gp_scale"]
        if "gp_rows" in arrays:  # as older versions wrote them
            return cls.of_rows(used, starts, *scaling, arrays["gp_rows"])
        coded = arrays["gp_values"], arrays["gp_sizes"], arrays["gp_codes"]
        return cls(used, starts, *scaling, *coded)

    def _standardised(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        return stored((features[:, self.used] - self.centre) / self.scale)

    @cached_property
    def _parts(self) -> list[slice]:
        ends = self.starts.tolist()
        return [slice(*pair) for pair in itertools.pairwise(ends)]


def _lengths(rows: NDArray[np.float64], parts: Sequence[slice]) -> NDArray[np.float64]:
    """(g, n) squared lengths of rows within each group."""
    return np.array([np.einsum("id,id->i", rows[:, part], rows[:, part]) for part in parts])


def _between(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    lengths_b: NDArray[np.float64],
    parts: Sequence[slice],
) -> NDArray[np.float64]:
    """(g, n, m) squared distances of (n, d) rows from (m, d) rows within each group."""
    squared = np.empty((len(parts), len(a), len(b)))
    lengths_a = _lengths(a, parts)
    for group, part in enumerate(parts):
        np.matmul(-2 * a[:, part], b[:, part].T, out=squared[group])
        squared[group] += lengths_a[group, :, None] + lengths_b[group]
    return np.maximum(squared, 0.0, out=squared)


def even_places(count: int, most: int) -> NDArray[np.intp]:
    """Up to `most` of the indices 0 .. count - 1, evenly spaced.

    The rows of a fit are sorted by key, so that this is an even sample of them, and the same one
    for every target.
    """
    return np.linspace(0, count - 1, min(most, count)).round().astype(np.intp)


def stored(values: NDArray[Any]) -> NDArray[np.float64]:
    """Values with the single precision of files, as double precision for the arithmetic.

    Near a known point the variance of a process is a small difference of large numbers. In single
    precision it would depend on the number of rows per call, since sums then have another order.
    Values beyond float32 become its largest ones.
    """
    single: NDArray[np.float32] = np.clip(values, -GREATEST, GREATEST).astype(np.float32)
    return single.astype(np.float64)
