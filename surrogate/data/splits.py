"""Splits of datasets by functional key, so that no function is on two sides."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from graph_encoding.common.errors import UserError
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.folds import fold_indices


@dataclass(frozen=True, eq=False)
class Split:
    """Three disjoint sets, used in this order: fit, calibrate, report.

    Attributes:
        train: data of the fit.
        calibration: data of the calibration; may be empty.
        test: data of the reported scores.

    Raises:
        UserError: if two of them share a key.
    """

    train: SurrogateDataset
    calibration: SurrogateDataset
    test: SurrogateDataset

    def __post_init__(self) -> None:
        parts = {"train": self.train, "calibration": self.calibration, "test": self.test}
        seen: dict[str, str] = {}
        for name, part in parts.items():
            for key in part.keys:
                other = seen.setdefault(key, name)
                if other != name:
                    raise UserError(
                        f"the sets of a split must share no key, but {key!r} is in both "
                        f"{other} and {name}; split by key, not by row"
                    )


def random_split(
    dataset: SurrogateDataset, fractions: tuple[float, float, float], rng: np.random.Generator
) -> Split:
    """Split the keys at random.

    The draw depends on the set of keys only, not on the order of rows.

    Args:
        dataset: the dataset.
        fractions: fractions of (train, calibration, test), >= 0, with sum 1; sizes are rounded
            down for the first two, and test takes the rest.
        rng: source of the order.

    Raises:
        UserError: if the fractions break those rules.
    """
    if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-9:
        raise UserError(f"fractions must be >= 0 and sum to 1, but got {fractions}")
    dataset = dataset.sorted_by_key()
    order = rng.permutation(len(dataset))
    first = int(fractions[0] * len(dataset) + 1e-9)
    second = first + int(fractions[1] * len(dataset) + 1e-9)
    return Split(
        dataset.subset(order[:first]),
        dataset.subset(order[first:second]),
        dataset.subset(order[second:]),
    )


def k_fold(
    dataset: SurrogateDataset, folds: int, rng: np.random.Generator
) -> Iterator[tuple[SurrogateDataset, SurrogateDataset]]:
    """Hold each key out once.

    Args:
        dataset: n rows, one per key.
        folds: number of folds, 2 .. n; their sizes differ by at most one.
        rng: source of the order.

    Yields:
        (the rest, the held-out part), both sorted by key, `folds` times.

    Raises:
        UserError: if the number of folds is out of range.
    """
    dataset = dataset.sorted_by_key()
    for rest, held_out in fold_indices(len(dataset), folds, rng):
        yield dataset.subset(rest), dataset.subset(held_out)
