"""Correlations between tables: noise that is added is taken out again."""

import math

import numpy as np
import pytest

from studies.transfer_matrix import Labels, corrected_correlation

KEYS = [f"f{i}" for i in range(4_000)]


def labels_with_noise(true: np.ndarray, noise: float, seeds: int, seed: int) -> Labels:
    values = true[:, None] + np.random.default_rng(seed).normal(0, noise, (len(true), seeds))
    return Labels(
        dict(zip(KEYS, values.mean(axis=1).tolist(), strict=True)),
        dict.fromkeys(KEYS, seeds),
        dict.fromkeys(KEYS, noise**2),
    )


@pytest.mark.parametrize("true_r", [0.9, 0.4, -0.5])
def test_seed_noise_is_removed_from_a_correlation(true_r: float) -> None:
    one, other = np.random.default_rng(0).normal(size=(2, len(KEYS)))
    other = true_r * one + math.sqrt(1 - true_r**2) * other
    first, second = labels_with_noise(one, 1.0, 1, 1), labels_with_noise(other, 0.7, 2, 2)
    plain = np.corrcoef([first.means[k] for k in KEYS], [second.means[k] for k in KEYS])[0, 1]
    assert abs(plain) < 0.7 * abs(true_r)
    assert corrected_correlation(first, second, KEYS) == pytest.approx(true_r, abs=0.06)


def test_a_table_of_noise_alone_has_no_corrected_correlation() -> None:
    truth = np.random.default_rng(0).normal(size=len(KEYS))
    noise = labels_with_noise(np.zeros(len(KEYS)), 1.0, 1, 1)
    overstated = Labels(noise.means, noise.seeds, dict.fromkeys(KEYS, 2.0))
    assert math.isnan(corrected_correlation(labels_with_noise(truth, 0.5, 1, 2), overstated, KEYS))


def test_a_table_without_repeated_functions_has_no_reliability() -> None:
    labels = Labels(dict.fromkeys(KEYS, 0.0) | {"f0": 1.0}, dict.fromkeys(KEYS, 1), {})
    assert math.isnan(labels.reliability(KEYS))


def test_the_seed_variance_is_that_of_the_compared_functions() -> None:
    means = dict(zip(KEYS, np.random.default_rng(0).normal(size=len(KEYS)).tolist(), strict=True))
    quiet, noisy = KEYS[:2000], KEYS[2000:]
    variances = dict.fromkeys(quiet[:100], 0.1) | dict.fromkeys(noisy[:100], 0.9)
    labels = Labels(means, dict.fromkeys(KEYS, 1), variances)
    assert labels.reliability(quiet) == pytest.approx(0.9, abs=0.03)
    assert labels.reliability(noisy) == pytest.approx(0.1, abs=0.06)
