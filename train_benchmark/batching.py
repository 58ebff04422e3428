"""Prepared utterances and the batches made of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train_benchmark.recipe import BucketedBatches, PooledBatches


@dataclass(frozen=True, eq=False)
class PreparedUtterance:
    """An utterance as training sees it.

    Attributes:
        key: id of the utterance in its corpus.
        features: (frames, mel_bins) float32, normalised.
        labels: (phones,) int64 labels of the 48 classes, none of them the blank.
        reference: (phones,) the same phones folded to the 39 scoring classes.
    """

    key: str
    features: NDArray[np.float32]
    labels: tuple[int, ...]
    reference: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Batch:
    """Utterances padded with zeros to the longest.

    Attributes:
        features_BTC: (B, T, mel_bins) float32.
        frames_B: (B,) int64 true lengths.
        labels: (sum of labels,) int64, one utterance after another.
        label_lengths_B: (B,) int64.
        references: B reference phone sequences.
    """

    features_BTC: Tensor
    frames_B: Tensor
    labels: Tensor
    label_lengths_B: Tensor
    references: tuple[tuple[int, ...], ...]

    def to(self, device: torch.device) -> "Batch":
        """The batch with its features and lengths on a device; labels stay where CTC wants them."""
        return replace(
            self, features_BTC=self.features_BTC.to(device), frames_B=self.frames_B.to(device)
        )


def make_batch(utterances: Sequence[PreparedUtterance]) -> Batch:
    """Pad some utterances into one batch."""
    frames = [len(u.features) for u in utterances]
    padded = np.zeros(
        (len(utterances), max(frames), utterances[0].features.shape[1]), dtype=np.float32
    )
    for row, utterance in zip(padded, utterances, strict=True):
        row[: len(utterance.features)] = utterance.features
    return Batch(
        torch.from_numpy(padded),
        torch.tensor(frames),
        torch.tensor([label for u in utterances for label in u.labels]),
        torch.tensor([len(u.labels) for u in utterances]),
        tuple(u.reference for u in utterances),
    )


def pooled_batches(
    utterances: Sequence[PreparedUtterance], size: int, pool: int, rng: np.random.Generator
) -> Iterator[Batch]:
    """One pass over all utterances in random batches of similar lengths.

    Utterances are shuffled and cut into pools; each pool is sorted by length and cut into
    batches; the batches are shuffled. No utterance is left out: a last batch may be smaller.

    Args:
        utterances: a split.
        size: utterances a batch.
        pool: utterances a pool; `size` or less means no sorting that matters.
        rng: source of the order.
    """
    order = rng.permutation(len(utterances))
    batches = []
    for start in range(0, len(order), max(pool, size)):
        members = sorted(
            order[start : start + max(pool, size)].tolist(),
            key=lambda i: len(utterances[i].features),
        )
        batches += [members[i : i + size] for i in range(0, len(members), size)]
    for index in rng.permutation(len(batches)):
        yield make_batch([utterances[i] for i in batches[index]])


def bucketed_batches(
    utterances: Sequence[PreparedUtterance],
    boundary_frames: int,
    short: int,
    long: int,
    rng: np.random.Generator,
) -> Iterator[Batch]:
    """One pass over all utterances in random batches of short ones and of long ones.

    Args:
        utterances: a split, or a part of it; may be empty.
        boundary_frames: utterances with fewer frames are short.
        short: short utterances a batch.
        long: long utterances a batch.
        rng: source of the order.
    """
    order = rng.permutation(len(utterances)).tolist()
    batches = []
    for size, is_long in ((short, False), (long, True)):
        members = [i for i in order if (len(utterances[i].features) >= boundary_frames) is is_long]
        batches += [members[i : i + size] for i in range(0, len(members), size)]
    for index in rng.permutation(len(batches)):
        yield make_batch([utterances[i] for i in batches[index]])


def batch_count(utterances: int, size: int, pool: int) -> int:
    """How many batches a pass of `pooled_batches` has."""
    pool = max(pool, size)
    whole, rest = divmod(utterances, pool)
    return whole * -(-pool // size) + -(-rest // size)


def batches_of(
    utterances: Sequence[PreparedUtterance],
    config: PooledBatches | BucketedBatches,
    rng: np.random.Generator,
) -> tuple[int, Iterator[Batch]]:
    """One pass as a recipe says: how many batches it has, and the batches."""
    if isinstance(config, PooledBatches):
        count = batch_count(len(utterances), config.size, config.pool)
        return count, pooled_batches(utterances, config.size, config.pool, rng)
    short = sum(len(u.features) < config.boundary_frames for u in utterances)
    count = -(-short // config.short) + -(-(len(utterances) - short) // config.long)
    boundary = config.boundary_frames
    return count, bucketed_batches(utterances, boundary, config.short, config.long, rng)
