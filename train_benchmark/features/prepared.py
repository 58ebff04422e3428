"""Prepared corpora: features and labels, in training pools and held-out sets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

NO_LABEL = 0
"""Unknown phone in `frame_labels`; the index of the CTC blank."""


@dataclass(frozen=True, eq=False)
class PreparedUtterance:
    """Features and labels of an utterance.

    Attributes:
        key: id of the utterance in its corpus.
        features: (frames, mel_bins) float32, normalised.
        labels: (phones,) training labels, without blanks.
        reference: (phones,) scoring labels of the same phones.
        frame_labels: (frames,) int16 training label at the centre of each frame, `NO_LABEL` where
            unknown; empty if the corpus has no times.
    """

    key: str
    features: NDArray[np.float32]
    labels: tuple[int, ...]
    reference: tuple[int, ...]
    frame_labels: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))


@dataclass(frozen=True, eq=False)
class TrainingPool:
    """Training utterances of one corpus.

    Attributes:
        name: name of the corpus.
        share: fraction of an epoch's utterances from this pool.
        utterances: the pool.
    """

    name: str
    share: float
    utterances: tuple[PreparedUtterance, ...]


@dataclass(frozen=True, eq=False)
class PreparedCorpus:
    """Split corpora with features and labels, for one recipe.

    Attributes:
        fingerprint: sha256 of the speech.
        pools: training utterances.
        held_out: utterances to score, by name of the set, in scoring order.
        val_sets: names of the sets that choose the epoch, scored as one.
        test_sets: names of the sets that are scored with the chosen epoch's weights, as one.
    """

    fingerprint: str
    pools: tuple[TrainingPool, ...]
    held_out: Mapping[str, tuple[PreparedUtterance, ...]]
    val_sets: tuple[str, ...]
    test_sets: tuple[str, ...]

    @classmethod
    def single(
        cls,
        fingerprint: str,
        train: Sequence[PreparedUtterance],
        val: Sequence[PreparedUtterance],
        test: Sequence[PreparedUtterance],
    ) -> Self:
        """One corpus in three parts; its held-out sets are called "val" and "test"."""
        return cls(
            fingerprint=fingerprint,
            pools=(TrainingPool("train", 1.0, tuple(train)),),
            held_out={"val": tuple(val), "test": tuple(test)},
            val_sets=("val",),
            test_sets=("test",),
        )

    @cached_property
    def train(self) -> tuple[PreparedUtterance, ...]:
        """All utterances to train on: those of pools with a share."""
        return tuple(u for pool in self.pools if pool.share > 0 for u in pool.utterances)

    @property
    def val(self) -> tuple[PreparedUtterance, ...]:
        """Utterances that choose the epoch."""
        return self.utterances_of(self.val_sets)

    @property
    def test(self) -> tuple[PreparedUtterance, ...]:
        """Utterances that are scored with the chosen epoch's weights."""
        return self.utterances_of(self.test_sets)

    def utterances_of(self, names: Sequence[str]) -> tuple[PreparedUtterance, ...]:
        """Utterances of the given held-out sets, set by set."""
        return tuple(u for name in names for u in self.held_out[name])
