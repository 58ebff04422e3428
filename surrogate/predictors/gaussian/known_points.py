"""The inducing points of a Gaussian process, and distances from them."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

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
class KnownPoints:
    """m graphs in d columns of unit variance, sorted by group.

    Several processes of one surrogate, one per target and per coefficient of a learning curve, have
    the same inducing points: their distances are computed once for all.

    Attributes:
        used: (d,) columns of `GraphFeatures`.
        starts: (g + 1,) first column of each group, and d.
        centre: (d,) mean of each column.
        scale: (d,) its standard deviation; 1 where that is zero.
        rows: (m, d) the graphs.
    """

    used: NDArray[np.intp]
    starts: NDArray[np.intp]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    rows: NDArray[np.float64]

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
        rows = stored((raw[places] - centre) / scale)
        return cls(used, starts, centre, scale, rows)

    @property
    def given(self) -> list[int]:
        """Number of columns in the group of the features given; no number without the group."""
        return [max(1, int(n)) for n in np.diff(self.starts)[len(GROUPS) :]]

    def distances(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Squared distances within each group of columns from n graphs' features: (g, n, m)."""
        return self._between(self._standardised(features), self.rows, self._squared_lengths)

    def distances_between(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Squared distances of n graphs from each other within each group: (g, n, n)."""
        rows = self._standardised(features)
        return self._between(rows, rows, self._lengths_of(rows))

    def distances_in_parts(self, inputs: GraphInputs) -> Iterator[NDArray[np.float64]]:
        """`distances` of some graphs at a time; cached for few graphs and equal points."""
        if len(inputs) <= ROWS_AT_ONCE:
            yield inputs.once(self._fingerprint, lambda: self.distances(inputs.features))
            return
        for start in range(0, len(inputs), ROWS_AT_ONCE):
            yield self.distances(inputs.features[start : start + ROWS_AT_ONCE])

    def arrays(self) -> Arrays:
        """Arrays for `from_arrays`.

        Columns mostly count something: each entry is stored as the number of its value among the
        few distinct ones of its column, a sixth of the size.
        """
        scaling = {
            "gp_used": self.used,
            "gp_starts": self.starts,
            "gp_centre": self.centre,
            "gp_scale": self.scale,
        }
        columns = self.rows.astype(np.float32).T
        found = [np.unique(column, return_inverse=True) for column in columns]
        sizes = np.array([len(values) for values, _ in found], dtype=np.int64)
        return {
            **scaling,
            "gp_values": np.concatenate([values for values, _ in found]),
            "gp_sizes": sizes,
            "gp_codes": np.array(
                [codes for _, codes in found], dtype=np.min_scalar_type(sizes.max(initial=1) - 1)
            ),
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "KnownPoints":
        """The inverse of `arrays`."""
        return cls(
            arrays["gp_used"],
            arrays["gp_starts"],
            arrays["gp_centre"],
            arrays["gp_scale"],
            stored(arrays["gp_rows"]) if "gp_rows" in arrays else _decoded(arrays),
        )

    @cached_property
    def _fingerprint(self) -> bytes:
        found = hashlib.blake2b(digest_size=16)
        for array in (self.used, self.starts, self.centre, self.scale, self.rows):
            found.update(np.ascontiguousarray(array).data)
        return found.digest()

    @cached_property
    def _squared_lengths(self) -> NDArray[np.float64]:
        return self._lengths_of(self.rows)

    def _standardised(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        return stored((features[:, self.used] - self.centre) / self.scale)

    def _lengths_of(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(g, n) squared lengths of rows within each group."""
        parts = [rows[:, part] for part in self._parts]
        return np.array([np.einsum("id,id->i", part, part) for part in parts])

    @property
    def _parts(self) -> list[slice]:
        return [slice(*ends) for ends in zip(self.starts[:-1], self.starts[1:], strict=True)]

    def _between(
        self, a: NDArray[np.float64], b: NDArray[np.float64], lengths_b: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        squared = np.empty((len(self._parts), len(a), len(b)))
        lengths_a = self._lengths_of(a)
        for group, part in enumerate(self._parts):
            np.matmul(-2 * a[:, part], b[:, part].T, out=squared[group])
            squared[group] += lengths_a[group, :, None] + lengths_b[group]
        return np.maximum(squared, 0.0, out=squared)


def _decoded(arrays: Arrays) -> NDArray[np.float64]:
    """(m, d) rows from the number of each entry's value within its column."""
    sizes = arrays["gp_sizes"]
    first = np.cumsum(sizes) - sizes
    columns = arrays["gp_values"].astype(np.float64).take(first[:, None] + arrays["gp_codes"])
    return np.ascontiguousarray(columns.T)


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
