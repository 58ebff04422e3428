"""Data augmentation of features: speaking rate, vocal tract length, masks."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from train_benchmark.corpora.layouts.audio_files import SAMPLE_RATE_HZ
from train_benchmark.features.prepared import PreparedUtterance
from train_benchmark.recipe import Masks, Warp

_KNEE_HZ = 4800.0
"""Upper limit of formants: frequencies are scaled below, and compressed above."""


class Warper:
    """Changes the speaking rate and the vocal tract length of utterances.

    Args:
        warp: the largest changes.
        mel_bins: bands of the features, HTK mel from 0 Hz to half the sample rate.
        total_stride: input frames per output frame of the network.

    Source: Jaitly and Hinton, 2013, for the piecewise linear warp of frequencies.
    """

    def __init__(self, warp: Warp, mel_bins: int, total_stride: int) -> None:
        self._warp = warp
        self._stride = total_stride
        edges = np.linspace(0.0, _mel(SAMPLE_RATE_HZ / 2), mel_bins + 2)
        self._centres_hz = _hz(edges[1:-1])

    def __call__(
        self, utterance: PreparedUtterance, required_frames: int, rng: np.random.Generator
    ) -> PreparedUtterance:
        """Return an utterance with one random change.

        Args:
            utterance: the utterance.
            required_frames: output frames that CTC needs for its labels: the least length.
            rng: random generator; two numbers are drawn.
        """
        rate = 1.0 + self._warp.rate * rng.uniform(-1.0, 1.0)
        scale = 1.0 + self._warp.frequency * rng.uniform(-1.0, 1.0)
        frames = len(utterance.features)
        least = (required_frames - 1) * self._stride + 1
        wanted = max(round(frames / rate), min(frames, least), 2)
        positions = np.linspace(0.0, frames - 1.0, wanted)
        features = _interpolate_rows(utterance.features, positions)
        bands = np.interp(
            self._warped_hz(scale), self._centres_hz, np.arange(len(self._centres_hz))
        )
        features = _interpolate_rows(np.ascontiguousarray(features.T), bands).T
        labels = utterance.frame_labels
        if len(labels):
            labels = labels[np.round(positions).astype(np.int64)]
        return replace(utterance, features=np.ascontiguousarray(features), frame_labels=labels)

    def _warped_hz(self, scale: float) -> NDArray[np.float64]:
        """Source frequency of each band's new value: below the knee, centre * scale."""
        top = SAMPLE_RATE_HZ / 2
        knee = _KNEE_HZ * min(scale, 1.0) / scale
        above = scale * knee + (top - scale * knee) * (self._centres_hz - knee) / (top - knee)
        return np.where(self._centres_hz <= knee, scale * self._centres_hz, above)


def mask_batch(
    features_BTC: Tensor, frames_B: Tensor, masks: Masks, rng: np.random.Generator
) -> None:
    """Set random blocks of frames and of bands to zero, the training mean, in place.

    Args:
        features_BTC: (B, T, mel_bins) normalised features.
        frames_B: (B,) true lengths.
        masks: number and size of the blocks.
        rng: random generator.
    """
    bands = features_BTC.shape[2]
    for row, frames in zip(features_BTC, frames_B.tolist(), strict=True):
        for count, longest, length, dimension in (
            (masks.time, masks.time_frames, frames, 0),
            (masks.frequency, masks.frequency_bands, bands, 1),
        ):
            for _ in range(count):
                width = int(rng.integers(0, min(longest, length) + 1))
                start = int(rng.integers(0, length - width + 1))
                row.narrow(dimension, start, width).zero_()


def _interpolate_rows(
    values: NDArray[np.float32], positions: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Linear interpolation of a matrix's rows at fractional positions."""
    before = np.minimum(positions.astype(np.int64), len(values) - 2) if len(values) > 1 else None
    if before is None:
        return np.repeat(values, len(positions), axis=0)
    share = (positions - before).astype(np.float32)[:, None]
    found: NDArray[np.float32] = values[before] * (1.0 - share) + values[before + 1] * share
    return found


def _mel(hz: float) -> float:
    return float(2595.0 * np.log10(1.0 + hz / 700.0))


def _hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    hz: NDArray[np.float64] = 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    return hz
