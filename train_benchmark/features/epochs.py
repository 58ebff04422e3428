"""Batches of each epoch of a training, ordered and augmented by the recipe."""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import torch

from train_benchmark.corpora.config import MixConfig
from train_benchmark.features.augment import Warper
from train_benchmark.features.batching import (
    Batch,
    MakeBatch,
    PoolDraws,
    ResidentFeatures,
    batch_count,
    batches_of,
    make_batch,
    pooled_batches,
)
from train_benchmark.features.lengths import required_frames
from train_benchmark.features.prepared import PreparedCorpus, PreparedUtterance
from train_benchmark.recipe import PooledBatches, Recipe

_RESIDENT_BYTES = 2 << 30
"""Larger features are copied to a GPU batch by batch; TIMIT's are 0.4 GB."""


class EpochBatches:
    """The training batches of all epochs.

    With one corpus, an epoch has the number of steps of a pass over all utterances; the steps of a
    curriculum come first and delay the passes. With a mix, an epoch draws from each pool.

    Args:
        recipe: the recipe.
        corpus: the prepared corpus.
        rng: random generator of the order.
        changes: random generator of the warps.
        device: device of the batches.

    Attributes:
        steps: batches per epoch.
    """

    def __init__(
        self,
        recipe: Recipe,
        corpus: PreparedCorpus,
        rng: np.random.Generator,
        changes: np.random.Generator,
        device: torch.device,
    ) -> None:
        self._recipe = recipe
        self._corpus = corpus
        self._rng = rng
        self._make = _batch_maker(recipe, corpus.train, changes, device)
        self._draws: PoolDraws | None = None
        config = recipe.train.batches
        if isinstance(recipe.corpus, MixConfig):
            assert isinstance(config, PooledBatches), "a Recipe has pooled batches with a mix"
            count = recipe.corpus.epoch_utterances
            self._draws = PoolDraws(corpus.pools, count, rng)
            self.steps = batch_count(count, config.size, config.pool)
        else:
            self.steps, _ = batches_of(corpus.train, config, rng)
        self._stream = self._all_batches()

    def next_epoch(self) -> Iterator[Batch]:
        """The batches of the next epoch; they must be exhausted before the next call."""
        return islice(self._stream, self.steps)

    def _all_batches(self) -> Iterator[Batch]:
        config, train = self._recipe.train, self._corpus.train
        if self._draws is not None:
            assert isinstance(config.batches, PooledBatches)
            size, pool = config.batches.size, config.batches.pool
            while True:
                drawn = self._draws.next_epoch()
                yield from pooled_batches(drawn, size, pool, self._rng, self._make)
        for stage in config.curriculum:
            short = [u for u in train if self._seconds(u) < stage.max_seconds]
            for _ in range(stage.passes):
                yield from batches_of(short, config.batches, self._rng, self._make)[1]
        while True:
            yield from batches_of(train, config.batches, self._rng, self._make)[1]

    def _seconds(self, utterance: PreparedUtterance) -> float:
        """Duration of an utterance's frames."""
        macro = self._recipe.macro
        return (len(utterance.features) - 1) * macro.frame_shift_s + macro.frame_length_s


def _batch_maker(
    recipe: Recipe,
    utterances: Sequence[PreparedUtterance],
    changes: np.random.Generator,
    device: torch.device,
) -> MakeBatch:
    """The function that builds batches on a device; on a GPU from resident features."""
    if recipe.train.warp is not None:
        return _warped(recipe, changes, lambda members: make_batch(members).to(device))
    if device.type == "cpu":
        return make_batch
    if sum(u.features.nbytes for u in utterances) <= _RESIDENT_BYTES:
        return ResidentFeatures(utterances, device).make_batch
    return lambda members: make_batch(members).to(device)


def _warped(recipe: Recipe, changes: np.random.Generator, make: MakeBatch) -> MakeBatch:
    assert recipe.train.warp is not None
    warper = Warper(recipe.train.warp, recipe.macro.mel_bins, recipe.macro.total_stride)

    def warp_and_make(members: Sequence[PreparedUtterance]) -> Batch:
        return make([warper(u, required_frames(u.labels), changes) for u in members])

    return warp_and_make
