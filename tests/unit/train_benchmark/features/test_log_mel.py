"""Features against their formula in numpy, and normalisation with numbers computed by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from graph_encoding import TIMIT_MICRO_MACRO, UserError
from train_benchmark.corpora.layouts.utterance import Corpus, Utterance
from train_benchmark.features.log_mel import LogMel, normalise
from train_benchmark.features.prepare import prepare
from train_benchmark.recipe import Recipe

CONFIGS = Path(__file__).parents[4] / "configs"
RATE_HZ = 16_000
FRAME, STEP = 400, 160
BINS = TIMIT_MICRO_MACRO.mel_bins


def edges_hz(mel_bins: int) -> NDArray[np.float64]:
    """Where the triangles begin, peak and end: equally spaced on HTK's mel scale, 0 to 8 kHz."""
    highest = 2595 * np.log10(1 + 8000 / 700)
    return np.asarray(700 * (10 ** (np.linspace(0, highest, mel_bins + 2) / 2595) - 1))


def plain_log_mel(samples: NDArray[np.float32], mel_bins: int) -> NDArray[np.float64]:
    """The formula of the original, one frame after the other."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
    hz = np.fft.rfftfreq(FRAME, 1 / RATE_HZ)
    edges = edges_hz(mel_bins)
    rows = []
    for start in range(0, len(samples) - FRAME + 1, STEP):
        power = np.abs(np.fft.rfft(samples[start : start + FRAME] * window)) ** 2
        row = []
        for low, peak, high in zip(edges, edges[1:], edges[2:], strict=False):
            rising, falling = (hz - low) / (peak - low), (high - hz) / (high - peak)
            row.append(np.maximum(0, np.minimum(rising, falling)) @ power)
        rows.append(np.log(np.array(row) + 1e-10))
    return np.array(rows)


def noise(count: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, count).astype(np.float32)


@pytest.mark.parametrize("mel_bins", [40, 80])
def test_features_are_those_of_the_formula(mel_bins: int) -> None:
    samples = noise(4000)
    macro = replace(TIMIT_MICRO_MACRO, mel_bins=mel_bins)
    np.testing.assert_allclose(LogMel(macro)(samples), plain_log_mel(samples, mel_bins), atol=2e-3)


@pytest.mark.parametrize(("count", "frames"), [(400, 1), (559, 1), (560, 2), (16_000, 98)])
def test_frames_are_those_that_lie_within_the_signal(count: int, frames: int) -> None:
    features = LogMel(TIMIT_MICRO_MACRO)(noise(count))
    assert (features.shape, features.dtype) == ((frames, BINS), np.float32)


def test_frames_are_as_long_and_as_far_apart_as_the_macros() -> None:
    macro = replace(TIMIT_MICRO_MACRO, frame_length_s=0.05, frame_shift_s=0.02)
    features = LogMel(macro)(noise(16_000))
    assert features.shape == (1 + (16_000 - 800) // 320, BINS)
    with pytest.raises(UserError, match=r"at least 800 samples \(one frame\), but got 799"):
        LogMel(macro)(noise(799))


def test_less_than_a_frame_is_refused() -> None:
    with pytest.raises(UserError, match=r"at least 400 samples \(one frame\), but got 399"):
        LogMel(TIMIT_MICRO_MACRO)(noise(399))


@pytest.mark.parametrize("hz", [500.0, 1000.0, 4000.0])
def test_a_sine_is_loudest_in_its_band(hz: float) -> None:
    sine = (0.5 * np.sin(2 * np.pi * hz * np.arange(4000) / RATE_HZ)).astype(np.float32)
    nearest = int(np.abs(edges_hz(BINS)[1:-1] - hz).argmin())
    assert set(LogMel(TIMIT_MICRO_MACRO)(sine).argmax(axis=1)) == {nearest}


def test_silence_is_the_logarithm_of_the_floor() -> None:
    silence = LogMel(TIMIT_MICRO_MACRO)(np.zeros(800, np.float32))
    np.testing.assert_allclose(silence, np.log(1e-10), rtol=1e-6)


def test_normalised_by_hand() -> None:
    """Training frames 1 and 3 have mean 2 and variance 1; the floor 0.001 is added to it."""
    train = [np.array([[1.0, 5.0]], np.float32), np.array([[3.0, 5.0]], np.float32)]
    test = [np.array([[2.0, 5.0], [6.0, 6.0]], np.float32)]
    (result,) = normalise(test, train)
    expected = [[0, 0], [4 / np.sqrt(1.001), 1 / np.sqrt(0.001)]]
    np.testing.assert_allclose(result, expected, rtol=1e-6)
    assert result.dtype == np.float32


def test_training_frames_come_to_mean_zero_and_variance_one() -> None:
    """Frames count alike, however many an utterance has."""
    rng = np.random.default_rng(0)
    train = [rng.normal(3, 2, (frames, 4)).astype(np.float32) for frames in (5, 50, 500)]
    frames = np.concatenate(normalise(train, train))
    np.testing.assert_allclose(frames.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(frames.var(axis=0), 1, rtol=1e-3)


def test_statistics_come_from_the_training_part_only() -> None:
    """Neither the other utterances nor their scale change an utterance's values."""
    rng = np.random.default_rng(0)
    train = [rng.normal(0, 1, (20, 3)).astype(np.float32)]
    one, loud = (rng.normal(0, scale, (7, 3)).astype(np.float32) for scale in (1, 100))
    np.testing.assert_array_equal(normalise([one], train)[0], normalise([loud, one], train)[1])


def test_a_prepared_corpus_is_normalised_by_its_training_part() -> None:
    """The parts differ in loudness, so that statistics of another part would be seen."""
    recipe = Recipe.load(CONFIGS / "train/timit-micro.toml", CONFIGS / "corpus/timit-sample.toml")
    split = recipe.corpus.split.model_copy(
        update={p: (f"f{p}0",) for p in ("train", "val", "test")}
    )
    corpus = recipe.corpus.model_copy(update={"split": split})
    samples = {"train": 0.1 * noise(8000, 1), "val": noise(8000, 2), "test": 0.01 * noise(8000, 3)}
    prepared = prepare(
        Corpus(
            tuple(
                Utterance(f"f{part}0/sx1", f"f{part}0", "sx1", None, signal, ("h#", "iy"))
                for part, signal in samples.items()
            )
        ),
        recipe.model_copy(update={"corpus": corpus}),
    )
    raw = {part: LogMel(recipe.macro)(signal) for part, signal in samples.items()}
    mean, variance = raw["train"].mean(axis=0), raw["train"].var(axis=0)
    for part, features in raw.items():
        (utterance,) = getattr(prepared, part)
        expected = (features - mean) / np.sqrt(variance + 1e-3)
        np.testing.assert_allclose(utterance.features, expected, atol=1e-3)
