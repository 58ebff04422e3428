"""Warps and masks: laws of what they may change, and known answers."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from train_benchmark.features.augment import Warper, mask_batch
from train_benchmark.features.prepared import PreparedUtterance
from train_benchmark.recipe import Masks, Warp

BANDS = 40
STRIDE = 4


def utterance(frames: int, *, labelled: bool = True) -> PreparedUtterance:
    rng = np.random.default_rng(frames)
    features = rng.normal(size=(frames, BANDS)).astype(np.float32)
    labels = np.sort(rng.integers(1, 49, frames)).astype(np.int16)
    return PreparedUtterance(
        "u", features, (1, 2), (1, 2), labels if labelled else np.zeros(0, np.int16)
    )


def warper(rate: float, frequency: float) -> Warper:
    return Warper(Warp(rate=rate, frequency=frequency), BANDS, STRIDE)


def test_a_warp_of_nothing_changes_nothing() -> None:
    before = utterance(57)
    after = warper(0.0, 0.0)(before, 2, np.random.default_rng(0))
    np.testing.assert_allclose(after.features, before.features, atol=1e-5)
    np.testing.assert_array_equal(after.frame_labels, before.frame_labels)


@settings(max_examples=60, deadline=None)
@given(
    frames=st.integers(1, 300),
    rate=st.floats(0, 0.9),
    frequency=st.floats(0, 0.4),
    needed=st.integers(1, 40),
    seed=st.integers(0, 2**32),
)
def test_a_warp_keeps_range_order_and_room(
    frames: int, rate: float, frequency: float, needed: int, seed: int
) -> None:
    before = utterance(frames)
    kept = before.features.copy()
    after = warper(rate, frequency)(before, needed, np.random.default_rng(seed))
    np.testing.assert_array_equal(before.features, kept)
    length = len(after.features)
    assert after.features.dtype == np.float32
    assert after.features.shape == (length, BANDS)
    assert len(after.frame_labels) == length
    # Interpolation neither leaves the range of the values nor changes the order of the phones.
    assert after.features.min() >= kept.min() - 1e-4
    assert after.features.max() <= kept.max() + 1e-4
    assert (np.diff(after.frame_labels) >= 0).all()
    assert set(after.frame_labels) <= set(before.frame_labels)
    # CTC still has room, if it had before.
    if -(-frames // STRIDE) >= needed:
        assert -(-length // STRIDE) >= needed


def test_rates_reach_both_sides_and_their_bounds() -> None:
    before, rng = utterance(200, labelled=False), np.random.default_rng(3)
    change = warper(0.2, 0.0)
    lengths = [len(change(before, 2, rng).features) for _ in range(300)]
    assert min(lengths) >= round(200 / 1.2)
    assert max(lengths) <= round(200 / 0.8)
    assert min(lengths) < 172
    assert max(lengths) > 240
    assert len(change(before, 2, rng).frame_labels) == 0


def test_frequencies_move_a_tone_up_and_down() -> None:
    """A peak in one band comes to stand in bands on both sides of it, never far away."""
    features = np.zeros((10, BANDS), np.float32)
    features[:, 20] = 1.0
    tone = dataclasses.replace(utterance(10), features=features)
    change, rng = warper(0.0, 0.15), np.random.default_rng(0)
    peaks = {int(change(tone, 1, rng).features.mean(axis=0).argmax()) for _ in range(200)}
    assert min(peaks) < 20 < max(peaks)
    assert max(abs(peak - 20) for peak in peaks) <= 3


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), frames=st.integers(1, 60))
def test_masks_set_at_most_their_blocks_to_zero(seed: int, frames: int) -> None:
    masks = Masks(time=2, time_frames=5, frequency=1, frequency_bands=4)
    features = torch.ones(3, 60, BANDS)
    lengths = torch.tensor([frames, 60, max(1, frames // 2)])
    mask_batch(features, lengths, masks, np.random.default_rng(seed))
    for row in features.numpy():
        silent_frames = (row == 0).all(axis=1).sum()
        silent_bands = (row == 0).all(axis=0).sum()
        assert silent_bands <= 4 or silent_frames == 60
        assert silent_frames <= 10 or silent_bands == BANDS


def test_masks_draw_every_width() -> None:
    masks = Masks(time=1, time_frames=3, frequency=0, frequency_bands=1)
    rng, widths = np.random.default_rng(0), set()
    for _ in range(100):
        features = torch.ones(1, 20, 5)
        mask_batch(features, torch.tensor([20]), masks, rng)
        widths.add(int((features == 0).all(dim=2).sum()))
    assert widths == {0, 1, 2, 3}
