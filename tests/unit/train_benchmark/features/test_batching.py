"""Batches: every utterance once, short and long apart, equal wherever they are made."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from train_benchmark.features.batching import (
    Batch,
    ResidentFeatures,
    batches_of,
    evaluation_batches,
    make_batch,
)
from train_benchmark.features.prepared import PreparedUtterance
from train_benchmark.recipe import BucketedBatches, PooledBatches

BUCKETS = BucketedBatches(kind="bucketed", boundary_frames=300, short=4, long=3)


def utterance(number: int, frames: int) -> PreparedUtterance:
    features = np.full((frames, 4), number + 1, dtype=np.float32)
    return PreparedUtterance(str(number), features, (1, 2), (number,))


def members(batches: list[Batch]) -> list[int]:
    return [reference[0] for batch in batches for reference in batch.references]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (range(290, 313), 3 + 5),
        ([299] * 5, 2),
        ([300] * 5, 2),
        ([], 0),
    ],
)
def test_buckets_keep_short_and_long_apart(frames: list[int], expected: int) -> None:
    utterances = [utterance(i, n) for i, n in enumerate(frames)]
    count, batches = batches_of(utterances, BUCKETS, np.random.default_rng(0))
    found = list(batches)
    assert len(found) == count == expected
    for batch in found:
        is_long = (batch.frames_B >= 300).tolist()
        assert len(set(is_long)) == 1
        assert len(batch.references) <= (3 if is_long[0] else 4)
    assert sorted(members(found)) == list(range(len(utterances)))


@pytest.mark.parametrize("config", [BUCKETS, PooledBatches(kind="pooled", size=3, pool=9)])
def test_order_is_the_generators_and_new_in_each_pass(
    config: PooledBatches | BucketedBatches,
) -> None:
    utterances = [utterance(i, 200 + 10 * i) for i in range(20)]
    rng = np.random.default_rng(0)
    first, second = (members(list(batches_of(utterances, config, rng)[1])) for _ in range(2))
    again = members(list(batches_of(utterances, config, np.random.default_rng(0))[1]))
    assert first == again
    assert first != second


def test_counting_batches_draws_nothing() -> None:
    rng = np.random.default_rng(0)
    batches_of([utterance(0, 9)], BUCKETS, rng)
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


def test_batches_cut_out_on_a_device_are_the_same() -> None:
    rng = np.random.default_rng(0)
    split = [
        PreparedUtterance(
            str(i), rng.normal(size=(n, 3)).astype(np.float32), tuple(range(1, i + 2)), (i,)
        )
        for i, n in enumerate([5, 9, 1, 7])
    ]
    resident = ResidentFeatures(split, torch.device("cpu"))
    for chosen in ([split[3]], [split[2], split[0]], [split[1], split[3], split[2], split[0]]):
        expected, found = make_batch(chosen), resident.make_batch(chosen)
        for name in ("features_BTC", "frames_B", "labels", "label_lengths_B"):
            assert torch.equal(getattr(found, name), getattr(expected, name)), name
        assert found.references == expected.references


@pytest.mark.parametrize(("max_frames", "sizes"), [(1000, [5]), (60, [2, 2, 1]), (1, [1] * 5)])
def test_evaluation_keeps_the_order_and_the_limit(max_frames: int, sizes: list[int]) -> None:
    utterances = [utterance(i, n) for i, n in enumerate([10, 30, 20, 30, 40])]
    batches = evaluation_batches(utterances, max_frames)
    assert [len(batch.references) for batch in batches] == sizes
    assert members(batches) == [0, 1, 2, 3, 4]
    assert all(
        b.features_BTC[..., 0].numel() <= max_frames or len(b.references) == 1 for b in batches
    )
