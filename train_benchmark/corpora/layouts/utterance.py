"""Utterances, and a corpus of them."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from train_benchmark.corpora.symbols.label_sets import TIMIT_61_48_39, LabelSet


@dataclass(frozen=True, eq=False)
class Utterance:
    """One recorded sentence with its phones.

    Attributes:
        key: stable id, such as "fvmh0/sx206".
        speaker: lower case, such as "fvmh0".
        sentence: lower case, such as "sx206".
        part: the corpus's own part, such as TIMIT's "train" and "test"; None without parts.
        samples: (n,) float32 in [-1, 1] at 16 kHz.
        phones: symbols of the label set, in time order.
        times: (first sample, end sample) of each phone; empty if the corpus has no times.
        text: the words; empty if unknown.
        labels: label set of the phones; None until it is declared.

    Raises:
        UserError: if a field is not as described; names the utterance.
    """

    key: str
    speaker: str
    sentence: str
    part: str | None
    samples: NDArray[np.float32]
    phones: tuple[str, ...]
    times: tuple[tuple[int, int], ...] = ()
    text: str = ""
    labels: LabelSet | None = TIMIT_61_48_39

    def __post_init__(self) -> None:
        if self.samples.dtype != np.float32 or self.samples.ndim != 1 or not len(self.samples):
            raise UserError(
                f"samples of {self.key} must be float32 of shape (n,), n >= 1, but are "
                f"{self.samples.dtype} of shape {self.samples.shape}"
            )
        # Negated, so that NaN fails too.
        if not np.abs(self.samples).max() <= 1.0:
            raise UserError(
                f"samples of {self.key} must lie in [-1, 1], but reach "
                f"{float(np.abs(self.samples).max())}; scale the audio down"
            )
        self._check_phones()
        self._check_times()

    def _check_phones(self) -> None:
        unknown = () if self.labels is None else self.labels.unknown(self.phones)
        if self.labels is not None and (unknown or not self.phones):
            raise UserError(
                f"phones of {self.key} must be one or more symbols of label set "
                f"{self.labels.name!r}, but {list(unknown) or 'there is none'}; the symbols are: "
                f"{' '.join(self.labels.class_of)}"
            )
        if not self.phones or any(not p or any(c.isspace() for c in p) for p in self.phones):
            raise UserError(
                f"phones of {self.key} must be one or more symbols without white space, but are "
                f"{self.phones}"
            )

    def _check_times(self) -> None:
        if self.times and len(self.times) != len(self.phones):
            raise UserError(
                f"times of {self.key} must be one pair per phone, but there are {len(self.times)} "
                f"pairs and {len(self.phones)} phones"
            )
        earliest = 0
        for start, end in self.times:
            if not earliest <= start < end <= len(self.samples):
                raise UserError(
                    f"times of {self.key} must follow each other (from {earliest}) and end within "
                    f"the audio ({len(self.samples)} samples), but are {start} to {end}"
                )
            earliest = end


@dataclass(frozen=True, eq=False)
class Corpus:
    """Utterances of one label set, sorted by key.

    Raises:
        UserError: if there is none, two share a key, or label sets differ.
    """

    utterances: tuple[Utterance, ...]

    def __post_init__(self) -> None:
        keys = [u.key for u in self.utterances]
        if not keys:
            raise UserError("a corpus must have at least one utterance, but got none")
        if len(set(keys)) != len(keys):
            twice = sorted(key for key, count in Counter(keys).items() if count > 1)
            raise UserError(f"every utterance must be there once, but these are twice: {twice[:5]}")
        others = [u for u in self.utterances if u.labels != self.labels]
        if others:
            raise UserError(
                f"a corpus must have one label set, but {others[0].key} has another than {keys[0]}"
            )

    @property
    def labels(self) -> LabelSet | None:
        """The label set of all utterances."""
        return self.utterances[0].labels

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of keys, phones and 16-bit samples, independent of container and letter case.

        Times are left out, so that older tables, whose times were not read, keep their fingerprint.
        """
        digest = hashlib.sha256()
        for utterance in self.utterances:
            digest.update(f"{utterance.key}\n{' '.join(utterance.phones)}\n".encode())
            # Audio of more than 16 bits may reach 1.0, which would overflow to -1.0.
            samples = np.clip(np.round(utterance.samples * 32768.0), -32768, 32767)
            digest.update(samples.astype("<i2").tobytes())
        return digest.hexdigest()
