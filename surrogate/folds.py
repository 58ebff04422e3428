"""Rows held out in turn."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from graph_encoding.errors import UserError


def fold_indices(
    rows: int, folds: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Hold each of n rows out once.

    Args:
        rows: n.
        folds: parts of sizes that differ by at most one, 2 .. n.
        rng: source of the order.

    Yields:
        (indices of the rest, indices of the held-out part), both rising, `folds` times.

    Raises:
        UserError: if the number of folds is out of range.
    """
    check_folds(rows, folds)
    for part in np.array_split(rng.permutation(rows), folds):
        held_out = np.zeros(rows, dtype=bool)
        held_out[part] = True
        yield np.flatnonzero(~held_out), np.flatnonzero(held_out)


def check_folds(rows: int, folds: int) -> None:
    """Make sure that n rows can be held out in so many parts.

    Raises:
        UserError: if the number of folds is not in 2 .. n.
    """
    if not 2 <= folds <= rows:
        raise UserError(f"folds must be in 2 .. {rows}, the keys, but got {folds}")
