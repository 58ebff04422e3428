"""Folds of rows that are held out in turn."""

import math
from collections.abc import Iterator
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError


def fold_indices(
    rows: int, folds: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Hold each of n rows out once.

    Args:
        rows: n.
        folds: number of folds, 2 .. n; their sizes differ by at most one.
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


def check_folds(
    rows: int, folds: int, least_rest: int = 1, remedy: str = "measure more functions"
) -> None:
    """Make sure that n rows are enough for the folds.

    Args:
        rows: n.
        folds: number of folds, >= 2.
        least_rest: least number of rows outside each fold.
        remedy: how to get more rows, for the message.

    Raises:
        UserError: if the folds are fewer than two or no whole number, or there are too few rows
            for them; names the number needed.
    """
    if not isinstance(folds, Integral) or folds < 2:
        raise UserError(f"folds must be a whole number of at least 2, but got {folds!r}")
    if _fits(rows, folds, least_rest):
        return
    most = max(folds, 2 * least_rest)  # two folds of this size leave each other enough rows
    needed = next(n for n in range(folds, most + 1) if _fits(n, folds, least_rest))
    possible = [n for n in range(2, rows + 1) if _fits(rows, n, least_rest)]
    other = f"take {min(possible, key=lambda n: abs(n - folds))} folds, or " if possible else ""
    raise UserError(
        f"{folds} folds must have at least {needed} keys, but got {rows}; {other}{remedy}"
    )


def _fits(rows: int, folds: int, least_rest: int) -> bool:
    """Whether each fold has a row, and enough rows remain outside the largest one."""
    return rows >= folds and rows - math.ceil(rows / folds) >= least_rest
