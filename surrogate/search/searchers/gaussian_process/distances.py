"""Distances between functions, each row computed once per search."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from surrogate.data.targets import FloatArray
from surrogate.predictors.features import GraphInputs, features_of, varying_columns
from surrogate.predictors.gaussian.known_points import GROUPS

Rows = NDArray[np.int64]
Single = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Columns:
    """n functions as columns of unit variance, in groups that share a length scale.

    Attributes:
        groups: for each of g groups, its (n, d) columns.
        squared_lengths: for each group, the (n,) squared lengths of its rows.
    """

    groups: tuple[Single, ...]
    squared_lengths: tuple[Single, ...]

    @classmethod
    def of(cls, inputs: GraphInputs) -> Self:
        """Columns that vary among n functions; the groups are those of the predictor `gp`."""
        varying = varying_columns(inputs.features)
        names = features_of(inputs.vocabulary).columns
        group_of = np.array(
            [next(g for g, p in enumerate(GROUPS) if names[i].startswith(p)) for i in varying]
        )
        raw = inputs.features[:, varying].astype(np.float64)
        scaled = ((raw - raw.mean(axis=0)) / raw.std(axis=0)).astype(np.float32)
        groups = tuple(
            np.ascontiguousarray(scaled[:, group_of == g]) for g in sorted(set(group_of.tolist()))
        )
        return cls(groups, tuple(np.einsum("id,id->i", group, group) for group in groups))

    @property
    def typical_lengths(self) -> FloatArray:
        """(g,) root of the number of columns of each group: the order of its distances."""
        return np.sqrt([group.shape[1] for group in self.groups])


class Distances:
    """Squared distances between functions within each group of columns.

    A row is computed once, whatever rows are asked for with it, so that results do not depend on
    how evaluations were grouped.

    Args:
        columns: the functions.
    """

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self._rows: dict[int, Single] = {}

    def __len__(self) -> int:
        return len(self.columns.groups[0])

    def of_row(self, row: int) -> Single:
        """(g, n) squared distances of one function from all."""
        if row not in self._rows:
            columns = self.columns
            self._rows[row] = np.stack(
                [
                    np.maximum(lengths + lengths[row] - 2 * (group @ group[row]), 0.0)
                    for group, lengths in zip(columns.groups, columns.squared_lengths, strict=True)
                ]
            )
        return self._rows[row]

    def of_rows(self, rows: Sequence[int] | Rows) -> Single:
        """(g, k, n) squared distances of k functions from all."""
        return np.stack([self.of_row(int(row)) for row in rows], axis=1)

    def among(self, rows: Rows) -> Single:
        """(g, k, k) squared distances of k functions from each other."""
        columns = self.columns
        found = []
        for group, lengths in zip(columns.groups, columns.squared_lengths, strict=True):
            some, of_some = group[rows], lengths[rows]
            found.append(np.maximum(of_some[:, None] + of_some - 2 * (some @ some.T), 0.0))
        return np.stack(found)


def representatives(distances: Distances, count: int) -> list[int]:
    """Up to `count` rows, each of which lowers the mean distance to the nearest chosen row most.

    Source: Cornuejols, Fisher and Nemhauser, "Location of bank accounts to optimize float",
    Management Science 1977, for the greedy choice of medians.
    """
    weights = distances.columns.typical_lengths**-2
    everything = np.arange(len(distances))
    between = np.sqrt(np.tensordot(weights, distances.among(everything), axes=1))
    nearest = np.full(len(distances), np.inf)
    chosen: list[int] = []
    for _ in range(min(count, len(distances))):
        totals = np.minimum(nearest, between).sum(axis=1)
        totals[chosen] = np.inf
        chosen.append(int(np.argmin(totals)))
        nearest = np.minimum(nearest, between[chosen[-1]])
    return chosen
