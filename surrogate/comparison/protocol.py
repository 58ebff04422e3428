"""Protocols: ways to divide the keys of a source into training and test keys."""

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from graph_encoding.common.registry import Registry
from surrogate.data.labelled_graphs import Source
from surrogate.data.splits import Split

MIN_TEST_KEYS = 10
"""Fewest test keys: the rank correlation of fewer is too noisy, as 10 keys make 45 pairs."""

MIN_TRAIN_KEYS = 2
"""Smallest training size."""

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Division:
    """Keys to draw training sets from, and keys to test on.

    Attributes:
        detail: name of the division within its protocol; empty if there is only one.
        pool: indices of the keys that training sets are drawn from.
        test: indices of the keys to test on; those drawn for training are excluded.
    """

    detail: str
    pool: Indices
    test: Indices


@dataclass(frozen=True, eq=False)
class PlannedSplit:
    """One training set and one test set, the same for every predictor.

    Attributes:
        protocol: name of the protocol.
        detail: which of its divisions.
        train_size: number of training keys.
        repeat: number of the draw, from 0.
        train: (train_size,) indices into the source.
        test: indices into the source, none of them in `train`.
    """

    protocol: str
    detail: str
    train_size: int
    repeat: int
    train: Indices
    test: Indices

    def of(self, source: Source) -> Split:
        """The training and the test set; a key in both is an error."""
        data = source.dataset
        return Split(data.subset(self.train), data.subset([]), data.subset(self.test))


class Protocol(ABC):
    """A question about generalisation, expressed as divisions of the keys.

    Attributes:
        name: the name it is registered and configured by.
        question: the test cells in words, for reports.
    """

    name: ClassVar[str]
    question: ClassVar[str]

    @abstractmethod
    def divide(self, source: Source, largest: int) -> tuple[Division, ...]:
        """Divide the keys so that training sets of up to `largest` keys can be drawn.

        Raises:
            UserError: if the source has no such keys.
        """


PROTOCOLS: Registry[Protocol] = Registry("protocol")


def _registered(kind: type[Protocol]) -> type[Protocol]:
    PROTOCOLS.register(kind.name, kind())
    return kind


@_registered
class RandomKeys(Protocol):
    """N keys at random; test on all others."""

    name = "random"
    question = "cells like those it was trained on"

    def divide(self, source: Source, largest: int) -> tuple[Division, ...]:  # noqa: ARG002
        """One division: training and test keys are both drawn from the training space."""
        inside = np.flatnonzero(~source.extended)
        return (Division("", inside, inside),)


@_registered
class LeaveOperationOut(Protocol):
    """Train on graphs without an operation; test on all that have it."""

    name = "leave-operation-out"
    question = "an operation that no training cell has"

    def divide(self, source: Source, largest: int) -> tuple[Division, ...]:  # noqa: ARG002
        """One division for each operation that many, but not all, graphs have."""
        inside = np.flatnonzero(~source.extended)
        has = {int(i): {op.name for op in source.dataset.graphs[i].ops[1:-1]} for i in inside}
        counts = Counter(name for names in has.values() for name in names)
        left_out = [n for n in sorted(counts) if MIN_TEST_KEYS <= counts[n] < len(inside)]
        if not left_out:
            raise UserError(
                f"leave-operation-out must have an operation that at least {MIN_TEST_KEYS} keys "
                f"have and others have not, but the counts in {len(inside)} keys are {dict(counts)}"
            )
        return tuple(
            Division(
                name,
                np.array([i for i in has if name not in has[i]], dtype=np.int64),
                np.array([i for i in has if name in has[i]], dtype=np.int64),
            )
            for name in left_out
        )


@_registered
class SmallToLarge(Protocol):
    """Train on graphs of at most k operations; test on all larger ones.

    k is the smallest number with enough keys for the largest training set.
    """

    name = "small-to-large"
    question = "cells with more operations than any it was trained on"

    def divide(self, source: Source, largest: int) -> tuple[Division, ...]:
        """One division, at the smallest size that leaves enough keys on both sides."""
        inside = np.flatnonzero(~source.extended)
        sizes = np.array([source.dataset.graphs[i].inner_nodes for i in inside])
        for k in sorted(set(sizes.tolist())):
            small = sizes <= k
            if small.sum() >= largest and (~small).sum() >= MIN_TEST_KEYS:
                return (Division(f"at most {k} operations", inside[small], inside[~small]),)
        counts = Counter(sizes.tolist())
        possible = [int((sizes <= k).sum()) for k in set(sizes.tolist())]
        most = max((n for n in possible if len(sizes) - n >= MIN_TEST_KEYS), default=0)
        raise UserError(
            f"small-to-large must have {largest} keys of at most k operations to train on, and "
            f"{MIN_TEST_KEYS} larger ones to test on, but there is no such k: operations -> keys "
            f"{dict(sorted(counts.items()))}; {_remedy(most, 'more keys of different sizes')}"
        )


@_registered
class Extended(Protocol):
    """Train on the source's own space; test on keys outside of it."""

    name = "extended"
    question = "cells outside the space it was trained on"

    def divide(self, source: Source, largest: int) -> tuple[Division, ...]:  # noqa: ARG002
        """One division: keys inside and outside the space."""
        if not source.extended.any():
            raise UserError(
                f"source {source.name!r} has no key outside its space; name a table or a file of "
                "graphs with such keys as source.extended"
            )
        return (Division("", np.flatnonzero(~source.extended), np.flatnonzero(source.extended)),)


def planned_splits(
    source: Source, protocol: Protocol, train_sizes: tuple[int, ...], repeats: int, seed: int
) -> tuple[PlannedSplit, ...]:
    """All splits of a protocol.

    Within a repeat, a larger training set contains every smaller one, so that learning curves
    do not depend on different draws.

    Args:
        source: n labelled graphs, sorted by key.
        protocol: how they are divided.
        train_sizes: rising numbers of training keys.
        repeats: draws of each size.
        seed: start of the draws.

    Raises:
        UserError: if a division has too few keys to train or to test on; the message says how many.
    """
    found = []
    for division in protocol.divide(source, max(train_sizes)):
        for repeat in range(repeats):
            order = np.random.default_rng([seed, repeat]).permutation(division.pool)
            for size in train_sizes:
                test = np.setdiff1d(division.test, order[:size])
                _check_sizes(source, protocol, division, size, len(test))
                train = np.sort(order[:size])
                found.append(
                    PlannedSplit(protocol.name, division.detail, size, repeat, train, test)
                )
    return tuple(found)


def _check_sizes(
    source: Source, protocol: Protocol, division: Division, train_size: int, test_size: int
) -> None:
    where = f"{protocol.name} ({division.detail})" if division.detail else protocol.name
    keys = f"of the {len(source.dataset)} keys of {source.name!r}"
    if train_size > len(division.pool):
        raise UserError(
            f"{where} must have as many keys to train on as the train size says, but {keys} "
            f"{len(division.pool)} may be trained on, and the train size is {train_size}; "
            f"{_remedy(_most_to_train_on(division), 'more keys')}"
        )
    if test_size < MIN_TEST_KEYS:
        raise UserError(
            f"{where} must leave at least {MIN_TEST_KEYS} keys to test on, but {keys} a train size "
            f"of {train_size} leaves {test_size}; "
            f"{_remedy(_most_to_train_on(division), 'more keys to test on')}"
        )


def _most_to_train_on(division: Division) -> int:
    """Size of the largest training set that leaves enough test keys; 0 if there is none."""
    shared = len(np.intersect1d(division.pool, division.test))
    spare = len(division.test) - MIN_TEST_KEYS
    if spare >= shared:
        return len(division.pool)
    return max(spare, 0)  # a key that is trained on is not tested on


def _remedy(most: int, needed: str) -> str:
    if most < MIN_TRAIN_KEYS:
        return f"the source needs {needed}"
    return f"take train sizes of at most {most}"
