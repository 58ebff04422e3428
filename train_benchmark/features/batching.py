"""Batches of prepared utterances, and their order in training."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from train_benchmark.corpora.config import divided_by_shares
from train_benchmark.features.prepared import NO_LABEL, PreparedUtterance, TrainingPool
from train_benchmark.recipe import BucketedBatches, PooledBatches


@dataclass(frozen=True, eq=False)
class Batch:
    """Utterances padded with zeros to the longest.

    Attributes:
        features_BTC: (B, T, mel_bins) float32.
        frames_B: (B,) int64 true lengths.
        labels: (sum of labels,) int64, one utterance after another.
        label_lengths_B: (B,) int64.
        references: B reference phone sequences.
        frame_labels_BT: (B, T) int64 training label of each frame, `NO_LABEL` where unknown; None
            if no utterance has any.
    """

    features_BTC: Tensor
    frames_B: Tensor
    labels: Tensor
    label_lengths_B: Tensor
    references: tuple[tuple[int, ...], ...]
    frame_labels_BT: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """The same batch with its tensors on a device."""
        return replace(
            self,
            features_BTC=self.features_BTC.to(device),
            frames_B=self.frames_B.to(device),
            labels=self.labels.to(device),
            label_lengths_B=self.label_lengths_B.to(device),
            frame_labels_BT=(
                None if self.frame_labels_BT is None else self.frame_labels_BT.to(device)
            ),
        )


MakeBatch = Callable[[Sequence[PreparedUtterance]], Batch]
"""Pads at least one utterance to a batch."""


def make_batch(utterances: Sequence[PreparedUtterance]) -> Batch:
    """Pad utterances to one batch."""
    frames = [len(u.features) for u in utterances]
    padded = np.zeros(
        (len(utterances), max(frames), utterances[0].features.shape[1]), dtype=np.float32
    )
    for row, utterance in zip(padded, utterances, strict=True):
        row[: len(utterance.features)] = utterance.features
    return Batch(
        torch.from_numpy(padded),
        torch.tensor(frames),
        *_labels_of(utterances),
        _frame_labels_of(utterances, max(frames)),
    )


def _labels_of(
    utterances: Sequence[PreparedUtterance],
) -> tuple[Tensor, Tensor, tuple[tuple[int, ...], ...]]:
    """The `labels`, `label_lengths_B` and `references` of a batch."""
    return (
        torch.tensor([label for u in utterances for label in u.labels]),
        torch.tensor([len(u.labels) for u in utterances]),
        tuple(u.reference for u in utterances),
    )


def _frame_labels_of(utterances: Sequence[PreparedUtterance], frames: int) -> Tensor | None:
    """The `frame_labels_BT` of a batch."""
    if not any(len(u.frame_labels) for u in utterances):
        return None
    padded = np.full((len(utterances), frames), NO_LABEL, dtype=np.int64)
    for row, utterance in zip(padded, utterances, strict=True):
        row[: len(utterance.frame_labels)] = utterance.frame_labels
    return torch.from_numpy(padded)


class ResidentFeatures:
    """Features of a split in the memory of a device, which its batches are indexed from.

    Copying batches to a GPU waits for main memory at every step.

    Args:
        utterances: the split, at least one utterance, with unique keys.
        device: the device.
    """

    def __init__(self, utterances: Sequence[PreparedUtterance], device: torch.device) -> None:
        self._device = device
        frames = np.array([len(u.features) for u in utterances])
        starts = np.cumsum(frames) - frames
        self._starts = {u.key: int(start) for u, start in zip(utterances, starts, strict=True)}
        silence = np.zeros((1, utterances[0].features.shape[1]), dtype=np.float32)
        flat_NC = np.concatenate([*(u.features for u in utterances), silence])
        self._flat_NC = torch.from_numpy(flat_NC).to(device)

    def make_batch(self, utterances: Sequence[PreparedUtterance]) -> Batch:
        """Equal to the function `make_batch`, on the device."""
        frames_B = torch.tensor([len(u.features) for u in utterances])
        starts_B = torch.tensor([self._starts[u.key] for u in utterances])
        positions_T = torch.arange(int(frames_B.max()))
        rows_BT = starts_B[:, None] + positions_T
        # The row after the last is zero: the padding.
        rows_BT[positions_T >= frames_B[:, None]] = len(self._flat_NC) - 1
        batch = Batch(
            self._flat_NC[rows_BT.to(self._device)],
            frames_B,
            *_labels_of(utterances),
            _frame_labels_of(utterances, rows_BT.shape[1]),
        )
        return batch.to(self._device)


def evaluation_batches(
    utterances: Sequence[PreparedUtterance], max_frames: int, make: MakeBatch = make_batch
) -> list[Batch]:
    """Batches of a split in its order, of at most `max_frames` frames with padding.

    Args:
        utterances: a split, at least one utterance.
        max_frames: size of a batch; a longer utterance is a batch of its own.
        make: builds a batch.
    """
    groups: list[list[PreparedUtterance]] = []
    longest = 0
    for utterance in utterances:
        longest = max(longest, len(utterance.features))
        if not groups or (len(groups[-1]) + 1) * longest > max_frames:
            groups.append([])
            longest = len(utterance.features)
        groups[-1].append(utterance)
    return [make(group) for group in groups]


def pooled_batches(
    utterances: Sequence[PreparedUtterance],
    size: int,
    pool: int,
    rng: np.random.Generator,
    make: MakeBatch = make_batch,
) -> Iterator[Batch]:
    """One pass over all utterances in random batches of similar lengths.

    Utterances are shuffled and split into pools; each pool is sorted by length and split into
    batches; the batches are shuffled. The last batch of a pool may be smaller.

    Args:
        utterances: a split.
        size: utterances per batch.
        pool: utterances per pool, at least `size`.
        rng: random generator.
        make: builds a batch.
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
        yield make([utterances[i] for i in batches[index]])


def bucketed_batches(
    utterances: Sequence[PreparedUtterance],
    boundary_frames: int,
    short: int,
    long: int,
    rng: np.random.Generator,
    make: MakeBatch = make_batch,
) -> Iterator[Batch]:
    """One pass over all utterances in random batches of short or of long ones.

    Args:
        utterances: a split, or a part of it; may be empty.
        boundary_frames: utterances with fewer frames are short.
        short: short utterances per batch.
        long: long utterances per batch.
        rng: random generator.
        make: builds a batch.
    """
    order = rng.permutation(len(utterances)).tolist()
    batches = []
    for size, is_long in ((short, False), (long, True)):
        members = [i for i in order if (len(utterances[i].features) >= boundary_frames) is is_long]
        batches += [members[i : i + size] for i in range(0, len(members), size)]
    for index in rng.permutation(len(batches)):
        yield make([utterances[i] for i in batches[index]])


def batch_count(utterances: int, size: int, pool: int) -> int:
    """Number of batches of a pass of `pooled_batches`."""
    pool = max(pool, size)
    whole, rest = divmod(utterances, pool)
    return whole * -(-pool // size) + -(-rest // size)


def batches_of(
    utterances: Sequence[PreparedUtterance],
    config: PooledBatches | BucketedBatches,
    rng: np.random.Generator,
    make: MakeBatch = make_batch,
) -> tuple[int, Iterator[Batch]]:
    """One pass of a recipe: the number of batches, and the batches.

    `rng` is not used before the first batch is taken.
    """
    if isinstance(config, PooledBatches):
        count = batch_count(len(utterances), config.size, config.pool)
        return count, pooled_batches(utterances, config.size, config.pool, rng, make)
    short = sum(len(u.features) < config.boundary_frames for u in utterances)
    count = -(-short // config.short) + -(-(len(utterances) - short) // config.long)
    boundary = config.boundary_frames
    return count, bucketed_batches(utterances, boundary, config.short, config.long, rng, make)


class PoolDraws:
    """Draws each epoch's utterances from several pools.

    No utterance is repeated before its pool is exhausted, also across epochs.

    Args:
        pools: the pools.
        per_epoch: utterances per epoch, divided by the pools' shares.
        rng: random generator.
    """

    def __init__(
        self, pools: Sequence[TrainingPool], per_epoch: int, rng: np.random.Generator
    ) -> None:
        self._pools = pools
        self._counts = divided_by_shares([pool.share for pool in pools], per_epoch)
        self._rng = rng
        self._waiting: list[list[PreparedUtterance]] = [[] for _ in pools]

    def next_epoch(self) -> list[PreparedUtterance]:
        """Utterances of the next epoch, pool by pool."""
        drawn = []
        for pool, count, waiting in zip(self._pools, self._counts, self._waiting, strict=True):
            for _ in range(count):
                if not waiting:
                    order = self._rng.permutation(len(pool.utterances)).tolist()
                    waiting += [pool.utterances[i] for i in order]
                drawn.append(waiting.pop())
        return drawn
